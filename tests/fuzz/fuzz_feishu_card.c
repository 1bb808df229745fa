/* fuzz_feishu_card.c - cards of Feishu: whatever a model writes, the card is valid and mentions nobody; whatever a press
 * brings, nothing that we did not seal is believed.
 *
 * The first byte chooses: the rest is an answer's markdown, or the event of a press. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cards.h"

#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

#define TEXT_MOST 65536

enum mode { TEXT, PRESS, MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* ---- markdown ---- */

static bool has_call(const char *text)
{
	for (const char *at = strchr(text, '<'); at; at = strchr(at + 1, '<')) {
		const char *name = at + 1 + strspn(at + 1, " \t\r\n/");
		if (strncasecmp(name, "at", 2) == 0 && strchr(" \t\r\n=>/", name[2])) {
			return true;
		}
	}
	return false;
}

static void check_text(const char *text)
{
	char *shown = feishu_card_text(text, 0);
	expect(shown != NULL, "a text without a card's");
	expect(qg_utf8_is_valid(shown, strlen(shown)), "no UTF-8");
	expect(!has_call(shown), "somebody is mentioned");
	char *again = feishu_card_text(shown, 0);
	expect(again && !has_call(again), "a second time somebody is mentioned");
	char *summary = feishu_card_summary(shown, "x");
	expect(summary && summary[0] && !strchr(summary, '\n'), "no line for the list of chats");
	expect(!has_call(summary), "the list of chats mentions somebody");
	struct feishu_layout layout = {.text = shown, .source = text, .line = text, .whom = text};
	json_t *card = feishu_card_json(&layout);
	expect(card != NULL, "no card");
	char *dumped = feishu_card_put_body(card, 1, "u");
	json_t *read = dumped ? qg_json_parse(dumped, strlen(dumped), NULL) : NULL;
	expect(read != NULL, "a card that does not read");
	free(shown);
	free(again);
	free(summary);
	free(dumped);
	json_decref(card);
	json_decref(read);
}

/* ---- presses ---- */

static struct feishu_options options = {.app_id = (char *)"cli_1", .app_secret = (char *)"s"};
static struct qg_bot_config config = {.options = &options};

static void never(struct qg_bot *bot, struct qg_message *message, qg_stored_fn stored, void *arg)
{
	(void)bot;
	(void)message;
	(void)stored;
	(void)arg;
	expect(false, "a press that nobody sealed is believed");
}

static const struct qg_host host = {.receive = never};
static struct qg_bot bot = {.config = &config, .host = &host, .name = "xiaoman"};

static void taken(void *arg, const struct feishu_taken *said)
{
	expect(said->status == QG_OK, "a press that is to come again");
	++*(unsigned *)arg;
}

static void check_press(const char *event, size_t size)
{
	unsigned count = 0;
	struct feishu_core core = {.references = 1, .bot = &bot};
	struct feishu_envelope envelope;
	char *body = malloc(size + 128);
	int head = snprintf(body, 128,
		"{\"schema\":\"2.0\",\"header\":{\"event_type\":\"card.action.trigger\","
		"\"app_id\":\"cli_1\"},\"event\":");
	memcpy(body + head, event, size);
	body[(size_t)head + size] = '}';
	size_t whole = (size_t)head + size + 1;
	if (feishu_envelope_read("cli_1", body, whole, &envelope) == FEISHU_EVENT) {
		feishu_click(&core, &envelope, 1, taken, &count);
		expect(count == 1, "not answered once");
		expect(core.references == 1, "a press that stays");
	}
	free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > TEXT_MOST) {
		return 0;
	}
	const char *rest = (const char *)data + 1;
	if (data[0] % MODES == PRESS) {
		check_press(rest, size - 1);
	} else if (qg_utf8_is_valid(rest, size - 1) && !memchr(rest, '\0', size - 1)) {
		char *text = qg_str_copy_n(rest, size - 1);
		check_text(text);
		free(text);
	}
	return 0;
}
