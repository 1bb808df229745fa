/* models.c - what a turn in the terminal needs to ask real models: a client, endpoints, a desk; and its usage line. */
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/fetch.h"
#include "qg/json.h"
#include "qg/model.h"

struct qg_http_client *qg_cli_http_client(const struct qg_cli *cli, struct qg_loop *loop)
{
	struct qg_http_client *http = qg_http_client_create(loop);
	if (!http) {
		qg_cli_say(cli, QG_CLI_FAILED, "the HTTP client: out of memory");
		return NULL;
	}
	const char *path = getenv("QUNGONG_CA_FILE");
	enum qg_status status = path && *path ? qg_http_client_trust(http, path) : QG_OK;
	if (status != QG_OK) {
		qg_cli_say(cli, QG_CLI_FAILED, "QUNGONG_CA_FILE: %s: %s", path,
			qg_status_text(status));
		qg_http_client_destroy(http);
		return NULL;
	}
	return http;
}

int qg_cli_models_open(const struct qg_cli *cli, const struct qg_cli_target *target,
	struct qg_loop *loop, struct qg_cli_models *models)
{
	*models = (struct qg_cli_models){.http = qg_cli_http_client(cli, loop)};
	if (!models->http) {
		return QG_CLI_FAILED;
	}
	bool has_config = cli->config_given || access(cli->config_path, F_OK) == 0;
	models->endpoints = qg_endpoints_create(loop, models->http);
	models->desk = has_config ? qg_cli_desk_create(cli, loop, target->config->data_dir,
					    target->made != NULL)
				  : NULL;
	if (!models->endpoints || (has_config && !models->desk)) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	return QG_CLI_DONE;
}

void qg_cli_models_finish(struct qg_cli_models *models)
{
	qg_endpoints_destroy(models->endpoints);
	qg_http_client_destroy(models->http);
	qg_cli_desk_destroy(models->desk);
	*models = (struct qg_cli_models){0};
}

void qg_cli_print_usage(const char *model, int64_t tokens, bool estimated, const char *cost)
{
	json_auto_t *sums = cost ? qg_json_parse(cost, strlen(cost), NULL) : NULL;
	char *name = qg_str_copy(model ? model : "?");
	if (name) {
		qg_utf8_flatten(name); /* a service may call itself anything */
	}
	printf("  — %s · %s%lld tokens", name ? name : "?", estimated ? "≈" : "",
		(long long)tokens);
	free(name);
	const char *word;
	json_t *amount;
	json_object_foreach (sums, word, amount) {
		enum qg_currency currency;
		char text[40];
		if (qg_currency_find(word, &currency)) {
			qg_money_text(llround(json_number_value(amount) * (double)QG_MONEY_ONE),
				currency, text);
			printf(" · %s", text);
		}
	}
	putchar('\n');
}
