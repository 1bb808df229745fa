/* config_tables.c - the keys of qungong.yaml and of the files in bots.d/: one row each.
 *
 * A key added here is read, checked, told of in messages and in the JSON Schema. What a row
 * cannot say is checked beside its reading: see config_check.c. */
#include "config_private.h"
#include "config_settings.h"

#define MONEY_MAX 1000000000

const struct qg_option qg_config_main_table[] = {
	{"listen", QG_OPTION_STRING, "127.0.0.1:8080", offsetof(struct qg_config_settings, listen),
		.help = "where platforms' webhooks arrive: HOST:PORT"},
	{"admin_listen", QG_OPTION_STRING, "127.0.0.1:8081",
		offsetof(struct qg_config_settings, admin_listen),
		.help = "web chat, console, metrics, readiness: HOST:PORT"},
	{"data_dir", QG_OPTION_STRING, "./data", offsetof(struct qg_config_settings, data_dir),
		QG_OPTION_PATH,
		.help = "folder of the private Redis, the knowledge index and the ledger"},
	{"redis", QG_OPTION_STRING, "embedded", offsetof(struct qg_config_settings, redis),
		QG_SECRET, .help = "embedded, redis://[user:password@]host:port/db or unix:/path"},
	{"durability", QG_OPTION_ENUM, "always", offsetof(struct qg_config_settings, durability),
		.choices = "everysec|always",
		.help = "when the private Redis writes to disk: always | everysec"},
	{"timezone", QG_OPTION_STRING, "Asia/Shanghai",
		offsetof(struct qg_config_settings, timezone),
		.help = "a name of the time zone database"},
	{"language", QG_OPTION_STRING, "zh", offsetof(struct qg_config_settings, language),
		.choices = "zh|en", .help = "of the bots' own words"},
	{"trusted_proxies", QG_OPTION_STRINGS, NULL,
		offsetof(struct qg_config_settings, trusted_proxies),
		.help = "addresses or networks whose X-Forwarded-For counts"},
	{"admin_hosts", QG_OPTION_STRINGS, NULL, offsetof(struct qg_config_settings, admin_hosts),
		.help = "names by which the pages may be reached besides addresses and localhost"},
	{"connections_per_address", QG_OPTION_INT, "256",
		offsetof(struct qg_config_settings, connections_per_address), .min = 1,
		.max = 1000000, .help = "most connections from one address"},
	{"partitions", QG_OPTION_INT, "16", offsetof(struct qg_config_settings, partitions),
		.min = 1, .max = 1024,
		.help = "into how many parts the keys in Redis are divided; fixed by the first "
			"start"},
	{"ledger", QG_OPTION_BOOL, "false", offsetof(struct qg_config_settings, ledger),
		.help = "whether this host may hold the ledger files"},
	{"usd_cny", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_settings, usd_cny), .min = 1,
		.max = 1000,
		.help = "yuan for a dollar, for models priced in another currency than a budget"},
	{NULL},
};

const struct qg_option qg_config_tls_table[] = {
	{"cert", QG_OPTION_STRING, NULL, offsetof(struct qg_config_tls, cert), QG_OPTION_PATH,
		.max = 4096, .help = "a PEM file: the certificate, then those above it"},
	{"key", QG_OPTION_STRING, NULL, offsetof(struct qg_config_tls, key), QG_OPTION_PATH,
		.max = 4096, .help = "a PEM file: its private key"},
	{NULL},
};

const struct qg_option qg_config_log_table[] = {
	{"level", QG_OPTION_ENUM, "info", offsetof(struct qg_config_settings, log_level),
		.choices = "error|warn|info|debug", .help = "error | warn | info | debug"},
	{"format", QG_OPTION_ENUM, "text", offsetof(struct qg_config_settings, log_format),
		.choices = "text|json", .help = "text | json"},
	{NULL},
};

const struct qg_option qg_config_customer_table[] = {
	{"id", QG_OPTION_STRING, NULL, offsetof(struct qg_config_customer, id), QG_OPTION_REQUIRED,
		.help = "a-z, 0-9 and -, at most 40"},
	{"name", QG_OPTION_STRING, NULL, offsetof(struct qg_config_customer, name), .max = 200,
		.help = "for people"},
	{"budget", QG_OPTION_JSON, NULL, offsetof(struct qg_config_customer, budget),
		.help = "{month, currency} over all bots of the customer"},
	{NULL},
};

const struct qg_option qg_config_month_table[] = {
	{"month", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, turn), .max = MONEY_MAX,
		.help = "limit of a month"},
	{"currency", QG_OPTION_ENUM, "CNY", offsetof(struct qg_config_money, currency),
		.choices = "CNY|USD", .help = "CNY | USD"},
	{NULL},
};

const struct qg_option qg_config_budget_table[] = {
	{"turn", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, turn), .max = MONEY_MAX,
		.help = "limit of one answer"},
	{"chat_day", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, chat_day),
		.max = MONEY_MAX, .help = "limit of a chat in a day"},
	{"user_day", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, user_day),
		.max = MONEY_MAX, .help = "limit of a user in a day"},
	{"bot_month", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, bot_month),
		.max = MONEY_MAX, .help = "limit of the bot in a month"},
	{"currency", QG_OPTION_ENUM, "CNY", offsetof(struct qg_config_money, currency),
		.choices = "CNY|USD", .help = "CNY | USD"},
	{"at_limit", QG_OPTION_ENUM, "cheaper", offsetof(struct qg_config_money, at_limit),
		.choices = "cheaper|offline|stop",
		.help = "what happens then: cheaper | offline | stop"},
	{NULL},
};

const struct qg_option qg_config_price_table[] = {
	{"input", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, turn),
		QG_OPTION_REQUIRED, .max = MONEY_MAX, .help = "of 1,000,000 tokens"},
	{"output", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, chat_day),
		QG_OPTION_REQUIRED, .max = MONEY_MAX, .help = "of 1,000,000 tokens"},
	{"cached_input", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, user_day),
		.max = MONEY_MAX, .help = "of 1,000,000 tokens"},
	{"cache_write", QG_OPTION_NUMBER, NULL, offsetof(struct qg_config_money, bot_month),
		.max = MONEY_MAX, .help = "of 1,000,000 tokens"},
	{"currency", QG_OPTION_ENUM, "CNY", offsetof(struct qg_config_money, currency),
		.choices = "CNY|USD", .help = "CNY | USD"},
	{NULL},
};

const struct qg_option qg_config_model_table[] = {
	{"provider", QG_OPTION_STRING, NULL, offsetof(struct qg_model_config, provider),
		QG_OPTION_REQUIRED, .max = 64,
		.help = "whose service: offline and scripted need none"},
	{"model", QG_OPTION_STRING, NULL, offsetof(struct qg_model_config, model), .max = 200,
		.help = "the provider's name of the model"},
	{"base_url", QG_OPTION_URL, NULL, offsetof(struct qg_model_config, base_url),
		.help = "another address of the service"},
	{"api_key", QG_OPTION_STRING, NULL, offsetof(struct qg_model_config, api_key), QG_SECRET,
		.help = "the key, ${VAR} or file:PATH"},
	{"tier", QG_OPTION_STRING, NULL, offsetof(struct qg_model_config, tier),
		.choices = "cheap|standard|strong", .help = "cheap | standard | strong"},
	{"price", QG_OPTION_JSON, NULL, offsetof(struct qg_model_config, price),
		.help = "{input, output, cached_input, cache_write, currency} of 1,000,000 tokens"},
	{"vision", QG_OPTION_BOOL, NULL, offsetof(struct qg_model_config, vision),
		.help = "whether it sees pictures; of a provider's own models that is known"},
	{"http_version", QG_OPTION_STRING, NULL, offsetof(struct qg_model_config, http_version),
		.choices = "1.1|2", .help = "\"1.1\" keeps to the older protocol"},
	{"region", QG_OPTION_STRING, NULL, offsetof(struct qg_model_config, region),
		.choices = "mainland|abroad", .help = "where the service stands"},
	{"script", QG_OPTION_STRING, NULL, offsetof(struct qg_model_config, script), QG_OPTION_PATH,
		.help = "of provider scripted: a YAML file of answers"},
	{NULL},
};

/* Who the bot is and where: never a template's business. */
const struct qg_option qg_config_identity_table[] = {
	{"name", QG_OPTION_STRING, NULL, offsetof(struct qg_bot_config, name), QG_OPTION_REQUIRED,
		.help = "a-z, 0-9 and -, at most 40; unique; in URLs and logs"},
	{"template", QG_OPTION_STRING, NULL, offsetof(struct qg_bot_config, template_id),
		QG_OPTION_REQUIRED, .max = 64, .help = "the role"},
	{"platform", QG_OPTION_STRING, NULL, offsetof(struct qg_bot_config, platform),
		QG_OPTION_REQUIRED, .max = 64, .help = "where it works"},
	{"knowledge", QG_OPTION_STRINGS, NULL, offsetof(struct qg_bot_config, knowledge),
		QG_OPTION_PATH, .max = 4096, .help = "files or folders besides the template's own"},
	{"models", QG_OPTION_STRINGS, NULL, offsetof(struct qg_bot_config, models), .max = 64,
		.help = "endpoints in order of failover; offline always stands last"},
	{"admins", QG_OPTION_STRINGS, NULL, offsetof(struct qg_bot_config, admins), .max = 128,
		.help = "the platform's user ids"},
	{"duty", QG_OPTION_JSON, NULL, offsetof(struct qg_bot_config, duty), QG_OPTION_NO_EFFECT,
		.help = "who is called on handover: ids or {id, hours: \"09:00-18:00\", days: "
			"mon-fri}"},
	{"people", QG_OPTION_JSON, NULL, offsetof(struct qg_bot_config, people),
		QG_OPTION_NO_EFFECT, .help = "id -> {name, group, hours}"},
	{"abroad", QG_OPTION_ENUM, "refused", offsetof(struct qg_bot_config, abroad),
		.choices = "refused|allowed",
		.help = "whether models abroad may be asked: refused | allowed"},
	{"language", QG_OPTION_STRING, NULL, offsetof(struct qg_bot_config, language),
		.choices = "zh|en", .help = "another language than the rest"},
	{"timezone", QG_OPTION_STRING, NULL, offsetof(struct qg_bot_config, timezone),
		.help = "another zone than the rest"},
	{NULL},
};

/* How it works: what is not given here may come from the template. */
const struct qg_option qg_config_behaviour_table[] = {
	{"scope", QG_OPTION_ENUM, "chat", offsetof(struct qg_bot_config, scope),
		.choices = "chat|sender|thread", .help = "whose memory: chat | sender | thread"},
	{"answer_tokens", QG_OPTION_INT, "1200", offsetof(struct qg_bot_config, answer_tokens),
		.min = 16, .max = 100000, .help = "limit of one answer"},
	{"budget", QG_OPTION_JSON, NULL, offsetof(struct qg_bot_config, budget),
		.help = "{turn, chat_day, user_day, bot_month, currency, at_limit}"},
	{"usage_footnote", QG_OPTION_ENUM, NULL, offsetof(struct qg_bot_config, footnote),
		.choices = "off|short|full",
		.help = "off | short | full; short in work groups, off for customers"},
	{"ai_label", QG_OPTION_STRING, "AI 生成", offsetof(struct qg_bot_config, ai_label),
		.max = 100, .help = "on every message that holds a model's text"},
	{"mask", QG_OPTION_STRINGS, NULL, offsetof(struct qg_bot_config, mask), QG_OPTION_NO_EFFECT,
		.choices = "phone|id_card|bank_card",
		.help = "what models do not see: phone, id_card, bank_card"},
	{NULL},
};

const struct qg_option qg_config_duty_table[] = {
	{"id", QG_OPTION_STRING, NULL, offsetof(struct qg_config_shift, id), QG_OPTION_REQUIRED,
		.max = 128, .help = "the platform's user id"},
	{"hours", QG_OPTION_STRING, NULL, offsetof(struct qg_config_shift, hours),
		.help = "\"09:00-18:00\""},
	{"days", QG_OPTION_STRING, NULL, offsetof(struct qg_config_shift, days), .help = "mon-fri"},
	{NULL},
};

const struct qg_option qg_config_person_table[] = {
	{"name", QG_OPTION_STRING, NULL, offsetof(struct qg_config_shift, id), .max = 200,
		.help = "for people"},
	{"group", QG_OPTION_STRING, NULL, offsetof(struct qg_config_shift, days), .max = 200,
		.help = "team"},
	{"hours", QG_OPTION_STRING, NULL, offsetof(struct qg_config_shift, hours),
		.help = "\"09:00-18:00\""},
	{NULL},
};

const char *const qg_config_main_extra[] = {"log", "tls", "models", "bots", NULL};
const char *const qg_config_file_extra[] = {"customer", "defaults", "models", "bots", NULL};
const char *const qg_config_bot_extra[] = {"answers", "trigger", "chats", NULL};

const char *const qg_config_reserved[] = {"embedding", "transcription", "route", "mcp", "http",
	"webhook", "words", "rate", "alerts", "report", "retention", "hours", "console", NULL};

/* For the hint to whom a key belongs. */
const char *const qg_config_main_keys[] = {"listen", "admin_listen", "data_dir", "redis",
	"durability", "timezone", "language", "trusted_proxies", "admin_hosts",
	"connections_per_address", "partitions", "ledger", "usd_cny", "log", "tls", NULL};
const char *const qg_config_file_keys[] = {"customer", "defaults", NULL};

const char *const qg_config_platform_keys[] = {"members", "bot_id", "secret", "display_name",
	"transport", "token", "encoding_aes_key", "ws_url", "api_base", "client_id",
	"client_secret", "robot_code", "card_template_id", "card_content_key", "oapi_base",
	"app_id", "app_secret", "encrypt_key", "verification_token", "domain", "corp_id",
	"open_kfid", "agent_id", "account", "url", NULL};
