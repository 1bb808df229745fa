/* config.h - what qungong.yaml and bots.d/ say, checked whole, as structs. A snapshot is
 * immutable and counted: a turn keeps the config it began with. */
#ifndef QG_CONFIG_H
#define QG_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/log.h"
#include "qg/option.h"
#include "qg/price.h"

enum qg_scope { QG_SCOPE_CHAT, QG_SCOPE_SENDER, QG_SCOPE_THREAD };
enum qg_trigger { QG_TRIGGER_MENTION, QG_TRIGGER_ALWAYS, QG_TRIGGER_KEYWORDS };
enum qg_at_limit { QG_LIMIT_CHEAPER, QG_LIMIT_OFFLINE, QG_LIMIT_STOP };
enum qg_footnote { QG_FOOTNOTE_OFF, QG_FOOTNOTE_SHORT, QG_FOOTNOTE_FULL };

struct qg_config_part; /* one file's good state: config_private.h */

/* Limits in nano; -1: none. */
struct qg_budget {
	int64_t turn, chat_day, user_day, bot_month;
	enum qg_currency currency;
	int64_t customer_month;
	enum qg_currency customer_currency;
};

struct qg_model_config {
	char *name;	/* of the endpoint, as bots name it */
	char *provider; /* offline, scripted; others are parsed and refused by name until built */
	char *model, *base_url, *api_key, *tier; /* NULL where absent */
	char *script;				 /* absolute path of a scripted one's answers */
	json_t *price;				 /* as written, or NULL */
	bool has_price;				 /* own_price is what price says */
	struct qg_price own_price; /* missing cached_input and cache_write are the input's */
	int rank;		   /* of tier: 1 cheap, 2 standard (also without one), 3 strong */
	char *http_version, *region;
	bool vision; /* it sees pictures, whatever is known of its model */
	bool blind;  /* `vision: false`: it gets none */
	char *file; /* whose bots may name it: the bots.d file, NULL for all */
};

struct qg_bot_config {
	char *name, *template_id, *platform;
	char *file;			/* where it stands, for messages to people */
	char *customer, *customer_name; /* NULL without */
	json_t *answers;		/* object of strings; never NULL */
	struct qg_strings knowledge;	/* absolute paths */
	struct qg_strings models;	/* names, in order; offline follows by itself */
	enum qg_trigger trigger;
	struct qg_strings keywords; /* of trigger: {keywords: [..]} */
	enum qg_scope scope;
	struct qg_strings chats, admins;
	bool any_chat;	/* chats: any */
	bool no_drafts; /* its platform shows nothing of an answer before it is whole */
	json_t *duty;	/* array of {id, hours, days} (a bare id became {id}); never NULL */
	json_t *people; /* object; never NULL */
	int64_t answer_tokens;
	json_t *budget;		 /* or NULL */
	struct qg_budget limits; /* what budget and the customer's budget say */
	enum qg_at_limit at_limit;
	enum qg_footnote footnote;
	char *ai_label;
	struct qg_strings mask;
	json_t *words; /* overrides of the bot's sentences; NULL: reserved until built */
	char *language, *timezone;
	int abroad;    /* 1: models abroad are allowed */
	void *options; /* the adapter's struct, filled by its option table; NULL without a table */
	const struct qg_option *table; /* that table */
	char fingerprint[33];	       /* equal for two snapshots: nothing changed for this bot */
};

struct qg_config {
	unsigned references;
	char *path, *dir;
	char *listen, *admin_listen;
	char *data_dir; /* absolute */
	char *redis;	/* "embedded" or a URL */
	bool durability_always;
	char *timezone, *language;
	struct qg_strings trusted_proxies, admin_hosts;
	char *tls_cert, *tls_key; /* absolute paths of listen's; both or none */
	unsigned connections_per_address;
	enum qg_log_level log_level;
	bool log_json;
	unsigned partitions;
	bool ledger;
	double usd_cny; /* 0: not given */
	struct qg_model_config *models;
	size_t model_count;
	struct qg_bot_config *bots; /* sorted by name */
	size_t bot_count;
	struct qg_strings
		failed_files; /* bots.d files with errors: their bots are off (or as before) */
	struct qg_config_part *
		*parts; /* who owns the models and bots above: a counted one a file */
	size_t part_count;
};

/* What the rest of the program tells the config about itself: it knows no adapter and no
 * template. */
struct qg_config_world {
	/* Options of a platform; NULL if it has none or is not built (platforms tells). */
	const struct qg_option *(*platform_options)(const char *platform, size_t *struct_size_out);
	/* Platforms built, comma-separated. */
	const char *platforms;
	/* Whether a platform shows an answer while it is made. May be NULL: all do. */
	bool (*shows_drafts)(const char *platform);
	/* Checks what only the platform can (trigger it cannot hear, scope: thread on web): add
	 * errors. */
	void (*check_bot)(const struct qg_bot_config *bot, const struct qg_tree *tree,
		struct qg_problems *problems);
	/* Checks an endpoint: provider, key, script; adds errors and warnings. May be NULL, as the two below. */
	void (*check_model)(const struct qg_model_config *model, const struct qg_tree *tree,
		struct qg_problems *problems);
	/* Whether a provider (name or alias) is built. */
	bool (*has_provider)(const char *provider);
	/* What is wrong with a bot's endpoints together (no price, currency, abroad): add errors. Only of a bot without
	 * errors; config has usd_cny and the endpoints the bot can name, no more. */
	void (*check_models)(const struct qg_config *config, const struct qg_bot_config *bot,
		const struct qg_tree *tree, struct qg_problems *problems);
	/* Name of the platform's account a bot uses; yours to free; NULL: one of its own. May be NULL. */
	char *(*account)(const struct qg_bot_config *bot);
	/* The template's defaults for a bot (trigger, budget, ...): borrowed tree, alive until
	 * the load ends, or NULL with the error added at `at` (the bot's `template`). Also checks
	 * answers (a map, or NULL where the bot gives none) against the interview. Called for
	 * each bot; config has its path and dir, no more. */
	const struct qg_tree *(*template_defaults)(const struct qg_config *config, const char *id,
		const struct qg_tree *at, const struct qg_tree *answers,
		struct qg_problems *problems);
	/* Its folder, whose files are part of a bot's fingerprint; yours to free, NULL for none.
	 * May be NULL. */
	char *(*template_folder)(const struct qg_config *config, const char *id);
};

/* Reads path and bots.d/ beside it. The new snapshot with one reference, or NULL when
 * qungong.yaml itself is bad. All errors and warnings go to problems (sorted by file and line).
 * previous (may be NULL): a bad bots.d file keeps the bots it had there. */
struct qg_config *qg_config_load(const char *path, const struct qg_config_world *world,
	const struct qg_config *previous, struct qg_problems *problems);
struct qg_config *qg_config_take(struct qg_config *config);
void qg_config_release(struct qg_config *config);
/* NULL if there is no such bot or endpoint. */
const struct qg_bot_config *qg_config_bot(const struct qg_config *config, const char *name);
const struct qg_model_config *qg_config_model(
	const struct qg_config *config, const struct qg_bot_config *bot, const char *name);
/* Keys that differ and need a restart, as "listen, redis"; yours to free, NULL if none. */
char *qg_config_restart_keys(const struct qg_config *before, const struct qg_config *after);
/* The JSON Schema for editors; yours to free. */
char *qg_config_schema(const struct qg_config_world *world, const char *const *platforms);
/* Files and folders to watch for changes: the config, bots.d/ and what is in it, secrets,
 * knowledge, scripts. Reads the files anew, also where they are broken. */
struct qg_strings qg_config_files(const char *path);

#endif
