/* config_private.h - what the files of the config know of each other. */
#ifndef QG_BASE_CONFIG_PRIVATE_H
#define QG_BASE_CONFIG_PRIVATE_H

#include <stdatomic.h>

#include "qg/config.h"
#include "option_private.h"

#define QG_CONFIG_MAX_BOTS 10000
#define QG_CONFIG_MAX_FILES 10000

/* One file's good state: its models and bots. Snapshots share it, so that a bad file keeps its
 * last good one without keeping the whole snapshot it came from. */
struct qg_config_part {
	atomic_uint references; /* a snapshot is made in the pool while others are let go */
	char *file;
	struct qg_model_config *models;
	size_t model_count;
	struct qg_bot_config *bots;
	size_t bot_count;
};

/* What is only known while a file is being read: where an endpoint stood, and whether a bot may
 * use it. */
struct qg_config_endpoint {
	const struct qg_tree *tree;
	bool built; /* its provider is, or what is wrong with it was said */
	bool named; /* by some bot */
};

/* A file being read. */
struct qg_config_source {
	char *file; /* as it is shown and opened */
	char *dir;  /* its folder, absolute: where relative paths in it start */
	struct qg_tree *tree;
	const struct qg_tree *customer, *defaults; /* in bots.d; else NULL */
	char *customer_id, *customer_name;
	struct qg_budget customer_limits;     /* of these only the customer's */
	struct qg_config_part *part;	      /* NULL where the file is no map */
	struct qg_config_endpoint *endpoints; /* one for each of the part's models */
	const struct qg_tree **bot_trees;     /* one for each of the part's bots */
	bool failed;
};

/* A knowledge path some customer's bot names. */
struct qg_config_claim {
	char *path; /* resolved, with a slash at its end */
	const struct qg_tree *tree;
	size_t source;
};

struct qg_config_loader {
	const struct qg_config_world *world;
	const struct qg_config *previous;
	struct qg_problems *problems;
	struct qg_config *config;	  /* the snapshot in the making */
	struct qg_config_source *sources; /* the first is qungong.yaml */
	size_t source_count;
	struct qg_config_claim *claims;
	size_t claim_count;
	struct qg_config view; /* what the bots of the file being read can name, for the world */
};

/* The tables, for the reading and for the schema. */
extern const struct qg_option qg_config_main_table[], qg_config_log_table[],
	qg_config_customer_table[], qg_config_model_table[], qg_config_price_table[],
	qg_config_budget_table[], qg_config_month_table[], qg_config_identity_table[],
	qg_config_behaviour_table[], qg_config_duty_table[], qg_config_person_table[],
	qg_config_tls_table[];
/* Keys that are read without a table, NULL-terminated. */
extern const char *const qg_config_main_extra[], *const qg_config_file_extra[],
							 *const qg_config_bot_extra[];
extern const char *const qg_config_reserved[], *const qg_config_main_keys[],
						       *const qg_config_file_keys[];
/* Keys of the platforms that are known, built or not. */
extern const char *const qg_config_platform_keys[];

/* config_main.c: the top level of qungong.yaml into loader->config. */
void qg_config_read_main(struct qg_config_loader *loader, struct qg_config_source *main_source);
/* The top level of a bots.d file. */
void qg_config_read_head(struct qg_config_loader *loader, struct qg_config_source *source);
/* config_model.c: models: of a file into its part. */
void qg_config_read_models(struct qg_config_loader *loader, struct qg_config_source *source);
/* One warning for each endpoint that this version cannot ask and no bot names. */
void qg_config_warn_models(struct qg_config_loader *loader, struct qg_config_source *source);
void qg_config_model_finish(struct qg_model_config *model);
/* Whether a provider is built; where the world does not tell, all are. */
bool qg_config_has_provider(const struct qg_config_world *world, const char *provider);
/* The index in part of the endpoint called name, or part->model_count. */
size_t qg_config_model_index(const struct qg_config_part *part, const char *name);
/* config_money.c: a budget (NULL: none), the month of a customer, a price; false where none was read. */
void qg_config_read_budget(const struct qg_tree *value, struct qg_budget *limits,
	enum qg_at_limit *at_limit, struct qg_problems *problems);
void qg_config_read_month(
	const struct qg_tree *value, struct qg_budget *limits, struct qg_problems *problems);
bool qg_config_read_price(
	const struct qg_tree *value, struct qg_price *price, struct qg_problems *problems);
/* config_bot.c: bots: of a file into its part. */
void qg_config_read_bots(struct qg_config_loader *loader, size_t source);
void qg_config_bot_finish(struct qg_bot_config *bot);
/* config_names.c: the names in a bot's models:, seen from its file. */
void qg_config_resolve_models(struct qg_config_loader *loader, struct qg_config_source *source,
	struct qg_bot_config *bot, const struct qg_tree *const *own);
/* config_print.c: fills bot->fingerprint. */
void qg_config_fingerprint(const struct qg_config_loader *loader, struct qg_bot_config *bot);
/* config_across.c: what must hold between files; marks those that break it as failed. */
void qg_config_check_across(struct qg_config_loader *loader);
/* config.c */
struct qg_config_part *qg_config_part_create(const char *file);
struct qg_config_part *qg_config_part_take(struct qg_config_part *part);
void qg_config_part_release(struct qg_config_part *part);
/* Brings the parts' models and bots into view; of bots with one name the one of the earlier part.
 * False for no memory. */
bool qg_config_gather(struct qg_config *config);
/* config_source.c: qungong.yaml and the files in bots.d/ with their trees, for the loader; false
 * where an error was added that leaves nothing to read. */
bool qg_config_open_sources(struct qg_config_loader *loader, const char *path);
void qg_config_close_sources(struct qg_config_loader *loader);
/* The names of qungong.yaml and of all files in bots.d/, in order; then the folder bots.d itself
 * where it is there. False for no memory or an unreadable folder: *problem_out says which (static
 * words). */
bool qg_config_list_files(
	const char *path, struct qg_strings *files, char **folder_out, const char **problem_out);

/* config_check.c: values whose form no table can tell. All add their errors at the value given,
 * which may be NULL or empty: then nothing is checked. */
void qg_config_check_address(const struct qg_tree *value, struct qg_problems *problems);
void qg_config_check_networks(const struct qg_tree *value, struct qg_problems *problems);
void qg_config_check_hosts(const struct qg_tree *value, struct qg_problems *problems);
void qg_config_check_redis(
	const struct qg_tree *value, const char *redis, struct qg_problems *problems);
void qg_config_check_zone(const struct qg_tree *value, struct qg_problems *problems);
void qg_config_check_id(const struct qg_tree *value, struct qg_problems *problems);
void qg_config_check_hours(const struct qg_tree *value, struct qg_problems *problems);
void qg_config_check_days(const struct qg_tree *value, struct qg_problems *problems);
/* Whether name stands in the comma-separated list. */
bool qg_config_is_listed(const char *list, const char *name);

#endif
