/* config_main.c - the top level of qungong.yaml, and of the files in bots.d/. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_settings.h"

/* Without a file's table every value would be missing: nothing is read from what is no map. */
static bool is_readable(struct qg_config_source *source, struct qg_problems *problems)
{
	if (source->tree == NULL) {
		return false;
	}
	if (source->tree->kind == QG_TREE_LIST || source->tree->kind == QG_TREE_SCALAR) {
		qg_problem_error(problems, source->tree, "expected keys with values, found %s",
			qg_option_kind(source->tree));
		return false;
	}
	return true;
}

/* The values of log: are read from below that key into the same struct. */
static void read_log(const struct qg_tree *log, const char *dir,
	struct qg_config_settings *settings, struct qg_problems *problems)
{
	const struct qg_tree *layers[] = {log, NULL};
	qg_option_fill(qg_config_log_table, layers, NULL, dir, settings, problems);
}

static void check_readable(const struct qg_tree *value, const char *path, const char *what,
	struct qg_problems *problems)
{
	if (path != NULL && access(path, R_OK) != 0) {
		qg_problem_error(problems, value, "the %s '%s' cannot be read", what, value->text);
	}
}

/* Whether the two files fit each other is known when the listener opens them. */
static void read_tls(
	const struct qg_tree *tree, struct qg_config *config, struct qg_problems *problems)
{
	struct qg_config_tls tls = {NULL};
	const struct qg_tree *layers[] = {tree, NULL};
	if (qg_tree_is_empty(tree)) {
		return; /* an empty key was warned about */
	}
	qg_option_fill(qg_config_tls_table, layers, NULL, config->dir, &tls, problems);
	if (tree->kind == QG_TREE_MAP && (tls.cert == NULL) != (tls.key == NULL)) {
		qg_problem_error(problems, tree, "needs both: {cert: FILE, key: FILE}");
	}
	check_readable(qg_tree_get(tree, "cert"), tls.cert, "certificate", problems);
	check_readable(qg_tree_get(tree, "key"), tls.key, "key", problems);
	config->tls_cert = tls.cert;
	config->tls_key = tls.key;
}

static void check_data_dir(
	const struct qg_tree *value, const char *path, struct qg_problems *problems)
{
	struct stat info;
	if (path != NULL && stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
		qg_problem_error(problems, value, "'%s' is a file, not a folder", path);
	}
}

/* Two listeners on one port: the second would fail only after the first had opened. */
static void check_listeners(const struct qg_tree *tree, const struct qg_config_settings *settings,
	struct qg_problems *problems)
{
	const struct qg_tree *admin = qg_tree_get(tree, "admin_listen");
	qg_config_check_address(qg_tree_get(tree, "listen"), problems);
	qg_config_check_address(admin, problems);
	const char *a = settings->listen, *b = settings->admin_listen;
	size_t size = a != NULL ? strlen(a) : 0;
	bool any_port = size > 2 && strcmp(a + size - 2, ":0") == 0;
	if (a != NULL && qg_str_equal(a, b) && !any_port) {
		qg_problem_error(problems, admin != NULL ? admin : tree,
			"is the same address as listen; give admin_listen a port of its own");
	}
}

/* Moves what the table filled to where it is read from. */
static void keep_settings(struct qg_config *config, struct qg_config_settings *settings)
{
	config->listen = settings->listen;
	config->admin_listen = settings->admin_listen;
	config->data_dir = settings->data_dir;
	config->redis = settings->redis;
	config->durability_always = settings->durability == 1;
	config->timezone = settings->timezone;
	config->language = settings->language;
	config->trusted_proxies = settings->trusted_proxies;
	config->admin_hosts = settings->admin_hosts;
	config->connections_per_address = (unsigned)settings->connections_per_address;
	config->partitions = (unsigned)settings->partitions;
	config->ledger = settings->ledger;
	config->usd_cny = settings->usd_cny;
	config->log_level = (enum qg_log_level)settings->log_level;
	config->log_json = settings->log_format == 1;
}

void qg_config_read_main(struct qg_config_loader *loader, struct qg_config_source *main_source)
{
	struct qg_problems *problems = loader->problems;
	if (!is_readable(main_source, problems)) {
		return;
	}
	const struct qg_tree *tree = main_source->tree;
	const struct qg_tree *layers[] = {tree, NULL};
	const struct qg_option_names names = {.tables = {qg_config_main_table},
		.extra = qg_config_main_extra,
		.reserved = qg_config_reserved,
		.elsewhere = qg_config_file_keys,
		.elsewhere_words = "belongs into a file of its own in bots.d/"};
	struct qg_config_settings settings = {NULL};
	qg_option_check_names(&names, tree, problems);
	qg_option_fill_values(
		qg_config_main_table, layers, loader->config->dir, &settings, problems);
	read_log(qg_tree_get(tree, "log"), loader->config->dir, &settings, problems);
	read_tls(qg_tree_get(tree, "tls"), loader->config, problems);
	check_listeners(tree, &settings, problems);
	check_data_dir(qg_tree_get(tree, "data_dir"), settings.data_dir, problems);
	qg_config_check_redis(qg_tree_get(tree, "redis"), settings.redis, problems);
	qg_config_check_zone(qg_tree_get(tree, "timezone"), problems);
	qg_config_check_networks(qg_tree_get(tree, "trusted_proxies"), problems);
	qg_config_check_hosts(qg_tree_get(tree, "admin_hosts"), problems);
	keep_settings(loader->config, &settings);
	main_source->part = qg_config_part_create(main_source->file);
	if (main_source->part == NULL) {
		qg_problem_error(problems, NULL, "out of memory");
	}
}

static void read_customer(
	struct qg_config_source *source, const char *dir, struct qg_problems *problems)
{
	if (qg_tree_is_empty(source->customer)) {
		source->customer = NULL; /* the empty key was warned about */
		return;
	}
	struct qg_config_customer customer = {NULL};
	const struct qg_tree *layers[] = {source->customer, NULL};
	qg_option_fill(qg_config_customer_table, layers, NULL, dir, &customer, problems);
	qg_config_check_id(qg_tree_get(source->customer, "id"), problems);
	qg_config_read_month(
		qg_tree_get(source->customer, "budget"), &source->customer_limits, problems);
	source->customer_id = customer.id;
	source->customer_name = customer.name;
	json_decref(customer.budget);
}

void qg_config_read_head(struct qg_config_loader *loader, struct qg_config_source *source)
{
	struct qg_problems *problems = loader->problems;
	if (!is_readable(source, problems)) {
		return;
	}
	const struct qg_option_names names = {.tables = {NULL},
		.extra = qg_config_file_extra,
		.reserved = qg_config_reserved,
		.elsewhere = qg_config_main_keys,
		.elsewhere_words = "belongs into qungong.yaml, for it concerns all bots"};
	qg_option_check_names(&names, source->tree, problems);
	source->customer = qg_tree_get(source->tree, "customer");
	source->defaults = qg_tree_get(source->tree, "defaults");
	read_customer(source, loader->config->dir, problems);
	source->part = qg_config_part_create(source->file);
	if (source->part == NULL) {
		qg_problem_error(problems, NULL, "out of memory");
	}
}
