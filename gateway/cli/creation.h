/* creation.h - making an account on a platform from the terminal, where the platform offers that.
 *
 * All of them go the same way, which creation.c goes: a question or two bring a link for the phone and a ticket to ask
 * by; a person opens the link in the platform's app and confirms; meanwhile one more question is asked over and over,
 * until the credentials are there. A file a platform says what is asked and what an answer means. */
#ifndef QG_GATEWAY_CLI_CREATION_H
#define QG_GATEWAY_CLI_CREATION_H

#include <jansson.h>

#include "cli.h"

/* Lets the person scan a code and fills options with what the platform made; false: it must be typed, or is given. Only
 * at a terminal. */
bool qg_cli_create_account(const struct qg_cli *cli, const char *platform,
	const struct qg_strings *given, json_t *options);

/* ---- a platform's part ---- */

struct qg_creation {	  /* what is known so far; the strings are its own */
	const char *host; /* what is asked, without a slash at its end; given */
	char *ticket;	  /* to ask by */
	char *url;	  /* for the phone; NULL until it is offered */
	char *id, *secret;
	unsigned interval_ms, patience_ms; /* between two questions; until nobody asks any more */
	bool is_abroad;	 /* the account turned out to be one of the platform's other host */
	char words[128]; /* why there is no account */
};

struct qg_creation_question {	   /* the strings are the asker's to free */
	const char *method, *type; /* type: of the body */
	char *url, *body;	   /* body: NULL without */
};

enum qg_creation_turn {
	QG_CREATION_ON,	     /* the next question, at once */
	QG_CREATION_OFFERED, /* url is there: show it, then ask how far it is */
	QG_CREATION_WAITS,
	QG_CREATION_SCANNED, /* waits for a yes on the phone */
	QG_CREATION_MADE,    /* id and secret are there */
	QG_CREATION_OVER,    /* words say why */
};

struct qg_creation_way {
	const char *platform;	   /* config value */
	const char *app, *english; /* what people call the app that scans */
	/* Who is asked; the second is the one abroad, where there are two. */
	struct qg_creation_host {
		const char *address;
		const char
			*stand_in; /* variable that names another, in builds with the test clock */
		const char *place; /* what is written of an account made there; NULL: nothing */
	} hosts[2];
	const char *id_key, *secret_key; /* where the credentials go */
	const char *place_key;		 /* where the place goes, or NULL */
	/* false: no memory. */
	bool (*ask)(const struct qg_creation *creation, struct qg_creation_question *out);
	/* Any bytes in. */
	enum qg_creation_turn (*read)(struct qg_creation *creation, const char *body, size_t size);
};

extern const struct qg_creation_way qg_creation_wecom, qg_creation_dingtalk, qg_creation_feishu;

/* ---- what they share ---- */

enum { QG_CREATION_URL_MOST = 800, QG_CREATION_TICKET_MOST = 512, QG_CREATION_ID_MOST = 256 };

void qg_creation_finish(struct qg_creation *creation);
/* Printable ASCII without blanks, not empty. */
bool qg_creation_is_plain(const char *text, size_t most);
/* An https page of a host below domain (".dingtalk.com"): no other host, port or user before it. */
bool qg_creation_is_page(const char *url, const char *domain);
/* OVER, with these words made one safe line. */
enum qg_creation_turn qg_creation_over(struct qg_creation *creation, const char *words);
/* The link and what to ask by, copied; OFFERED or OVER. */
enum qg_creation_turn qg_creation_offer(
	struct qg_creation *creation, const char *ticket, const char *url);
/* The credentials, copied; MADE, or OVER for such as cannot be any. */
enum qg_creation_turn qg_creation_made(
	struct qg_creation *creation, const char *id, const char *secret);
/* Seconds as a platform tells them -> ms, fallback for none, within these bounds. */
unsigned qg_creation_ms(int64_t seconds, unsigned fallback, unsigned least, unsigned most);

#endif
