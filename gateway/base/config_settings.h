/* config_settings.h - the structs that tables of the config fill before their values are moved or
 * only checked. */
#ifndef QG_BASE_CONFIG_SETTINGS_H
#define QG_BASE_CONFIG_SETTINGS_H

#include "qg/option.h"

struct qg_config_settings { /* the top level of qungong.yaml */
	char *listen, *admin_listen, *data_dir, *redis, *timezone, *language;
	int durability, log_level, log_format;
	struct qg_strings trusted_proxies, admin_hosts;
	int64_t connections_per_address, partitions;
	bool ledger;
	double usd_cny;
};

struct qg_config_tls {
	char *cert, *key;
};

struct qg_config_customer {
	char *id, *name;
	json_t *budget;
};

struct qg_config_money { /* a budget or a price, before it becomes nano (config_money.c) */
	double turn, chat_day, user_day, bot_month;
	int currency, at_limit;
};

struct qg_config_shift { /* duty and people: only checked here, kept as JSON */
	char *id, *hours, *days;
};

#endif
