/* fake_media.h - files that people sent, as a test tells them. */
#ifndef TESTS_UNIT_AGENTS_FAKE_MEDIA_H
#define TESTS_UNIT_AGENTS_FAKE_MEDIA_H

#include "qg/media.h"
#include "world.h"

#define FAKE_FILES 20

struct fake_file {
	const char *name; /* of the attachment */
	enum qg_status status;
	const char *text; /* a document; else a picture */
	bool cut;
	const char *type, *base64;
	bool hangs; /* only forget() ends it */
};

struct fake_media {
	struct qg_media media; /* the first member */
	struct world *world;
	struct fake_file files[FAKE_FILES];
	size_t count;
	bool gives; /* its pictures may be kept */
	/* what happened */
	size_t asked, open, most_open, forgotten;
	struct fake_question *questions[FAKE_FILES];
};

/* Makes the world's turns ask it. */
void fake_media_begin(struct world *world, struct fake_media *media);
/* The next message brings it, as an attachment of that type. */
void fake_media_attach(struct fake_media *media, const char *type, const struct fake_file *file);

#endif
