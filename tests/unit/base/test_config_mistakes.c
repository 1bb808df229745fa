/* test_config_mistakes.c - every mistake in qungong.yaml is said at its place. */
#include "config_fixture.h"

#define BOT "bots:\n- name: a\n  template: restaurant\n  platform: web\n"
#define MAIN_KEYS                                                                                  \
	"listen, admin_listen, data_dir, redis, durability, timezone, language, trusted_proxies, " \
	"admin_hosts, connections_per_address, partitions, ledger, usd_cny, log, tls, models, "    \
	"bots"
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
		"qungong.yaml:1:13: models.a: 'provider' is missing: whose service: offline and scripted need none\n"},
	{"an unknown provider",
		"models: {a: {provider: depseek}}\n",
		"qungong.yaml:1:24: models.a.provider: nobody knows it\n"},
	{"a URL",
		"models: {a: {provider: deepseek, base_url: \"ftp://u:hunter2@x\"}}\n",
		"qungong.yaml:1:44: models.a.base_url: is no address; write https://host "
		"or http://host:port/path\n"},
	{"a tier, and a price in a list",
		"models: {a: {provider: deepseek, tier: best, price: [1]}}\n",
		"qungong.yaml:1:40: models.a.tier: 'best' is not one of: cheap, "
		"standard, strong\n"
		"qungong.yaml:1:53: models.a.price: expected keys with values, found a "
		"list\n"},
	{"a price",
		"models: {a: {provider: deepseek, price: {input: -1, currency: EUR}}}\n",
		"qungong.yaml:1:41: models.a.price: 'output' is missing: of 1,000,000 tokens\n"
		"qungong.yaml:1:49: models.a.price.input: -1 is not between 0 and "
		"1000000000\n"
		"qungong.yaml:1:63: models.a.price.currency: 'EUR' is not one of: CNY, "
		"USD\n"},
	{"a secret that is not there",
		"models: {a: {provider: deepseek, api_key: \"file:no.key\"}}\n",
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
		"qungong.yaml:2:3: bots[0]: 'name' is missing: a-z, 0-9 and -, at most 40; unique; in URLs and logs\n"
		"qungong.yaml:2:3: bots[0]: 'platform' is missing: where it works\n"
		"qungong.yaml:2:3: bots[0]: 'template' is missing: the role\n"},
	{"a bot with nothing in it",
		"bots:\n"
		"- name:\n"
		"  template: restaurant\n"
		"  platform: web\n",
		"qungong.yaml:2:3: bots[0].name: 'name' is left empty: a-z, 0-9 and -, at most 40; unique; in URLs and logs\n"},
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
		"qungong.yaml:7:5: bots[0].duty[1]: 'id' is missing: the platform's user id\n"
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
		"qungong.yaml:5:18: bots[0].budget.turn: 'much' is not a number\n"
		"qungong.yaml:5:34: bots[0].budget.at_limit: 'panic' is not one of: "
		"cheaper, offline, stop\n"
		"qungong.yaml:5:41: bots[0].budget.week: unknown key 'week'; allowed: "
		"turn, chat_day, user_day, bot_month, currency, at_limit\n"},
	{"a budget of text",
		BOT
		"  budget: 5\n",
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
		"models: {main: {provider: yi}}\n"
		BOT
		"  models: main\n",
		"qungong.yaml:6:11: bots[0].models: endpoint 'main': provider 'yi' is not "
		"built into this version\n"},
	{"offline before others",
		"models: {house: {provider: offline}}\n"
		BOT
		"  models: [offline, house]\n",
		"qungong.yaml:6:12: bots[0].models[0]: 'offline' always stands last, for "
		"it always answers\n"},
	{"endpoints that do not go together",
		"usd_cny: 7.2\n"
		"models: {house: {provider: offline}, bad: {provider: deepseek, model: never}}\n"
		BOT
		"  models: [house, bad]\n",
		"qungong.yaml:7:3: bots[0].models: not 'bad' at 7.2\n"},
	{"TLS without a key",
		"tls: {cert: /dev/null}\n",
		"qungong.yaml:1:6: tls: needs both: {cert: FILE, key: FILE}\n"},
	{"TLS with files that are not there",
		"tls: {cert: /dev/null, key: no.pem, chain: x}\n",
		"qungong.yaml:1:29: tls.key: the key 'no.pem' cannot be read\n"
		"qungong.yaml:1:37: tls.chain: unknown key 'chain'; allowed: cert, key\n"},
	{"TLS of text",
		"tls: cert.pem\n",
		"qungong.yaml:1:6: tls: expected keys with values, found a single value\n"},
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

int main(void)
{
	Suite *suite = suite_create("config mistakes");
	TCase *tcase = tcase_create("config mistakes");
	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_loop_test(tcase, says_each_mistake_at_its_place, 0,
		(int)(sizeof(mistakes) / sizeof(mistakes[0])));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
