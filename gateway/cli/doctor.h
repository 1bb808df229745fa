/* doctor.h - the parts of `qungong doctor`: each looks at one thing and notes how it is and what to do. */
#ifndef QG_GATEWAY_CLI_DOCTOR_H
#define QG_GATEWAY_CLI_DOCTOR_H

#include <jansson.h>

#include "cli.h"

struct qg_http_client;
struct qg_loop;

enum qg_grade { QG_GRADE_OK, QG_GRADE_WARN, QG_GRADE_FAIL };

struct qg_doctor {
	const struct qg_cli *cli;
	struct qg_config *config;
	struct qg_cli_store *store; /* NULL where Redis is not there */
	struct qg_loop *loop;
	struct qg_http_client *http;
	bool running;	       /* a server of this data_dir */
	char *ready, *metrics; /* what its admin door says; NULL: it does not */
	bool probe;	       /* ask platforms even where that takes the link from the server */
	bool models;	       /* ask each model a word */
	json_t *findings;
	unsigned fails;
};

/* Adds a finding and shows it: what to do in Chinese first. about: "redis", "bot xiaoman". */
void qg_doctor_note(struct qg_doctor *doctor, enum qg_grade grade, const char *about,
	const char *format, ...) QG_PRINTF(4, 5);

/* ---- doctor_host.c: the machine, Redis, the doors ---- */

void qg_doctor_redis(struct qg_doctor *doctor);
void qg_doctor_host(struct qg_doctor *doctor);
/* Pure parts. The number behind "name:" of INFO, or fallback; whether the line says so. */
int64_t qg_info_number(const char *info, const char *name, int64_t fallback);
bool qg_info_says(const char *info, const char *name, const char *value);
enum qg_grade qg_judge_disk(uint64_t free_mb);
enum qg_grade qg_judge_memory(int64_t used, int64_t most);

/* ---- doctor_bots.c: roles, accounts, links ---- */

void qg_doctor_bots(struct qg_doctor *doctor);
enum qg_link_state { QG_LINK_IS_UP, QG_LINK_IS_DOWN, QG_LINK_IS_ELSEWHERE, QG_LINK_IS_UNKNOWN };
/* A bot's link by what the server shows: its own series, else that all or none of the links are up. */
enum qg_link_state qg_judge_link(const char *metrics, const char *ready, const char *bot);

/* ---- doctor_models.c: keys, prices, regions ---- */

void qg_doctor_models(struct qg_doctor *doctor);
enum qg_key_state { QG_KEY_GOOD, QG_KEY_NO_MODEL, QG_KEY_REFUSED, QG_KEY_BROKE, QG_KEY_UNKNOWN };
/* By the answer to a list of models: Chinese for "does it know the key, and has it the model". */
enum qg_key_state qg_judge_key(int http, const char *body, size_t size, const char *model);

/* ---- doctor_call.c: a word from a model ---- */

/* Asks for one token, books it, and says what it cost. */
void qg_doctor_call(
	struct qg_doctor *doctor, const struct qg_model_config *endpoint, const char *about);

/* ---- doctor_data.c: `--data` ---- */

int qg_doctor_data(const struct qg_cli *cli, const struct qg_config *config);

#endif
