/* answer.h - one answer of a service over HTTP, as its bytes come: what was said, what it cost, how it ended.
 *
 * Nobody is called back: after each qg_answer_feed() the caller takes what stands in text. A wire form
 * (struct qg_reader) only knows what its events mean; framing, and what is no event stream at all, are
 * decided here. */
#ifndef QG_AGENTS_MODELS_ANSWER_H
#define QG_AGENTS_MODELS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "errors.h"
#include "qg/scan.h"
#include "sse.h"

#define QG_ANSWER_MAX_TEXT ((size_t)1 << 20) /* of text, refusal and tool arguments, each */
#define QG_ANSWER_MAX_TOOLS 64

enum qg_outcome {
	QG_OUTCOME_COMPLETE,
	QG_OUTCOME_TRUNCATED,  /* stopped at max_tokens or the window's end: no tool may run */
	QG_OUTCOME_FILTERED,   /* what was shown is to be withdrawn */
	QG_OUTCOME_INCOMPLETE, /* the stream broke off: never a success */
	QG_OUTCOME_ERROR,      /* error says which */
};

struct qg_answer_tool {
	int64_t index;
	char *id, *name; /* "" where none came */
	struct qg_buf arguments;
	uint16_t high;
};

/* Tokens as reported; -1: not said. input holds cached and written ones, output the reasoning. */
struct qg_answer_usage {
	int64_t input, cached_input, cache_write, output, reasoning, total, image;
};

/* A run of <think>...</think> at the beginning of the text. */
enum qg_think { QG_THINK_START, QG_THINK_INSIDE, QG_THINK_AFTER, QG_THINK_NONE };

struct qg_answer;

/* A wire form. Both are fed well-framed bytes; what they cannot read they ignore. */
struct qg_reader {
	/* One event of a stream. */
	void (*event)(struct qg_answer *answer, const struct qg_sse_event *event);
	/* A whole answer in one JSON text. */
	void (*whole)(struct qg_answer *answer, const char *body, size_t size);
	/* What the reason of the end means. */
	enum qg_outcome (*outcome)(struct qg_answer *answer);
};
extern const struct qg_reader qg_openai_reader, qg_anthropic_reader;

struct qg_answer {
	const struct qg_reader *reader;
	const char *provider;	     /* for the classes of errors; may be NULL */
	bool hides_think;	     /* <think> at the beginning of the text is reasoning */
	bool keeps_reasoning;	     /* tests; else only its bytes are counted */
	struct qg_buf text, refusal; /* text: not taken yet; the caller resets it */
	struct qg_buf reasoning;
	size_t text_bytes, reasoning_bytes; /* all that came */
	struct qg_answer_tool *tools;
	size_t tool_count;
	char finish[48]; /* the last reason of the end that was not empty; "" */
	char model[96];	 /* as the service names it; "" */
	bool has_usage;
	bool usage_grows; /* what came so far is only its beginning */
	struct qg_answer_usage usage;
	bool done;     /* the stream said so: nothing behind it counts */
	bool failed;   /* error is set */
	bool overflow; /* over a ceiling, or no memory */
	struct qg_vendor_error error;
	uint64_t events; /* that carried something: progress, not mere life */
	/* private */
	enum { QG_FRAME_UNKNOWN, QG_FRAME_SSE, QG_FRAME_JSON, QG_FRAME_OTHER } frame;
	bool says_sse;
	struct qg_sse sse;
	struct qg_mould delta; /* of the last chunk that held nothing but text */
	struct qg_buf body, scratch;
	uint16_t text_high, reasoning_high, refusal_high;
	enum qg_think think;
	char tag[8]; /* bytes that may be the beginning of a tag */
	size_t tag_size;
};

void qg_answer_init(struct qg_answer *answer, const struct qg_reader *reader);
void qg_answer_finish(struct qg_answer *answer);
/* Before the first byte: the answer's Content-Type, or NULL. */
void qg_answer_begin(struct qg_answer *answer, const char *content_type);
/* false: done, failed, over a ceiling or no answer at all; what follows would be ignored. */
bool qg_answer_feed(struct qg_answer *answer, const char *data, size_t size);
/* The body ended, cleanly or not. The verdict; error.error says more where it is INCOMPLETE or ERROR. */
enum qg_outcome qg_answer_end(struct qg_answer *answer, bool cleanly);
/* The usage came, and nothing can follow that would change it. */
bool qg_answer_has_final_usage(const struct qg_answer *answer);
/* "{}" where none came. */
const char *qg_answer_arguments(const struct qg_answer_tool *tool);

/* ---- for the readers ---- */

/* For an event that is no JSON: the same with U+FFFD where its bytes are no text, yours to free. NULL: it is a relay's
 * heartbeat, or the answer failed, for what nobody can read must not be missing without a word. */
char *qg_answer_mend(struct qg_answer *answer, const char *data, size_t size);
void qg_answer_add_text(struct qg_answer *answer, const struct qg_piece *piece);
void qg_answer_add_reasoning(struct qg_answer *answer, const struct qg_piece *piece);
void qg_answer_add_refusal(struct qg_answer *answer, const struct qg_piece *piece);
/* A tool call by index: the last of that index, unless id is another than its own; else a new one. NULL:
 * too many, or no memory. id, name may be of any kind. */
struct qg_answer_tool *qg_answer_tool(struct qg_answer *answer, int64_t index,
	const struct qg_piece *id, const struct qg_piece *name);
void qg_answer_add_arguments(
	struct qg_answer *answer, struct qg_answer_tool *tool, const struct qg_piece *piece);
/* A string that is not empty replaces what was there; cut to fit. */
void qg_answer_set(char *out, size_t room, const struct qg_piece *piece);
/* An error inside an answer with status 200: json is an error object, or what holds one. */
void qg_answer_fail(struct qg_answer *answer, const char *json, size_t size);
/* A count of tokens that is there and sane; else before. */
void qg_answer_count(int64_t *count, const struct qg_piece *piece);
/* It is there and no count: negative, beyond all reason, another thing. */
bool qg_answer_is_absurd(const struct qg_piece *piece);
void qg_answer_clear_usage(struct qg_answer_usage *usage);

#endif
