/* presets.c - the providers: where they are, what they are called, and in what each differs.
 *
 * A new one is a row of qg_providers and, where it differs, a row of quirks above it. Thinking is switched
 * off for chat: an asker waits for each of those tokens, and the owner pays for them. */
#include "presets.h"

#define USAGE "{\"include_usage\":true}"
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_THINKING "\"thinking\":{\"type\":\"disabled\"}"
#define THINKING_FALSE "\"enable_thinking\":false"
#define TEMPLATE_FALSE "\"chat_template_kwargs\":{\"enable_thinking\":false}"
#define EFFORT(word) "\"reasoning_effort\":\"" word "\""

static const struct qg_model_quirk deepseek_models[] = {{"deepseek-*", NO_THINKING}, {NULL}};
static const struct qg_quirks deepseek = {
	.models = deepseek_models,
	.stream_options = USAGE,
	.retired = "deepseek-chat deepseek-reasoner",
	.sees = "deepseek-flash deepseek-v4-flash*",
};

static const struct qg_model_quirk dashscope_models[] = {
	{"qwen3-max* qwen-max* qwen-long* qwen3-coder* qwen2*"}, /* never think */
	{"qwq* qvq* qwen3-*-thinking*", .always_thinks = true},
	{"qwen* deepseek-v* kimi-k2.5 kimi-k2.6 glm-4* glm-5 glm-5.1 glm-5.2", THINKING_FALSE},
	{NULL},
};
static const struct qg_quirks dashscope = {
	.models = dashscope_models,
	.stream_options = USAGE,
	.abroad_hosts = "dashscope-intl.aliyuncs.com dashscope-us.aliyuncs.com",
	.sees = "qwen3.8-max qwen3.[5-7]-plus qwen3.[5-6]-flash qwen*-vl-* qvq* "
		"MiniMax/MiniMax-M3.1-Flash",
	.image_tokens = 16384, /* one for each 28 by 28 points, the sides as they are */
};

static const struct qg_model_quirk qianfan_models[] = {
	{"ernie-*-thinking* ernie-x1* deepseek-r1*", .always_thinks = true},
	{NULL},
};
static const struct qg_quirks qianfan = {.models = qianfan_models,
	.stream_options = USAGE,
	.sees = "ernie-5.0-thinking-latest ernie-*-vl*"};

static const struct qg_model_quirk ark_models[] = {
	{"doubao-seed-* deepseek-v4-* glm-* ep-*", NO_THINKING},
	{NULL},
};
static const struct qg_quirks ark = {
	.models = ark_models, .stream_options = USAGE, .sees = "doubao-seed-* doubao-*-vision-*"};

static const struct qg_model_quirk moonshot_models[] = {
	{"kimi-k2.5 kimi-k2.6", NO_THINKING},
	{"kimi-k3*", EFFORT("low"), .always_thinks = true},
	{"kimi-k2.7* kimi-k2-thinking*", .always_thinks = true},
	{NULL},
};
static const struct qg_quirks moonshot = {
	.models = moonshot_models,
	.stream_options = USAGE,
	.abroad_hosts = "api.moonshot.ai",
	.sees = "kimi-k3* kimi-k2.5 kimi-k2.6 kimi-k2.7* moonshot-v1-*-vision-*",
};

static const struct qg_model_quirk zhipu_models[] = {
	{"glm-5.3*", EFFORT("low"), .always_thinks = true},
	{"glm-4-*"},
	{"glm-*", NO_THINKING},
	{NULL},
};
static const struct qg_quirks zhipu = {
	.models = zhipu_models,
	.stream_options = USAGE,
	.abroad_hosts = "api.z.ai",
	.sees = "glm-5.3-flash glm-5v* glm-4.[1-9]v* glm-4v*",
};

static const struct qg_model_quirk hunyuan_models[] = {
	{"hunyuan-t1*", .always_thinks = true},
	{NULL},
};
static const struct qg_quirks hunyuan = {
	.models = hunyuan_models, .stream_options = USAGE, .sees = "hy4 hunyuan-*vision*"};

static const struct qg_model_quirk minimax_models[] = {
	{"MiniMax-M*", "\"reasoning_split\":true", .always_thinks = true},
	{NULL},
};
static const struct qg_quirks minimax = {
	.models = minimax_models,
	.stream_options = USAGE,
	.hides_think = true,
	.abroad_hosts = "api.minimax.io",
	.sees = "MiniMax-M3*",
};

static const struct qg_model_quirk siliconflow_models[] = {
	{"Qwen/Qwen3-*-Thinking* deepseek-ai/DeepSeek-R1* Pro/deepseek-ai/DeepSeek-R1*",
		.always_thinks = true},
	{"Qwen/Qwen3* deepseek-ai/DeepSeek-V* Pro/deepseek-ai/DeepSeek-V* zai-org/GLM-*",
		THINKING_FALSE},
	{NULL},
};
static const struct qg_quirks siliconflow = {
	.models = siliconflow_models,
	.stream_options = USAGE,
	.hides_think = true,
	.sees = "Qwen/Qwen3.[5-6]-* Qwen/*-VL-* zai-org/GLM-4.*V*",
};

static const struct qg_model_quirk openai_models[] = {
	{"gpt-5 gpt-5-mini* gpt-5-nano* gpt-5-20*", EFFORT("minimal"), "max_completion_tokens"},
	{"gpt-5.* gpt-6*", EFFORT("none"), "max_completion_tokens"},
	{"o1* o3* o4*", EFFORT("low"), "max_completion_tokens", true},
	{NULL},
};
/* hides_think: its form is what own servers are asked in, under this name too. */
static const struct qg_quirks openai = {
	.models = openai_models,
	.stream_options = USAGE,
	.hides_think = true,
	.sees = "gpt-4o* gpt-4.1* gpt-5* gpt-6* o1 o3 o4-mini",
	.image_tokens = 2500, /* 1,536 patches, of which small models count 1.62 each */
};

/* A picture is made to fit into 1,568 points a side, and 750 of them are a token. */
static const struct qg_quirks anthropic = {
	.cache_minimum = 1024, .sees = "claude-*", .image_tokens = 3300};

static const struct qg_model_quirk vllm_models[] = {{"*", TEMPLATE_FALSE}, {NULL}};
static const struct qg_quirks vllm = {
	.models = vllm_models, .stream_options = USAGE, .hides_think = true};
static const struct qg_model_quirk ollama_models[] = {{"*", EFFORT("none")}, {NULL}};
static const struct qg_quirks ollama = {
	.models = ollama_models, .stream_options = USAGE, .hides_think = true};
static const struct qg_quirks stepfun = {.stream_options = USAGE,
	.hides_think = true,
	.sees = "step-3.7-flash step-1o-* step-1v-* step-3"};
static const struct qg_quirks yi = {
	.stream_options = USAGE, .hides_think = true, .sees = "yi-vision*"};
static const struct qg_quirks plain = {.stream_options = USAGE, .hides_think = true};

const struct qg_provider qg_providers[] = {
	{"deepseek", NAMES("deep-seek"), "DeepSeek", "openai", "https://api.deepseek.com",
		"deepseek-flash", .needs_key = true, .quirks = &deepseek},
	{"dashscope", NAMES("qwen", "tongyi", "bailian", "aliyun"), "通义千问", "openai",
		"https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3.6-flash",
		.needs_key = true, .quirks = &dashscope},
	{"qianfan", NAMES("ernie", "wenxin", "baidu"), "百度千帆", "openai",
		"https://qianfan.baidubce.com/v2", "deepseek-v3.2", .needs_key = true,
		.quirks = &qianfan},
	{"ark", NAMES("doubao", "volcengine"), "豆包", "openai",
		"https://ark.cn-beijing.volces.com/api/v3", "doubao-seed-2-0-lite-260428",
		.needs_key = true, .quirks = &ark},
	{"moonshot", NAMES("kimi"), "Kimi", "openai", "https://api.moonshot.cn/v1", "kimi-k2.6",
		.needs_key = true, .quirks = &moonshot},
	{"zhipu", NAMES("glm", "bigmodel"), "智谱 GLM", "openai",
		"https://open.bigmodel.cn/api/paas/v4", "glm-4.7", .needs_key = true,
		.quirks = &zhipu},
	{"hunyuan", NAMES("tencent", "tokenhub"), "腾讯混元", "openai",
		"https://tokenhub.tencentmaas.com/v1", "hy4", .needs_key = true,
		.quirks = &hunyuan},
	{"minimax", NAMES("abab"), "MiniMax", "openai", "https://api.minimaxi.com/v1", "MiniMax-M3",
		.needs_key = true, .quirks = &minimax},
	{"stepfun", NAMES("step"), "阶跃星辰", "openai", "https://api.stepfun.com/v1",
		"step-3.7-flash", .needs_key = true, .quirks = &stepfun},
	{"siliconflow", NAMES("silicon"), "硅基流动", "openai", "https://api.siliconflow.cn/v1",
		"deepseek-ai/DeepSeek-V3.2", .needs_key = true, .quirks = &siliconflow},
	{"yi", NAMES("lingyi", "01ai"), "零一万物", "openai", "https://api.lingyiwanwu.com/v1",
		"yi-lightning", .needs_key = true, .quirks = &yi},
	{"openai", NAMES("gpt"), "OpenAI", "openai", "https://api.openai.com/v1", "gpt-6-luna",
		.abroad = true, .needs_key = true, .quirks = &openai},
	{"anthropic", NAMES("claude"), "Anthropic", "anthropic", "https://api.anthropic.com",
		"claude-haiku-5-5", .abroad = true, .needs_key = true, .quirks = &anthropic},
	{"vllm", NAMES("sglang"), "vLLM", "openai", .is_free = true, .quirks = &vllm},
	{"ollama", NAMES("ollama-openai"), "Ollama", "openai", .is_free = true, .quirks = &ollama},
	{"llamacpp", NAMES("llama.cpp"), "llama.cpp", "openai", .is_free = true, .quirks = &plain},
	{NULL},
};
