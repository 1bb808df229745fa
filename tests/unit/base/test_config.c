/* test_config.c - what is right ends up in the snapshot. */
#include "config_fixture.h"

#define BOT "bots:\n- name: a\n  template: restaurant\n  platform: web\n"
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
	ck_assert_uint_eq(problems.warnings, 4); /* a key and a mask without effect, two endpoints nobody names */
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
	ck_assert_int_eq(bot->limits.turn, 200000000);
	ck_assert_int_eq(bot->limits.bot_month, 200 * QG_MONEY_ONE);
	ck_assert_int_eq(bot->limits.customer_month, -1);
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
	ck_assert_int_eq(bot->limits.turn, -1);
	ck_assert_int_eq(bot->limits.chat_day, -1);
	ck_assert_int_eq(bot->limits.user_day, -1);
	ck_assert_int_eq(bot->limits.bot_month, -1);
	ck_assert_int_eq(bot->limits.customer_month, -1);
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
	const json_t *tls = json_object_get(json_object_get(schema, "properties"), "tls");
	ck_assert_ptr_nonnull(json_object_get(json_object_get(tls, "properties"), "cert"));
	ck_assert_uint_eq(json_array_size(json_object_get(tls, "required")), 2);
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
	TCase *right = tcase_create("right");
	tcase_add_checked_fixture(right, enter_folder, leave_folder);
	tcase_add_test(right, loads_the_example);
	tcase_add_test(right, fills_in_what_is_not_said);
	tcase_add_test(right, reads_the_forms_of_a_bots_keys);
	tcase_add_test(right, says_once_what_is_without_effect);
	tcase_add_test(right, takes_an_empty_key_for_absent);
	tcase_add_test(right, tells_which_changes_need_a_restart);
	tcase_add_test(right, knows_addresses);
	tcase_add_test(right, knows_redis_urls);
	tcase_add_test(right, makes_a_schema);
	suite_add_tcase(suite, right);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
