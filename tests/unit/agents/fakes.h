/* fakes.h - a service that does as it is told and a desk that keeps count: what tests of calls share. */
#ifndef TESTS_UNIT_AGENTS_FAKES_H
#define TESTS_UNIT_AGENTS_FAKES_H

#include "models/endpoints.h"
#include "qg/desk.h"
#include "world.h"

#define FAKE_MODELS 8
#define FAKE_STEPS 8
#define FAKE_CALLS 64

/* What one call to an endpoint does. */
struct fake_step {
	enum qg_model_error error;
	const char *text; /* chunks: each character one; NULL: none */
	bool has_usage, unsent;
	bool refuses; /* ask() fails */
	bool hangs;   /* only a cancel ends it */
	bool lasts;   /* the same, behind the text */
	struct qg_tokens tokens;
	int64_t retry_after_ms; /* 0: not stated */
};

/* Adds an endpoint that does steps one call after the other, the last one for ever; price: nano per 1,000,000 tokens,
 * input and output alike. */
struct qg_model_config *fake_add(struct world *world, const char *name, int rank, int64_t price,
	size_t count, const struct fake_step *steps);
/* How often it was asked. */
size_t fake_asked(const char *name);
/* Called in place of what a step says, where set; for random schedules. */
extern void (*fake_choose)(struct fake_step *step);
/* What was asked last; its texts are borrowed. */
extern struct qg_ask fake_last;
/* From now on prompts are made for it; the question and messages of the last, and its pictures behind each other, are kept
 * here. */
void fake_read_prompts(void);
extern char *fake_text, *fake_prompt, *fake_images;
/* Calls under way. */
extern size_t fake_running;

/* An end as the desk saw it. */
struct fake_end {
	char id[33], model[64], failed[16];
	struct qg_tokens tokens;
	bool estimated, closed, denied;
	int64_t cost, reserved, settled;
	size_t reserves;
	struct qg_reserve first; /* of the reserves */
};

struct fake_desk {
	struct qg_desk desk; /* the first member */
	struct qg_loop *loop;
	enum qg_status (*judge)(
		struct fake_desk *desk, const struct qg_call *call, enum qg_limit *limit);
	enum qg_status bind_status, figures_status;
	struct qg_figures figures;
	char bound[64], day[12]; /* the last code, user and message; the day asked for */
	struct fake_end ends[FAKE_CALLS];
	size_t opened, granted, closed, forgotten, saved, wrong;
	int64_t cost; /* of all closed */
	char saved_way[16], saved_id[33];
	struct qg_tokens saved_tokens;
	void *open;  /* the question under way; NULL for none */
	bool silent; /* answers no question */
};

/* Makes world ask it and its endpoints know the fake service. */
void fake_begin(struct world *world, struct fake_desk *desk);
void fake_end_all(struct world *world, struct fake_desk *desk);

#endif
