/* card_verdict.c - what an answer of the platform means for a card: codes that cards alone know, the rest is error.c's. */
#include "cards.h"

#include <stdio.h>
#include <string.h>

#include "qg/str.h"

#define WORDS_MOST 1024
#define SCOPE "cardkit:card:write"

enum kind {
	OTHER,
	GONE,	   /* the card, or it is another app's */
	WITHDRAWN, /* the message that it would answer */
	IN_USE,	   /* somebody presses it just now */
	TOO_MUCH,  /* for one card */
	LANDED,	   /* the same call before */
	ODD,	   /* unexplained: one more try */
	BEHIND,	   /* its number is not above the last one's */
	CLOSED,	   /* it does not stream any more */
	NO_SCOPE,
	APP,	 /* all others would be refused as well */
	CONTENT, /* this text alone */
};

static const struct {
	int64_t code;
	enum kind kind;
} rows[] = {{200740, GONE}, {200750, GONE}, {300311, GONE}, {230011, WITHDRAWN},
	{231003, WITHDRAWN}, {230110, WITHDRAWN}, {200810, IN_USE}, {200860, TOO_MUCH},
	{300305, TOO_MUCH}, {200770, LANDED}, {300313, ODD}, {300120, ODD}, {300122, ODD},
	{300317, BEHIND}, {200850, CLOSED}, {300309, CLOSED}, {99991672, NO_SCOPE}, {99991401, APP},
	{99991403, APP}, {99991662, APP}, {99991673, APP}, {10014, APP}, {230099, CONTENT},
	{200621, CONTENT}, {200861, CONTENT}, {230001, CONTENT}};

static enum kind kind_of(const struct feishu_answer *answer)
{
	bool is_told = answer->local == QG_OK && answer->has_code && answer->code != 0;
	for (size_t i = 0; is_told && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == answer->code) {
			return rows[i].kind;
		}
	}
	return OTHER;
}

static void judge_kind(
	struct feishu_card *card, enum kind kind, struct feishu_card_verdict *verdict)
{
	struct qg_livecard_answer *said = &verdict->said;
	switch (kind) {
	case GONE:
		said->missing = true;
		said->status = QG_NOT_FOUND;
		break;
	case WITHDRAWN:
		said->missing = true;
		said->status = QG_UNSUPPORTED;
		break;
	case IN_USE:
		said->status = QG_IO;
		break;
	case TOO_MUCH:
		said->too_large = true;
		said->status = QG_TOO_LARGE;
		break;
	case LANDED:
		said->status = QG_OK;
		break;
	case ODD:
	case BEHIND:
		said->status = card->odd++ == 0 ? QG_IO : QG_UNSUPPORTED;
		if (kind == BEHIND && said->status == QG_IO) {
			card->live.number =
				card->live.reserved; /* the next comes of another block */
		}
		break;
	default:
		verdict->closed = kind == CLOSED;
		verdict->is_scope = kind == NO_SCOPE;
		verdict->is_app = kind == APP;
		verdict->is_content = kind == CONTENT;
	}
}

void feishu_card_judge(struct feishu_card *card, const struct feishu_answer *answer,
	struct feishu_card_verdict *out)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	bool never_left = answer->local != QG_OK;
	*out = (struct feishu_card_verdict){.said = {.status = outcome.status,
						    .retry_ms = outcome.retry_ms,
						    .sent = !never_left,
						    .too_large = outcome.status == QG_TOO_LARGE}};
	out->said.code = out->code;
	if (never_left || answer->error != QG_FETCH_NONE) {
		snprintf(out->code, sizeof(out->code), "%s", answer->words);
	} else {
		snprintf(out->code, sizeof(out->code), "code %lld %s%s%s", (long long)answer->code,
			answer->msg, outcome.words[0] ? ": " : "", outcome.words);
	}
	out->code[qg_utf8_cut(out->code, strlen(out->code), sizeof(out->code) - 1)] = '\0';
	if (answer->local == QG_DENIED) {
		out->said.status =
			QG_FAILED; /* no token: it is the app that is refused, not this card */
	}
	judge_kind(card, kind_of(answer), out);
}

/* Once for the process: what to do, and the page where it is done. */
static void refused_for_scope(struct qg_livecard *live)
{
	QG_AUTO(qg_buf_finish) struct qg_buf words;
	qg_buf_init(&words, WORDS_MOST);
	qg_buf_add_str(&words, "卡片要权限 " SCOPE "：打开 ");
	feishu_scopes_page(feishu_options_of(live->cards->core), SCOPE, &words);
	qg_buf_add_str(&words, " 开通，再到「版本管理与发布」发布新版本 · add the scope " SCOPE
			       " there and publish a "
			       "version");
	qg_livecards_refused(live->cards, true,
		words.failed == QG_OK ? words.data : "add the scope " SCOPE, "code 99991672");
}

void feishu_card_refused(struct qg_livecard *live, const struct qg_livecard_answer *answer)
{
	const struct feishu_card_verdict *verdict =
		QG_CONTAINER(answer, struct feishu_card_verdict, said);
	if (verdict->is_scope) {
		refused_for_scope(live);
	} else if (verdict->is_app) {
		qg_livecards_refused(live->cards, false,
			"卡片被拒绝，先改发普通消息 · cards are refused", answer->code);
	}
}
