/* test_config.c - every mistake in qungong.yaml is said at its place; what is right ends up in
 * the snapshot. */
#include "config_fixture.h"

#define BOT "bots:\n- name: a\n  template: restaurant\n  platform: web\n"
#define MAIN_KEYS                                                                                  \
	"listen, admin_listen, data_dir, redis, durability, timezone, language, trusted_proxies, " \
	"admin_hosts, connections_per_address, partitions, ledger, usd_cny, log, models, bots"
#define BOT_KEYS                                                                                   \
	"name, template, platform, knowledge, models, admins, duty, people, abroad, language, "    \
	"timezone, scope, answer_tokens, budget, usage_footnote, ai_label, mask, members, token, " \
	"api_base, limit, answers, trigger, chats"

/* clang-format off */
static const struct {
	const char *name, *text, *said;
} mistakes[] = {
	{"an unknown key",
		"lisen: 1.2.3.4:5\n",
		"qungong.yaml:1:1: lisen: unknown key 'lisen'; did you mean 'listen'?; "
		"allowed: "
		MAIN_KEYS
		"\n"},
	{"an unknown key far from all",
		"zzzzzzzz: 1\n",
		"qungong.yaml:1:1: zzzzzzzz: unknown key 'zzzzzzzz'; allowed: "
		MAIN_KEYS
		"\n"},
	{"no YAML",
		"listen: [a\n",
		"qungong.yaml:2:1: not valid YAML: did not find expected ',' or ']' "
		"while parsing a flow sequence that begins at line 1\n"},
	{"a tab",
		"log:\n"
		"\tlevel: info\n",
		"qungong.yaml:2:1: not valid YAML: found character that cannot start any "
		"token (indent with blanks, not tabs)\n"},
	{"a duplicate key",
		"language: zh\n"
		"timezone: UTC\n"
		"language: en\n",
		"qungong.yaml:3:1: language: duplicate key 'language', first at line 1\n"},
	{"a list for the file",
		"- a\n",
		"qungong.yaml:1:1: expected keys with values, found a list\n"},
	{"text for the file",
		"hello\n",
		"qungong.yaml:1:1: expected keys with values, found a single value\n"},
	{"two documents",
		"language: zh\n"
		"---\n"
		"language: en\n",
		"qungong.yaml:2:1: a second document ('---') in one file\n"},
	{"an alias without anchor",
		"language: *x\n",
		"qungong.yaml:1:11: an alias (*name) of which no anchor (&name) stands "
		"before it\n"},
	{"a tag",
		"language: !x zh\n",
		"qungong.yaml:1:11: tags (!name) are not supported\n"},
	{"no address",
		"listen: eight\n",
		"qungong.yaml:1:9: listen: 'eight' is no address to listen on; write "
		"127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080\n"},
	{"a port too large",
		"admin_listen: 127.0.0.1:65536\n",
		"qungong.yaml:1:15: admin_listen: '127.0.0.1:65536' is no address to "
		"listen on; write 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080\n"},
	{"one address twice",
		"listen: 127.0.0.1:9\n"
		"admin_listen: 127.0.0.1:9\n",
		"qungong.yaml:2:15: admin_listen: is the same address as listen; give "
		"admin_listen a port of its own\n"},
	{"a redis URL",
		"redis: http://u:hunter2@h\n",
		"qungong.yaml:1:8: redis: write embedded, "
		"redis://[user:password@]host:port/db or unix:/path\n"},
	{"redis over TLS",
		"redis: rediss://u:hunter2@h\n",
		"qungong.yaml:1:8: redis: Redis over TLS is not built into this version\n"},
	{"durability",
		"durability: sometimes\n",
		"qungong.yaml:1:13: durability: 'sometimes' is not one of: everysec, "
		"always\n"},
	{"a zone",
		"timezone: Mars/Olympus\n",
		"qungong.yaml:1:11: timezone: 'Mars/Olympus' is no time zone; write one "
		"as Asia/Shanghai or UTC\n"},
	{"a zone outside",
		"timezone: ../../etc/passwd\n",
		"qungong.yaml:1:11: timezone: '../../etc/passwd' is no time zone; write "
		"one as Asia/Shanghai or UTC\n"},
	{"a language",
		"language: de\n",
		"qungong.yaml:1:11: language: 'de' is not one of: zh, en\n"},
	{"a proxy",
		"trusted_proxies: [10.0.0.0/8, proxy]\n",
		"qungong.yaml:1:31: trusted_proxies[1]: 'proxy' is no address or "
		"network; write 10.0.0.5 or 10.0.0.0/8\n"},
	{"a host",
		"admin_hosts: [\"http://a\"]\n",
		"qungong.yaml:1:15: admin_hosts[0]: 'http://a' is no host name; write it "
		"without scheme, port or path\n"},
	{"a number",
		"connections_per_address: many\n",
		"qungong.yaml:1:26: connections_per_address: 'many' is not a whole "
		"number\n"},
	{"a number below",
		"partitions: 0\n",
		"qungong.yaml:1:13: partitions: 0 is not between 1 and 1024\n"},
	{"a number above",
		"partitions: 1025\n",
		"qungong.yaml:1:13: partitions: 1025 is not between 1 and 1024\n"},
	{"a fraction",
		"partitions: 1.5\n",
		"qungong.yaml:1:13: partitions: '1.5' is not a whole number\n"},
	{"a truth",
		"ledger: yes\n",
		"qungong.yaml:1:1: warning: ledger: 'ledger' is known, but has no effect "
		"in this version\n"
		"qungong.yaml:1:9: ledger: 'yes' is neither true nor false\n"},
	{"a log level",
		"log: {level: loud}\n",
		"qungong.yaml:1:14: log.level: 'loud' is not one of: error, warn, info, "
		"debug\n"},
	{"a log format and an unknown key in it",
		"log:\n"
		"  format: xml\n"
		"  colour: red\n",
		"qungong.yaml:2:11: log.format: 'xml' is not one of: text, json\n"
		"qungong.yaml:3:3: log.colour: unknown key 'colour'; allowed: level, "
		"format\n"},
	{"a log of text",
		"log: info\n",
		"qungong.yaml:1:6: log: expected keys with values, found a single value\n"},
	{"a map for a value",
		"listen: {a: b}\n",
		"qungong.yaml:1:9: listen: expected a single value, found keys with "
		"values\n"},
	{"a list for a value",
		"language: [zh]\n",
		"qungong.yaml:1:11: language: expected a single value, found a list\n"},
	{"a rate",
		"usd_cny: seven\n",
		"qungong.yaml:1:1: warning: usd_cny: 'usd_cny' is known, but has no "
		"effect in this version\n"
		"qungong.yaml:1:10: usd_cny: 'seven' is not a number\n"},
	{"a reserved name",
		"embedding: x\n",
		"qungong.yaml:1:1: embedding: 'embedding' is reserved for a later "
		"version and not built into this one\n"},
	{"what belongs into bots.d",
		"customer: {id: a}\n",
		"qungong.yaml:1:1: customer: 'customer' belongs into a file of its own "
		"in bots.d/\n"},
	{"an unset variable",
		"language: ${QG_TEST_NOT_SET}\n",
		"qungong.yaml:1:1: warning: language: 'language' is left empty: it "
		"counts as not configured\n"
		"qungong.yaml:1:11: language: the environment variable QG_TEST_NOT_SET "
		"is not set; set it, or write ${QG_TEST_NOT_SET:-} for none\n"},
	{"a broken variable",
		"language: ${}\n",
		"qungong.yaml:1:11: language: '${' wants a variable: ${NAME} or "
		"${NAME:-default}; write $$ for a dollar sign\n"
		"qungong.yaml:1:11: language: '${}' is not one of: zh, en\n"},
	{"models as a list",
		"models: [a]\n",
		"qungong.yaml:1:9: models: expected names with endpoints, found a list\n"},
	{"a model of text",
		"models: {a: deepseek}\n",
		"qungong.yaml:1:13: models.a: expected {provider: ..., model: ...}, "
		"found a single value\n"},
	{"a model called offline",
		"models: {offline: {provider: offline}}\n",
		"qungong.yaml:1:10: models.offline: 'offline' is always there; give this "
		"endpoint another name\n"},
	{"no provider",
		"models: {a: {model: x}}\n",
		"qungong.yaml:1:13: models.a: 'provider' is missing\n"},
	{"an unknown provider",
		"models: {a: {provider: depseek}}\n",
		"qungong.yaml:1:24: models.a.provider: unknown provider 'depseek'; did "
		"you mean 'deepseek'?; this version has offline and scripted\n"},
	{"a URL",
		"models: {a: {provider: deepseek, base_url: \"ftp://u:hunter2@x\"}}\n",
		"qungong.yaml:1:24: warning: models.a.provider: provider 'deepseek' is "
		"not built into this version; no bot can use this endpoint yet\n"
		"qungong.yaml:1:44: models.a.base_url: is no address; write https://host "
		"or http://host:port/path\n"},
	{"a tier",
		"models: {a: {provider: deepseek, tier: best}}\n",
		"qungong.yaml:1:24: warning: models.a.provider: provider 'deepseek' is "
		"not built into this version; no bot can use this endpoint yet\n"
		"qungong.yaml:1:40: models.a.tier: 'best' is not one of: cheap, "
		"standard, strong\n"},
	{"a price",
		"models: {a: {provider: deepseek, price: {input: -1, currency: EUR}}}\n",
		"qungong.yaml:1:24: warning: models.a.provider: provider 'deepseek' is "
		"not built into this version; no bot can use this endpoint yet\n"
		"qungong.yaml:1:49: models.a.price.input: -1 is not between 0 and "
		"1000000000\n"
		"qungong.yaml:1:63: models.a.price.currency: 'EUR' is not one of: CNY, "
		"USD\n"},
	{"a script that is missing",
		"models: {a: {provider: scripted}}\n",
		"qungong.yaml:1:13: models.a: provider scripted needs 'script', a file "
		"of answers\n"},
	{"a script that is not there",
		"models: {a: {provider: scripted, script: no.yaml}}\n",
		"qungong.yaml:1:42: models.a.script: the script 'no.yaml' cannot be read\n"},
	{"a script of another",
		"models: {a: {provider: offline, script: s.yaml}}\n",
		"qungong.yaml:1:33: models.a.script: 'script' belongs to provider "
		"scripted only\n"},
	{"a secret that is not there",
		"models: {a: {provider: deepseek, api_key: \"file:no.key\"}}\n",
		"qungong.yaml:1:24: warning: models.a.provider: provider 'deepseek' is "
		"not built into this version; no bot can use this endpoint yet\n"
		"qungong.yaml:1:43: models.a.api_key: the secret's file 'no.key' cannot "
		"be read: No such file or directory\n"},
	{"bots as a map",
		"bots: {a: b}\n",
		"qungong.yaml:1:7: bots: expected a list (- name: ...), found keys with "
		"values\n"},
	{"a bot of text",
		"bots: [a]\n",
		"qungong.yaml:1:8: bots[0]: expected {name: ..., template: ..., "
		"platform: ...}, found a single value\n"},
	{"a bot without anything",
		"bots:\n"
		"- {}\n",
		"qungong.yaml:2:3: bots[0]: 'name' is missing\n"
		"qungong.yaml:2:3: bots[0]: 'platform' is missing\n"
		"qungong.yaml:2:3: bots[0]: 'template' is missing\n"},
	{"a bot with nothing in it",
		"bots:\n"
		"- name:\n"
		"  template: restaurant\n"
		"  platform: web\n",
		"qungong.yaml:2:3: bots[0].name: 'name' is left empty\n"},
	{"a name",
		"bots:\n"
		"- name: Xiao Man\n"
		"  template: restaurant\n"
		"  platform: web\n",
		"qungong.yaml:2:9: bots[0].name: 'Xiao Man' may hold only a-z, 0-9 and "
		"-, at most 40 of them\n"},
	{"two bots of one name",
		BOT
		"- name: a\n"
		"  template: restaurant\n"
		"  platform: web\n",
		"qungong.yaml:5:9: bots[1].name: another bot is called 'a' at "
		"qungong.yaml:2:9; names are unique over all files\n"},
	{"an unknown platform",
		"bots:\n"
		"- name: a\n"
		"  template: restaurant\n"
		"  platform: slack\n"
		"  token: x\n",
		"qungong.yaml:4:13: bots[0].platform: 'slack' is not one of: web\n"},
	{"a platform not built",
		"bots:\n"
		"- {name: a, template: restaurant, platform: feishu, app_id: x, "
		"app_secret: y}\n",
		"qungong.yaml:2:45: bots[0].platform: 'feishu' is not one of: web (it is "
		"not built into this version)\n"},
	{"an unknown template",
		"bots:\n"
		"- {name: a, template: nothing, platform: web}\n",
		"qungong.yaml:2:23: bots[0].template: no template 'nothing'\n"},
	{"an unknown key of a bot",
		BOT
		"  knowlege: [x]\n",
		"qungong.yaml:5:3: bots[0].knowlege: unknown key 'knowlege'; did you "
		"mean 'knowledge'?; allowed: "
		BOT_KEYS
		"\n"},
	{"a platform's number",
		BOT
		"  limit: 10\n",
		"qungong.yaml:5:10: bots[0].limit: 10 is not between 1 and 9\n"},
	{"a trigger",
		BOT
		"  trigger: sometimes\n",
		"qungong.yaml:5:12: bots[0].trigger: 'sometimes' is not one of: mention, "
		"always\n"},
	{"keywords alone",
		BOT
		"  trigger: keywords\n",
		"qungong.yaml:5:12: bots[0].trigger: write the words with it: trigger: "
		"{keywords: [a, b]}\n"},
	{"keywords that are none",
		BOT
		"  trigger: {keywords: []}\n",
		"qungong.yaml:5:23: bots[0].trigger.keywords: needs at least one word\n"},
	{"keywords with more",
		BOT
		"  trigger: {keywords: [a], words: b}\n",
		"qungong.yaml:5:12: bots[0].trigger: write mention, always or {keywords: "
		"[a, b]}\n"},
	{"a scope",
		BOT
		"  scope: world\n",
		"qungong.yaml:5:10: bots[0].scope: 'world' is not one of: chat, sender, "
		"thread\n"},
	{"a scope the platform refuses",
		BOT
		"  scope: thread\n",
		"qungong.yaml:5:10: bots[0].scope: web has no threads\n"},
	{"chats",
		BOT
		"  chats: all\n",
		"qungong.yaml:5:10: bots[0].chats: 'all' is no list: write any, [] or "
		"[id, id]\n"},
	{"chats as a map",
		BOT
		"  chats: {a: b}\n",
		"qungong.yaml:5:10: bots[0].chats: expected any, [] or [id, id], found "
		"keys with values\n"},
	{"admins",
		BOT
		"  admins: {a: b}\n",
		"qungong.yaml:5:11: bots[0].admins: expected a list as [a, b], found "
		"keys with values\n"},
	{"duty of text",
		BOT
		"  duty: anna\n",
		"qungong.yaml:5:3: warning: bots[0].duty: 'duty' is known, but has no "
		"effect in this version\n"
		"qungong.yaml:5:9: bots[0].duty: expected a list of ids or {id, hours, "
		"days}, found a single value\n"},
	{"duty hours and days",
		BOT
		"  duty:\n"
		"  - {id: anna, hours: 9-18, days: mon-fry}\n"
		"  - {hours: \"25:00-26:00\"}\n",
		"qungong.yaml:5:3: warning: bots[0].duty: 'duty' is known, but has no "
		"effect in this version\n"
		"qungong.yaml:6:23: bots[0].duty[0].hours: '9-18' are no hours; write "
		"them as \"09:00-18:00\"\n"
		"qungong.yaml:6:35: bots[0].duty[0].days: 'mon-fry' are no days; write "
		"mon-fri or mon,wed,sat\n"
		"qungong.yaml:7:5: bots[0].duty[1]: 'id' is missing\n"
		"qungong.yaml:7:13: bots[0].duty[1].hours: '25:00-26:00' are no hours; "
		"write them as \"09:00-18:00\"\n"},
	{"people",
		BOT
		"  people:\n"
		"    anna: {name: A, hours: always, rank: 1}\n",
		"qungong.yaml:5:3: warning: bots[0].people: 'people' is known, but has "
		"no effect in this version\n"
		"qungong.yaml:6:28: bots[0].people.anna.hours: 'always' are no hours; "
		"write them as \"09:00-18:00\"\n"
		"qungong.yaml:6:36: bots[0].people.anna.rank: unknown key 'rank'; "
		"allowed: name, group, hours\n"},
	{"answer tokens",
		BOT
		"  answer_tokens: 5\n",
		"qungong.yaml:5:18: bots[0].answer_tokens: 5 is not between 16 and "
		"100000\n"},
	{"a budget",
		BOT
		"  budget: {turn: much, at_limit: panic, week: 3}\n",
		"qungong.yaml:5:3: warning: bots[0].budget: 'budget' is known, but has "
		"no effect in this version\n"
		"qungong.yaml:5:18: bots[0].budget.turn: 'much' is not a number\n"
		"qungong.yaml:5:34: bots[0].budget.at_limit: 'panic' is not one of: "
		"cheaper, offline, stop\n"
		"qungong.yaml:5:41: bots[0].budget.week: unknown key 'week'; allowed: "
		"turn, chat_day, user_day, bot_month, currency, at_limit\n"},
	{"a budget of text",
		BOT
		"  budget: 5\n",
		"qungong.yaml:5:3: warning: bots[0].budget: 'budget' is known, but has "
		"no effect in this version\n"
		"qungong.yaml:5:11: bots[0].budget: expected keys with values, found a "
		"single value\n"},
	{"a footnote",
		BOT
		"  usage_footnote: long\n",
		"qungong.yaml:5:19: bots[0].usage_footnote: 'long' is not one of: off, "
		"short, full\n"},
	{"a mask",
		BOT
		"  mask: [phone, email]\n",
		"qungong.yaml:5:3: warning: bots[0].mask: 'mask' is known, but has no "
		"effect in this version\n"
		"qungong.yaml:5:17: bots[0].mask[1]: 'email' is not one of: phone, "
		"id_card, bank_card\n"},
	{"answers of lists",
		BOT
		"  answers: {shop: [a]}\n",
		"qungong.yaml:5:19: bots[0].answers.shop: expected a text, found a list\n"},
	{"an answer nobody asked for",
		BOT
		"  answers: {nonsense: 1}\n",
		"qungong.yaml:5:13: bots[0].answers.nonsense: the interview does not ask "
		"that\n"},
	{"a reserved key of a bot",
		BOT
		"  words: {a: b}\n",
		"qungong.yaml:5:3: bots[0].words: 'words' is reserved for a later "
		"version and not built into this one\n"},
	{"an unknown endpoint",
		"models: {house: {provider: offline}}\n"
		BOT
		"  models: [hose]\n",
		"qungong.yaml:6:12: bots[0].models[0]: no endpoint 'hose' stands under "
		"models:; did you mean 'house'?\n"},
	{"an endpoint twice",
		"models: {house: {provider: offline}}\n"
		BOT
		"  models: [house, house]\n",
		"qungong.yaml:6:19: bots[0].models[1]: endpoint 'house' is named twice\n"},
	{"an endpoint not built",
		"models: {main: {provider: deepseek}}\n"
		BOT
		"  models: main\n",
		"qungong.yaml:6:11: bots[0].models: endpoint 'main': provider 'deepseek' "
		"is not built into this version; use offline or scripted\n"},
	{"offline before others",
		"models: {house: {provider: offline}}\n"
		BOT
		"  models: [offline, house]\n",
		"qungong.yaml:6:12: bots[0].models[0]: 'offline' always stands last, for "
		"it always answers\n"},
	{"currencies",
		"models: {house: {provider: offline, price: {input: 1, output: 2, "
		"currency: USD}}}\n"
		BOT
		"  models: [house]\n"
		"  budget: {turn: 1}\n",
		"qungong.yaml:1:37: warning: models.house.price: 'price' is known, but "
		"has no effect in this version\n"
		"qungong.yaml:6:12: bots[0].models[0]: endpoint 'house' is priced in "
		"USD, the bot's budget in CNY; set usd_cny in qungong.yaml\n"
		"qungong.yaml:7:3: warning: bots[0].budget: 'budget' is known, but has "
		"no effect in this version\n"},
	{"several at once",
		"lisen: x\n"
		"partitions: 0\n"
		BOT
		"  scop: chat\n"
		"  chats: 5\n",
		"qungong.yaml:1:1: lisen: unknown key 'lisen'; did you mean 'listen'?; "
		"allowed: "
		MAIN_KEYS
		"\n"
		"qungong.yaml:2:13: partitions: 0 is not between 1 and 1024\n"
		"qungong.yaml:7:3: bots[0].scop: unknown key 'scop'; did you mean "
		"'scope'?; allowed: "
		BOT_KEYS
		"\n"
		"qungong.yaml:8:10: bots[0].chats: '5' is no list: write any, [] or [id, "
		"id]\n"},
};
/* clang-format on */

START_TEST(says_each_mistake_at_its_place)
{
	unsetenv("QG_TEST_NOT_SET");
	write_file("qungong.yaml", mistakes[_i].text);
	struct qg_config *config = load(NULL);
	ck_assert_msg(config == NULL, "%s: loaded", mistakes[_i].name);
	ck_assert_msg(strcmp(said(), mistakes[_i].said) == 0, "%s:\nsaid: %s\nnot:  %s",
		mistakes[_i].name, said(), mistakes[_i].said);
	ck_assert_ptr_null(strstr(said(), "hunter2"));
}
END_TEST

/* The example of the design, on the one platform there is, without a key in the environment. */
static const char example[] =
	"listen: 127.0.0.1:8080           # webhooks\n"
	"admin_listen: 127.0.0.1:8081\n"
	"data_dir: ./data\n"
	"redis: embedded\n"
	"durability: always\n"
	"timezone: Asia/Shanghai\n"
	"language: zh\n"
	"trusted_proxies: []\n"
	"connections_per_address: 256\n"
	"log: {level: info, format: text}\n"
	"models:\n"
	"  main:  {provider: deepseek, model: deepseek-flash, "
	"api_key: \"${QG_TEST_NOT_SET:-}\", tier: standard}\n"
	"  house: {provider: openai, base_url: \"http://127.0.0.1:8000/v1\", model: Qwen2.5-7B, "
	"price: {input: 0, output: 0, currency: CNY}}\n"
	"bots:\n"
	"  - name: xiaoman\n"
	"    template: restaurant\n"
	"    answers: {shop_name: 小满餐厅, phone: 021-5555, seats: 007}\n"
	"    knowledge: [./menu.md]\n"
	"    models: []\n"
	"    platform: web\n"
	"    trigger: mention\n"
	"    scope: chat\n"
	"    chats: []\n"
	"    admins: []\n"
	"    duty: []\n"
	"    people: {}\n"
	"    answer_tokens: 1200\n"
	"    budget: {turn: 0.20, chat_day: 2.00, user_day: 0.5, bot_month: 200, currency: CNY, "
	"at_limit: stop}\n"
	"    usage_footnote: short\n"
	"    ai_label: \"AI 生成\"\n"
	"    mask: [phone, id_card, bank_card]\n";

START_TEST(loads_the_example)
{
	unsetenv("QG_TEST_NOT_SET");
	write_file("qungong.yaml", example);
	write_file("menu.md", "# 菜单\n");
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL, "%s", said());
	ck_assert_uint_eq(problems.errors, 0);
	ck_assert_uint_eq(problems.warnings, 5);
	ck_assert_str_eq(config->listen, "127.0.0.1:8080");
	ck_assert_str_eq(config->admin_listen, "127.0.0.1:8081");
	ck_assert(config->data_dir[0] == '/' && strstr(config->data_dir, "/data") != NULL);
	ck_assert_str_eq(config->redis, "embedded");
	ck_assert(config->durability_always);
	ck_assert_uint_eq(config->connections_per_address, 256);
	ck_assert_uint_eq(config->partitions, 16);
	ck_assert_int_eq(config->log_level, QG_LOG_INFO);
	ck_assert(!config->log_json);
	ck_assert_uint_eq(config->model_count, 2);
	ck_assert_uint_eq(config->bot_count, 1);
	const struct qg_bot_config *bot = qg_config_bot(config, "xiaoman");
	ck_assert_ptr_nonnull(bot);
	ck_assert_ptr_null(qg_config_bot(config, "xiaowei"));
	ck_assert_str_eq(json_string_value(json_object_get(bot->answers, "phone")), "021-5555");
	ck_assert_str_eq(json_string_value(json_object_get(bot->answers, "seats")), "007");
	ck_assert_uint_eq(bot->knowledge.count, 1);
	ck_assert(bot->knowledge.items[0][0] == '/');
	ck_assert_int_eq(bot->trigger, QG_TRIGGER_MENTION);
	ck_assert_int_eq(bot->scope, QG_SCOPE_CHAT);
	ck_assert_int_eq(bot->answer_tokens, 1200);
	ck_assert_int_eq(bot->at_limit, QG_LIMIT_STOP);
	ck_assert_int_eq(bot->footnote, QG_FOOTNOTE_SHORT);
	ck_assert_str_eq(bot->ai_label, "AI 生成");
	ck_assert_uint_eq(bot->mask.count, 3);
	ck_assert_str_eq(bot->language, "zh");
	ck_assert_str_eq(bot->timezone, "Asia/Shanghai");
	ck_assert_ptr_nonnull(bot->options);
	ck_assert_int_eq(((struct fake_web *)bot->options)->limit, 7);
	ck_assert_uint_eq(strlen(bot->fingerprint), 32);
	qg_config_release(config);
}
END_TEST

START_TEST(fills_in_what_is_not_said)
{
	write_file("qungong.yaml", BOT);
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL && problems.text.size == 0, "%s", said());
	const struct qg_bot_config *bot = &config->bots[0];
	ck_assert_int_eq(bot->scope, QG_SCOPE_SENDER); /* the template's */
	ck_assert_int_eq(bot->answer_tokens, 800);
	ck_assert_str_eq(bot->ai_label, "机器人");
	ck_assert_int_eq(bot->footnote, QG_FOOTNOTE_SHORT);
	ck_assert_int_eq(bot->at_limit, QG_LIMIT_CHEAPER);
	ck_assert(json_is_array(bot->duty) && json_is_object(bot->people) &&
		  json_is_object(bot->answers));
	ck_assert(!bot->any_chat && bot->chats.count == 0);
	ck_assert_str_eq(bot->file, "qungong.yaml");
	ck_assert_ptr_null(bot->customer);
	qg_config_release(config);
}
END_TEST

START_TEST(reads_the_forms_of_a_bots_keys)
{
	write_file("qungong.yaml",
		"models: {one: {provider: offline}}\n" BOT "  trigger: {keywords: [价格, 订位]}\n"
		"  chats: [g1, 22]\n  models: [one, offline]\n"
		"  duty: [anna, {id: bert, hours: \"22:00-06:00\", days: \"mon-wed,sat\"}]\n"
		"  members: {ann: s1, bob: {secret: s2, admin: true}}\n"
		"- {name: b, template: restaurant, platform: web, chats: any, trigger: always, "
		"admins: boss}\n");
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL, "%s", said());
	const struct qg_bot_config *a = qg_config_bot(config, "a"), *b = qg_config_bot(config, "b");
	ck_assert_int_eq(a->trigger, QG_TRIGGER_KEYWORDS);
	ck_assert_uint_eq(a->keywords.count, 2);
	ck_assert_str_eq(a->chats.items[1], "22");
	ck_assert_uint_eq(a->models.count, 1); /* offline follows by itself */
	ck_assert_str_eq(qg_config_model(config, a, "one")->provider, "offline");
	ck_assert_str_eq(
		json_string_value(json_object_get(json_array_get(a->duty, 0), "id")), "anna");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(a->duty, 1), "days")),
		"mon-wed,sat");
	const json_t *members = ((struct fake_web *)a->options)->members;
	ck_assert(json_is_true(json_object_get(json_object_get(members, "bob"), "admin")));
	ck_assert(b->any_chat);
	ck_assert_int_eq(b->trigger, QG_TRIGGER_ALWAYS);
	ck_assert_str_eq(b->admins.items[0], "boss");
	qg_config_release(config);
}
END_TEST

START_TEST(says_once_what_is_without_effect)
{
	write_file("qungong.yaml", BOT
		"  mask: [phone]\n- {name: b, template: restaurant, platform: web, mask: [phone]}\n"
		"- {name: c, template: restaurant, platform: web, mask: [], people: {}}\n");
	struct qg_config *config = load(NULL);
	ck_assert_ptr_nonnull(config);
	ck_assert_str_eq(said(), "qungong.yaml:5:3: warning: bots[0].mask: 'mask' is known, but "
				 "has no effect in this version\n");
	qg_config_release(config);
}
END_TEST

START_TEST(takes_an_empty_key_for_absent)
{
	write_file("qungong.yaml", "listen:\nlanguage: \"\"\nlog:\n" BOT
				   "  scope:\n  token: \"${QG_TEST_NOT_SET:-}\"\n");
	unsetenv("QG_TEST_NOT_SET");
	struct qg_config *config = load(NULL);
	ck_assert_ptr_nonnull(config);
	ck_assert_str_eq(said(),
		"qungong.yaml:1:1: warning: listen: 'listen' is left empty: it counts as not "
		"configured\n"
		"qungong.yaml:2:1: warning: language: 'language' is left empty: it counts as not "
		"configured\n"
		"qungong.yaml:3:1: warning: log: 'log' is left empty: it counts as not configured\n"
		"qungong.yaml:8:3: warning: bots[0].scope: 'scope' is left empty: it counts as not "
		"configured\n"
		"qungong.yaml:9:3: warning: bots[0].token: 'token' is left empty: it counts as not "
		"configured\n");
	ck_assert_str_eq(config->listen, "127.0.0.1:8080");
	ck_assert_str_eq(config->language, "zh");
	ck_assert_int_eq(config->bots[0].scope, QG_SCOPE_SENDER);
	ck_assert_ptr_null(((struct fake_web *)config->bots[0].options)->token);
	qg_config_release(config);
}
END_TEST

START_TEST(tells_which_changes_need_a_restart)
{
	write_file("qungong.yaml", BOT);
	struct qg_config *before = load(NULL);
	write_file("qungong.yaml", "language: en\n" BOT);
	struct qg_config *same = load(before);
	write_file("qungong.yaml", "partitions: 8\nlisten: 127.0.0.1:1\nadmin_listen: "
				   "\"[::1]:2\"\nredis: unix:/run/r\n"
				   "data_dir: /var/lib/q\ndurability: everysec\n");
	struct qg_config *after = load(before);
	ck_assert(before != NULL && same != NULL && after != NULL);
	ck_assert_ptr_null(qg_config_restart_keys(before, same));
	char *keys = qg_config_restart_keys(before, after);
	ck_assert_str_eq(keys, "listen, admin_listen, redis, data_dir, durability, partitions");
	ck_assert_str_eq(after->data_dir, "/var/lib/q");
	free(keys);
	qg_config_release(qg_config_take(before));
	qg_config_release(before);
	qg_config_release(same);
	qg_config_release(after);
}
END_TEST

static const char *const good_addresses[] = {
	"0.0.0.0:1", "127.0.0.1:0", "[::]:8080", "localhost:65535"};
static const char *const bad_addresses[] = {"8080", ":8080", "*:80", "1.2.3:4", "::1:80", "[::1]",
	"[x]:1", "a.b:1", "127.0.0.1:", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:8 0"};

START_TEST(knows_addresses)
{
	char text[128];
	for (size_t i = 0; i < sizeof(good_addresses) / sizeof(good_addresses[0]); i++) {
		snprintf(text, sizeof(text), "listen: \"%s\"\n%s", good_addresses[i], BOT);
		write_file("qungong.yaml", text);
		struct qg_config *config = load(NULL);
		ck_assert_msg(config != NULL, "%s: %s", good_addresses[i], said());
		qg_config_release(config);
	}
	for (size_t i = 0; i < sizeof(bad_addresses) / sizeof(bad_addresses[0]); i++) {
		snprintf(text, sizeof(text), "listen: \"%s\"\n%s", bad_addresses[i], BOT);
		write_file("qungong.yaml", text);
		ck_assert_msg(load(NULL) == NULL, "%s is taken", bad_addresses[i]);
	}
}
END_TEST

static const char *const good_redis[] = {"redis://h", "redis://h:6379/0", "redis://u:p@h:1/2",
	"redis://:p%40@10.0.0.1", "redis://[::1]:6379/1", "unix:/run/redis.sock"};
static const char *const bad_redis[] = {"redis", "redis://", "redis://h:x", "redis://h/x",
	"redis://u:p@", "unix:run", "unix:/", "redis://h:70000", "redis://a b"};

START_TEST(knows_redis_urls)
{
	char text[128];
	for (size_t i = 0; i < sizeof(good_redis) / sizeof(good_redis[0]); i++) {
		snprintf(text, sizeof(text), "redis: \"%s\"\n%s", good_redis[i], BOT);
		write_file("qungong.yaml", text);
		struct qg_config *config = load(NULL);
		ck_assert_msg(config != NULL, "%s: %s", good_redis[i], said());
		ck_assert_str_eq(config->redis, good_redis[i]);
		qg_config_release(config);
	}
	for (size_t i = 0; i < sizeof(bad_redis) / sizeof(bad_redis[0]); i++) {
		snprintf(text, sizeof(text), "redis: \"%s\"\n%s", bad_redis[i], BOT);
		write_file("qungong.yaml", text);
		ck_assert_msg(load(NULL) == NULL, "%s is taken", bad_redis[i]);
	}
}
END_TEST

START_TEST(makes_a_schema)
{
	static const char *const platforms[] = {"web", NULL};
	char *text = qg_config_schema(&fake_world, platforms);
	json_t *schema = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(schema);
	ck_assert_str_eq(json_string_value(json_object_get(schema, "$schema")),
		"https://json-schema.org/draft/2020-12/schema");
	const json_t *bot = json_object_get(json_object_get(schema, "$defs"), "bot");
	ck_assert_ptr_nonnull(json_object_get(json_object_get(bot, "properties"), "answer_tokens"));
	const json_t *rule = json_array_get(json_object_get(bot, "allOf"), 0);
	ck_assert_ptr_nonnull(json_object_get(
		json_object_get(json_object_get(rule, "then"), "properties"), "members"));
	json_decref(schema);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *mistake = tcase_create("mistakes"), *right = tcase_create("right");
	tcase_add_checked_fixture(mistake, enter_folder, leave_folder);
	tcase_add_checked_fixture(right, enter_folder, leave_folder);
	tcase_add_loop_test(mistake, says_each_mistake_at_its_place, 0,
		(int)(sizeof(mistakes) / sizeof(mistakes[0])));
	tcase_add_test(right, loads_the_example);
	tcase_add_test(right, fills_in_what_is_not_said);
	tcase_add_test(right, reads_the_forms_of_a_bots_keys);
	tcase_add_test(right, says_once_what_is_without_effect);
	tcase_add_test(right, takes_an_empty_key_for_absent);
	tcase_add_test(right, tells_which_changes_need_a_restart);
	tcase_add_test(right, knows_addresses);
	tcase_add_test(right, knows_redis_urls);
	tcase_add_test(right, makes_a_schema);
	suite_add_tcase(suite, mistake);
	suite_add_tcase(suite, right);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
