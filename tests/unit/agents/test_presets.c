/* test_presets.c - the table of providers is whole, and an endpoint's check says what is wrong with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "models/presets.h"
#include "qg/json.h"
#include "qg/str.h"

START_TEST(the_table_is_whole)
{
	for (const struct qg_provider *p = qg_providers; p->name != NULL; p++) {
		ck_assert_ptr_eq(qg_provider_find(p->name), p);
		ck_assert_ptr_nonnull(p->title);
		ck_assert_ptr_nonnull(p->quirks);
		ck_assert_msg(qg_model_find(p->name) != NULL, "%s has no service", p->name);
		ck_assert_str_eq(qg_model_find(p->name)->name, p->wire);
		ck_assert_msg(strstr(qg_model_names(), p->name) != NULL, "%s", p->name);
		for (size_t i = 0; p->aliases[i] != NULL; i++) {
			ck_assert_msg(
				qg_provider_find(p->aliases[i]) == p, "%s twice", p->aliases[i]);
		}
		if (!p->is_free) {
			ck_assert_int_eq(strncmp(p->base_url, "https://", 8), 0);
			ck_assert_ptr_nonnull(p->default_model);
			ck_assert_msg(!qg_words_have(p->quirks->retired, p->default_model),
				"%s is retired", p->default_model);
		}
	}
	qg_models_check();
}
END_TEST

/* What a config may name, and what all of it is called. */
START_TEST(names_of_old_are_known)
{
	static const char *const names[] = {"deepseek", "dashscope", "qwen", "qianfan", "ernie",
		"ark", "doubao", "moonshot", "kimi", "zhipu", "glm", "hunyuan", "minimax",
		"stepfun", "siliconflow", "yi", "openai", "anthropic", "vllm", "ollama",
		"llamacpp"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_msg(qg_provider_find(names[i]) != NULL, "%s", names[i]);
	}
	ck_assert_ptr_eq(qg_provider_find("qwen"), qg_provider_find("dashscope"));
	ck_assert_ptr_null(qg_provider_find("offline"));
	ck_assert_ptr_null(qg_provider_find("nobody"));
	ck_assert_ptr_null(qg_provider_find(NULL));
	ck_assert_int_eq(strncmp(qg_model_names(), "offline, scripted, deepseek, ", 29), 0);
}
END_TEST

START_TEST(thinking_is_off_for_chat)
{
	static const struct {
		const char *provider, *model, *members;
	} cases[] = {
		{"deepseek", NULL, "\"thinking\":{\"type\":\"disabled\"}"},
		{"qwen", NULL, "\"enable_thinking\":false"},
		{"qwen", "qwen3-max", NULL},
		{"doubao", NULL, "\"thinking\":{\"type\":\"disabled\"}"},
		{"kimi", NULL, "\"thinking\":{\"type\":\"disabled\"}"},
		{"kimi", "kimi-k3", "\"reasoning_effort\":\"low\""},
		{"glm", NULL, "\"thinking\":{\"type\":\"disabled\"}"},
		{"glm", "glm-5.3-flash", "\"reasoning_effort\":\"low\""},
		{"minimax", NULL, "\"reasoning_split\":true"},
		{"siliconflow", NULL, "\"enable_thinking\":false"},
		{"openai", NULL, "\"reasoning_effort\":\"none\""},
		{"openai", "gpt-4o", NULL},
		{"vllm", "x/y", "\"chat_template_kwargs\":{\"enable_thinking\":false}"},
		{"ollama", "qwen3:8b", "\"reasoning_effort\":\"none\""},
		{"llamacpp", "x", NULL},
	};
	struct qg_model_config endpoint = {
		.provider = (char *)cases[_i].provider, .model = (char *)cases[_i].model};
	const char *members = qg_endpoint_model_quirk(&endpoint)->members;
	ck_assert_msg(qg_str_equal(members, cases[_i].members), "%s", members);
	if (members != NULL) { /* they are pasted into a body */
		char object[256];
		snprintf(object, sizeof(object), "{%s}", members);
		json_t *json = qg_json_parse(object, strlen(object), NULL);
		ck_assert_ptr_nonnull(json);
		json_decref(json);
	}
}
END_TEST

START_TEST(patterns)
{
	ck_assert(qg_words_have("a b*", "a") && qg_words_have("a b*", "bcd"));
	ck_assert(!qg_words_have("a b*", "ab") && !qg_words_have(NULL, "a"));
	ck_assert(!qg_words_have("", "a") && qg_words_have("*", "x/y"));
	ck_assert(qg_words_have("q-*-thinking*", "q-3-thinking-x"));
	ck_assert(!qg_words_have("q-*-thinking*", "q-thinking"));
}
END_TEST

START_TEST(who_is_abroad)
{
	static const struct {
		const char *provider, *base_url, *region;
		bool abroad;
	} cases[] = {
		{"deepseek", NULL, NULL, false},
		{"openai", NULL, NULL, true},
		{"claude", NULL, NULL, true},
		{"openai", "http://127.0.0.1:8000/v1", NULL, false},
		{"openai", "http://[::1]:8000/v1", NULL, false},
		{"openai", "http://user@10.1.2.3/v1", NULL, false},
		{"openai", "http://gpu:8000/v1", NULL, false},
		{"openai", "http://172.32.0.1/v1", NULL, true},
		{"openai", "http://127.0.0.1.evil.com/v1", NULL, true},
		{"openai", "https://relay.example.cn/v1", NULL, true},
		{"openai", "https://relay.example.cn/v1", "mainland", false},
		{"deepseek", "http://127.0.0.1/v1", "abroad", true},
		{"kimi", "https://api.moonshot.ai/v1", NULL, true},
		{"qwen", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", NULL, true},
		{"offline", NULL, NULL, false},
	};
	struct qg_model_config endpoint = {.provider = (char *)cases[_i].provider,
		.base_url = (char *)cases[_i].base_url,
		.region = (char *)cases[_i].region};
	ck_assert_int_eq(qg_endpoint_is_abroad(&endpoint), cases[_i].abroad);
}
END_TEST

/* "E..." an error, "W..." a warning that holds these words; "": nothing. */
static const struct {
	const char *yaml, *says;
} checks[] = {
	{"{provider: deepseek, api_key: k}", ""},
	{"{provider: offline}", ""},
	{"{provider: deepsek}", "Eunknown provider 'deepsek'; did you mean 'deepseek'?; this "
				"version has offline, scripted, deepseek"},
	{"{provider: 12345}", "Eunknown provider '12345'; this version"},
	{"{provider: deepseek}", "Wno 'api_key'"},
	{"{provider: deepseek, api_key: ''}", ""},
	{"{provider: deepseek, api_key: \"a b\"}", "Ea blank or a line break"},
	{"{provider: deepseek, api_key: \"a\\nb\"}", "Ea blank or a line break"},
	{"{provider: openai, base_url: 'http://127.0.0.1/v1', model: x}", ""},
	{"{provider: openai, base_url: 'http://127.0.0.1/v1'}", "Eneeds 'model' where 'base_url'"},
	{"{provider: vllm, model: x}", "Eneeds 'base_url'"},
	{"{provider: ollama, base_url: 'http://h/v1'}", "Eneeds 'model'"},
	{"{provider: openai, base_url: 'ws://h', model: x, api_key: k}", "Ehttp:// or https://"},
	{"{provider: openai, base_url: 'https://h/v1?a=b', model: x, api_key: k}",
		"Ewithout ? and #"},
	{"{provider: deepseek, model: deepseek-chat, api_key: k}",
		"Wno longer serves 'deepseek-chat'; its present model is deepseek-flash"},
	{"{provider: scripted}", "Eprovider scripted needs 'script'"},
	{"{provider: deepseek, api_key: k, script: x}", "Ebelongs to provider scripted only"},
	{"{provider: scripted, script: /nowhere/at/all}", "Ecannot be read"},
};

static char *member(const struct qg_tree *tree, const char *key)
{
	const struct qg_tree *value = qg_tree_get(tree, key);
	return qg_tree_is_empty(value) ? NULL : value->text;
}

/* As the facts of each provider say; the config wins. */
START_TEST(who_sees_pictures)
{
	static const struct {
		const char *provider, *model;
		bool sees;
	} cases[] = {
		{"deepseek", NULL, true},
		{"deepseek", "deepseek-v4-pro", false},
		{"qwen", NULL, true},
		{"qwen", "qwen3.7-max", false},
		{"qwen", "qwen3.7-plus", true},
		{"qwen", "qwen-flash", false},
		{"qwen", "qwen3-vl-flash", true},
		{"doubao", NULL, true},
		{"ark", "glm-5-2-260617", false},
		{"kimi", NULL, true},
		{"kimi", "kimi-k2-thinking", false},
		{"kimi", "moonshot-v1-8k", false},
		{"glm", NULL, false},
		{"glm", "glm-5.3", false},
		{"glm", "glm-5.3-flash", true},
		{"glm", "glm-4.6v", true},
		{"glm", "glm-4.6", false},
		{"hunyuan", NULL, true},
		{"minimax", NULL, true},
		{"minimax", "MiniMax-M2.7", false},
		{"stepfun", NULL, true},
		{"stepfun", "step-3.5-flash", false},
		{"siliconflow", NULL, false},
		{"siliconflow", "Qwen/Qwen3.6-35B-A3B", true},
		{"yi", NULL, false},
		{"yi", "yi-vision", true},
		{"openai", NULL, true},
		{"claude", NULL, true},
		{"qianfan", NULL, false},
		{"vllm", "Qwen2.5-VL-7B", false},
		{"scripted", NULL, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct qg_model_config endpoint = {
			.provider = (char *)cases[i].provider, .model = (char *)cases[i].model};
		ck_assert_msg(qg_endpoint_sees(&endpoint) == cases[i].sees, "%s %s",
			cases[i].provider, cases[i].model);
		ck_assert_int_gt(qg_endpoint_image_tokens(&endpoint), 1000);
		endpoint.blind = true;
		ck_assert(!qg_endpoint_sees(&endpoint));
		endpoint.blind = false;
		endpoint.vision = true;
		ck_assert(qg_endpoint_sees(&endpoint));
	}
}
END_TEST

START_TEST(an_endpoint_is_checked)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree =
		qg_tree_parse("f.yaml", checks[_i].yaml, strlen(checks[_i].yaml), false, &problems);
	ck_assert_ptr_nonnull(tree);
	struct qg_model_config endpoint = {.provider = member(tree, "provider"),
		.model = member(tree, "model"),
		.base_url = member(tree, "base_url"),
		.api_key = member(tree, "api_key"),
		.script = member(tree, "script")};
	qg_endpoint_check(&endpoint, tree, &problems);
	const char *said = problems.text.size > 0 ? problems.text.data : "";
	const char *wanted = checks[_i].says;
	ck_assert_msg((problems.errors > 0) == (wanted[0] == 'E'), "%s", said);
	ck_assert_msg((problems.warnings > 0) == (wanted[0] == 'W'), "%s", said);
	if (wanted[0] != '\0') {
		ck_assert_msg(strstr(said, wanted + 1) != NULL, "%s", said);
	}
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
}
END_TEST

START_TEST(only_what_is_configured_is_asked)
{
	struct qg_model_config endpoint = {.provider = "deepseek"};
	char words[128];
	ck_assert_int_eq(qg_model_find("deepseek")->check(&endpoint, words), QG_INVALID);
	endpoint.api_key = "key";
	ck_assert_int_eq(qg_model_find("deepseek")->check(&endpoint, words), QG_OK);
	endpoint.api_key = "key\r\nHost: x";
	ck_assert_int_eq(qg_model_find("deepseek")->check(&endpoint, words), QG_INVALID);
	struct qg_model_call call = {.endpoint = &endpoint};
	ck_assert_int_eq(qg_model_find("deepseek")->ask(&call), QG_INVALID);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("presets");
	TCase *all = tcase_create("all");
	tcase_add_test(all, the_table_is_whole);
	tcase_add_test(all, names_of_old_are_known);
	tcase_add_loop_test(all, thinking_is_off_for_chat, 0, 15);
	tcase_add_test(all, patterns);
	tcase_add_loop_test(all, who_is_abroad, 0, 15);
	tcase_add_test(all, who_sees_pictures);
	tcase_add_loop_test(all, an_endpoint_is_checked, 0, sizeof(checks) / sizeof(checks[0]));
	tcase_add_test(all, only_what_is_configured_is_asked);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
