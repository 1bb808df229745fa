/* fake_media.c - files that people sent, as a test tells them. */
#include "fake_media.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

struct fake_question {
	struct fake_media *media;
	const struct fake_file *file;
	struct qg_timer *timer;
	qg_media_fn fn;
	void *arg;
};

static void end(struct fake_question *question)
{
	struct fake_media *media = question->media;
	for (size_t i = 0; i < FAKE_FILES; i++) {
		if (media->questions[i] == question) {
			media->questions[i] = NULL;
		}
	}
	media->open--;
	qg_timer_destroy(question->timer);
	free(question);
}

/* The medium is gone behind the call, as a real one is. */
static void answer(void *arg)
{
	struct fake_question question = *(struct fake_question *)arg;
	const struct fake_file *file = question.file;
	end(arg);
	if (file->status != QG_OK) {
		question.fn(question.arg, file->status, NULL);
		return;
	}
	char *name = strdup(file->name), *text = file->text != NULL ? strdup(file->text) : NULL;
	char *base64 = file->base64 != NULL ? strdup(file->base64) : NULL;
	struct qg_medium medium = {.name = name,
		.text = text,
		.size = text != NULL ? strlen(text) : 0,
		.cut = file->cut,
		.type = file->type,
		.base64 = base64,
		.base64_size = base64 != NULL ? strlen(base64) : 0};
	bool taken = false;
	medium.taken = question.media->gives ? &taken : NULL;
	question.fn(question.arg, QG_OK, &medium);
	free(name);
	free(text);
	free(taken ? NULL : base64);
}

static void read_it(struct qg_media *base, const json_t *attachment, qg_media_fn fn, void *arg)
{
	struct fake_media *media = (struct fake_media *)base;
	struct fake_question *question = calloc(1, sizeof(*question));
	*question = (struct fake_question){.media = media, .fn = fn, .arg = arg};
	for (size_t i = 0; i < media->count; i++) {
		if (strcmp(media->files[i].name, qg_json_str(attachment, "key", "")) == 0) {
			question->file = &media->files[i];
		}
	}
	ck_assert_ptr_nonnull(question->file);
	media->asked++;
	media->open++;
	media->most_open = media->open > media->most_open ? media->open : media->most_open;
	size_t place = 0;
	while (media->questions[place] != NULL) {
		place++;
	}
	media->questions[place] = question;
	question->timer = qg_timer_create(media->world->loop, answer, question);
	if (!question->file->hangs) {
		qg_timer_start(question->timer, 0);
	}
}

static void forget(struct qg_media *base, void *arg)
{
	struct fake_media *media = (struct fake_media *)base;
	for (size_t i = 0; i < FAKE_FILES; i++) {
		if (media->questions[i] != NULL && media->questions[i]->arg == arg) {
			media->forgotten++;
			end(media->questions[i]);
			return;
		}
	}
	ck_abort_msg("forgot what was never asked");
}

void fake_media_begin(struct world *world, struct fake_media *media)
{
	*media = (struct fake_media){.media = {read_it, forget}, .world = world};
	world->media = &media->media;
}

void fake_media_attach(struct fake_media *media, const char *type, const struct fake_file *file)
{
	ck_assert_uint_lt(media->count, FAKE_FILES);
	media->files[media->count++] = *file;
	if (media->world->attachments == NULL) {
		media->world->attachments = json_array();
	}
	json_array_append_new(media->world->attachments,
		json_pack("{s:s, s:s, s:s}", "type", type, "name", file->name, "key", file->name));
}
