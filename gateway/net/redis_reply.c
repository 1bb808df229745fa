/* redis_reply.c - commands into wire form, the reader's replies into ours, error replies into
 * classes.
 *
 * Ours is flat and small so that nearly every reply fits on the stack of whoever hands it on. */
#include "redis_wire.h"

#include <string.h>

#include "qg/str.h"

#define NUMBER_ROOM 24

/* Writes mark, number, CRLF at to; returns the end. */
static char *put_number(char *to, char mark, size_t number)
{
	char digits[NUMBER_ROOM];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	*to++ = mark;
	while (count > 0) {
		*to++ = digits[--count];
	}
	*to++ = '\r';
	*to++ = '\n';
	return to;
}

static char *put_word(char *to, const char *word, size_t size)
{
	to = put_number(to, '$', size);
	if (size > 0) {
		memcpy(to, word, size);
		to += size;
	}
	*to++ = '\r';
	*to++ = '\n';
	return to;
}

static size_t word_size(const char *word, const size_t *sizes, int at)
{
	return sizes != NULL ? sizes[at] : strlen(word);
}

enum qg_status qg_redis_encode(struct qg_buf *out, int prefix_count, const char *const *prefix,
	int argc, const char *const *argv, const size_t *sizes)
{
	size_t room = NUMBER_ROOM;

	for (int i = 0; i < prefix_count; i++) {
		room += strlen(prefix[i]) + NUMBER_ROOM + 2;
	}
	for (int i = 0; i < argc; i++) {
		room += word_size(argv[i], sizes, i) + NUMBER_ROOM + 2;
	}
	enum qg_status status = qg_buf_reserve(out, room);
	if (status != QG_OK) {
		return status;
	}
	char *to = put_number(out->data + out->size, '*', (size_t)prefix_count + (size_t)argc);
	for (int i = 0; i < prefix_count; i++) {
		to = put_word(to, prefix[i], strlen(prefix[i]));
	}
	for (int i = 0; i < argc; i++) {
		to = put_word(to, argv[i], word_size(argv[i], sizes, i));
	}
	*to = '\0';
	out->size = (size_t)(to - out->data);
	return QG_OK;
}

size_t qg_redis_reply_nodes(const redisReply *from)
{
	size_t count = 1;

	for (size_t i = 0; from->type == REDIS_REPLY_ARRAY && i < from->elements; i++) {
		count += qg_redis_reply_nodes(from->element[i]);
	}
	return count;
}

static void fill_one(
	const redisReply *from, struct qg_redis_reply *to, struct qg_redis_reply **next)
{
	*to = (struct qg_redis_reply){.type = QG_REPLY_NIL, .text = ""};
	switch (from->type) {
	case REDIS_REPLY_INTEGER:
		to->type = QG_REPLY_INT;
		to->integer = from->integer;
		break;
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
	case REDIS_REPLY_ERROR:
		to->type = from->type == REDIS_REPLY_ERROR ? QG_REPLY_ERROR : QG_REPLY_STRING;
		to->text = from->str;
		to->size = (size_t)from->len;
		break;
	case REDIS_REPLY_ARRAY: {
		struct qg_redis_reply *items = *next;
		to->type = QG_REPLY_ARRAY;
		to->count = from->elements;
		to->items = items;
		*next += from->elements;
		for (size_t i = 0; i < from->elements; i++) {
			fill_one(from->element[i], &items[i], next);
		}
		break;
	}
	default: /* RESP3 kinds are never asked for */
		break;
	}
}

void qg_redis_reply_fill(const redisReply *from, struct qg_redis_reply *nodes)
{
	struct qg_redis_reply *next = nodes + 1;

	fill_one(from, nodes, &next);
}

/* Whether the first word of text is word: BUSY is not BUSYGROUP. */
static bool says(const char *text, const char *word)
{
	size_t size = strlen(word);

	return strncmp(text, word, size) == 0 && (text[size] == ' ' || text[size] == '\0');
}

enum qg_status qg_redis_error_class(const char *text)
{
	static const struct {
		const char *word;
		enum qg_status status;
	} classes[] = {
		{"OOM", QG_FULL},
		{"MISCONF", QG_FULL},
		{"LOADING", QG_AWAY},
		{"READONLY", QG_AWAY},
		{"BUSY", QG_AWAY},
		{"MASTERDOWN", QG_AWAY},
		{"NOREPLICAS", QG_AWAY},
		{"CLUSTERDOWN", QG_AWAY},
		{"TRYAGAIN", QG_AWAY},
		{"NOAUTH", QG_DENIED},
		{"WRONGPASS", QG_DENIED},
		{"NOPERM", QG_FAILED},
	};

	/* Before Redis 7 a script's error was wrapped: "ERR Error running script (...): ...:
	 * -OOM ...". */
	const char *inner =
		qg_str_starts_with(text, "ERR Error running script") ? strstr(text, ": -") : NULL;
	text = inner != NULL ? inner + 3 : text;
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (says(text, classes[i].word)) {
			return classes[i].status;
		}
	}
	return QG_FAILED;
}
