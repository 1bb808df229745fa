/* endpoint.c - what an endpoint of the config is, read together with its provider's preset. */
#include "presets.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "qg/str.h"

#define MAX_CANDIDATES 128
#define IMAGE_TOKENS 4096 /* of a picture, where nothing is known of the model */

/* Asked many times in a turn, and most names differ in their first letter. */
static bool is_name(const char *a, const char *b)
{
	return a[0] == b[0] && strcmp(a, b) == 0;
}

const struct qg_provider *qg_provider_find(const char *name)
{
	for (const struct qg_provider *p = qg_providers; name != NULL && p->name != NULL; p++) {
		if (is_name(p->name, name)) {
			return p;
		}
		for (size_t i = 0; p->aliases[i] != NULL; i++) {
			if (is_name(p->aliases[i], name)) {
				return p;
			}
		}
	}
	return NULL;
}

bool qg_words_have(const char *words, const char *name)
{
	for (const char *at = words; at != NULL && *at != '\0';) {
		char pattern[64];
		size_t length = strcspn(at, " ");
		assert(length < sizeof(pattern));
		memcpy(pattern, at, length);
		pattern[length] = '\0';
		if (fnmatch(pattern, name, 0) == 0) {
			return true;
		}
		at += length + (at[length] == ' ');
	}
	return false;
}

const struct qg_quirks *qg_endpoint_quirks(const struct qg_model_config *endpoint)
{
	static const struct qg_quirks none = {.stream_options = NULL};
	const struct qg_provider *provider =
		endpoint != NULL ? qg_provider_find(endpoint->provider) : NULL;
	return provider != NULL && provider->quirks != NULL ? provider->quirks : &none;
}

const char *qg_endpoint_model(const struct qg_model_config *endpoint)
{
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	if (endpoint->model != NULL) {
		return endpoint->model;
	}
	/* At an address of one's own nobody knows what is served. */
	return provider != NULL && endpoint->base_url == NULL ? provider->default_model : NULL;
}

const struct qg_model_quirk *qg_endpoint_model_quirk(const struct qg_model_config *endpoint)
{
	static const struct qg_model_quirk none = {.models = NULL};
	const struct qg_quirks *quirks = qg_endpoint_quirks(endpoint);
	const char *model = qg_endpoint_model(endpoint);
	for (const struct qg_model_quirk *q = quirks->models;
		q != NULL && model != NULL && q->models != NULL; q++) {
		if (qg_words_have(q->models, model)) {
			return q;
		}
	}
	return &none;
}

const char *qg_endpoint_base_url(const struct qg_model_config *endpoint)
{
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	if (endpoint->base_url != NULL) {
		return endpoint->base_url;
	}
	return provider != NULL ? provider->base_url : NULL;
}

bool qg_endpoint_sees(const struct qg_model_config *endpoint)
{
	const char *model = qg_endpoint_model(endpoint);
	bool known = model != NULL && qg_words_have(qg_endpoint_quirks(endpoint)->sees, model);
	return endpoint->vision || (known && !endpoint->blind);
}

int64_t qg_endpoint_image_tokens(const struct qg_model_config *endpoint)
{
	unsigned most = qg_endpoint_quirks(endpoint)->image_tokens;
	return most > 0 ? most : IMAGE_TOKENS;
}

/* The host of a URL, without the brackets of an IPv6 address. */
static bool host_of(const char *url, char *out, size_t room)
{
	const char *host = strstr(url, "://");
	host = host != NULL ? host + 3 : url;
	size_t rest = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', rest);
	if (at != NULL) {
		rest -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	bool bracket = rest > 0 && host[0] == '[';
	host += bracket;
	rest -= bracket;
	size_t size = 0;
	while (size < rest && host[size] != (bracket ? ']' : ':')) {
		size++;
	}
	if (size == 0 || size >= room) {
		return false;
	}
	memcpy(out, host, size);
	out[size] = '\0';
	return true;
}

static bool is_local_host(const char *host)
{
	unsigned a, b, c, d;
	char rest;
	if (sscanf(host, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4) {
		return a == 127 || a == 10 || (a == 192 && b == 168) ||
		       (a == 172 && b >= 16 && b < 32) || (a == 169 && b == 254);
	}
	size_t size = strlen(host);
	if (strchr(host, ':') != NULL) {
		return strcmp(host, "::1") == 0 || strncasecmp(host, "fc", 2) == 0 ||
		       strncasecmp(host, "fd", 2) == 0 || strncasecmp(host, "fe80", 4) == 0;
	}
	return strchr(host, '.') == NULL || /* "localhost", a name of a compose file */
	       (size > 6 && strcasecmp(host + size - 6, ".local") == 0) ||
	       (size > 9 && strcasecmp(host + size - 9, ".internal") == 0);
}

bool qg_endpoint_is_local(const struct qg_model_config *endpoint)
{
	char host[256];
	return endpoint->base_url != NULL && host_of(endpoint->base_url, host, sizeof(host)) &&
	       is_local_host(host);
}

/* A provider's address may be one outside the mainland though the provider is not; what stands in one's
 * own network is not abroad, whoever made it. */
bool qg_endpoint_is_abroad(const struct qg_model_config *endpoint)
{
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	char host[256];
	if (endpoint->region != NULL) {
		return strcmp(endpoint->region, "abroad") == 0;
	}
	if (endpoint->base_url != NULL && host_of(endpoint->base_url, host, sizeof(host))) {
		if (is_local_host(host)) {
			return false;
		}
		for (const struct qg_provider *p = qg_providers; p->name != NULL; p++) {
			if (qg_words_have(p->quirks->abroad_hosts, host)) {
				return true;
			}
		}
	}
	return provider != NULL && provider->abroad;
}

char *qg_endpoint_vendor(const struct qg_model_config *endpoint)
{
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	char host[256], home[256];
	if (provider == NULL) {
		return NULL; /* offline, scripted */
	}
	if (qg_endpoint_is_local(endpoint)) {
		return qg_str_copy("");
	}
	bool moved =
		endpoint->base_url != NULL && host_of(endpoint->base_url, host, sizeof(host)) &&
		!(provider->base_url != NULL && host_of(provider->base_url, home, sizeof(home)) &&
			strcasecmp(host, home) == 0);
	return qg_str_copy(moved ? host : provider->title);
}

static bool needs_key(const struct qg_model_config *endpoint)
{
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	return provider != NULL && provider->needs_key && !qg_endpoint_is_local(endpoint);
}

static bool is_header_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text <= ' ' || *text == 0x7f) {
			return false;
		}
	}
	return true;
}

bool qg_endpoint_is_configured(const struct qg_model_config *endpoint)
{
	if (endpoint->api_key != NULL ? !is_header_text(endpoint->api_key) : needs_key(endpoint)) {
		return false;
	}
	return qg_endpoint_model(endpoint) != NULL && qg_endpoint_base_url(endpoint) != NULL;
}

/* ---- the check of a config ---- */

static const char *nearest_provider(const char *name)
{
	const char *names[MAX_CANDIDATES] = {"offline", "scripted"};
	size_t count = 2;
	for (const struct qg_provider *p = qg_providers; p->name != NULL; p++) {
		for (size_t i = 0; p->aliases[i] != NULL && count < MAX_CANDIDATES - 1; i++) {
			names[count++] = p->aliases[i];
		}
		names[count++] = p->name;
	}
	return qg_str_nearest(name, names, count);
}

static void check_unknown(
	const char *provider, const struct qg_tree *value, struct qg_problems *problems)
{
	const char *nearest = value != NULL && value->variable ? NULL : nearest_provider(provider);
	qg_problem_error(problems, value, "unknown provider '%.64s'%s%s%s; this version has %s",
		value != NULL && value->variable ? "***" : provider,
		nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "'?" : "", qg_model_names());
}

static void check_script(const struct qg_model_config *endpoint, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct qg_tree *value = qg_tree_get(tree, "script");
	bool scripted = qg_str_equal(endpoint->provider, "scripted");
	if (scripted && qg_tree_is_empty(value)) {
		qg_problem_error(
			problems, tree, "provider scripted needs 'script', a file of answers");
	} else if (!scripted && endpoint->script != NULL) {
		qg_problem_error_key(problems, value, "'script' belongs to provider scripted only");
	} else if (scripted && endpoint->script != NULL && access(endpoint->script, R_OK) != 0) {
		qg_problem_error(problems, value, "the script '%s' cannot be read", value->text);
	}
}

static void check_key(const struct qg_model_config *endpoint, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct qg_tree *value = qg_tree_get(tree, "api_key");
	if (endpoint->api_key != NULL) {
		if (!is_header_text(endpoint->api_key)) {
			qg_problem_error(problems, value,
				"the key holds a blank or a line break: it cannot be one");
		}
	} else if (value == NULL && needs_key(endpoint)) { /* an empty one was warned about */
		qg_problem_warn(problems, tree,
			"no 'api_key': this endpoint is not configured and will not be asked");
	}
}

static void check_model(const struct qg_model_config *endpoint, const struct qg_provider *provider,
	const struct qg_tree *tree, struct qg_problems *problems)
{
	const char *model = qg_endpoint_model(endpoint);
	if (model == NULL) {
		qg_problem_error(problems, tree, "provider %s needs 'model'%s%s", provider->name,
			provider->default_model != NULL ? " where 'base_url' is given" : "",
			provider->default_model != NULL ? "" : ", the name of what it serves");
	} else if (qg_words_have(qg_endpoint_quirks(endpoint)->retired, model)) {
		qg_problem_warn(problems, qg_tree_get(tree, "model"),
			"%s no longer serves '%s'; its present model is %s", provider->title, model,
			provider->default_model);
	}
}

/* A path can be put behind it. */
static bool is_base(const char *url)
{
	bool is_http = strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
	return is_http && strpbrk(url, "?#") == NULL;
}

void qg_endpoint_check(const struct qg_model_config *endpoint, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	if (endpoint->provider == NULL) {
		return; /* said already */
	}
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	if (qg_model_find(endpoint->provider) == NULL) {
		check_unknown(endpoint->provider, qg_tree_get(tree, "provider"), problems);
		return;
	}
	check_script(endpoint, tree, problems);
	if (provider == NULL) {
		return; /* offline, scripted */
	}
	if (qg_endpoint_base_url(endpoint) == NULL) {
		qg_problem_error(problems, tree,
			"provider %s needs 'base_url', like http://127.0.0.1:8000/v1",
			provider->name);
	} else if (!is_base(qg_endpoint_base_url(endpoint))) {
		qg_problem_error(problems, qg_tree_get(tree, "base_url"),
			"expected an address that begins with http:// or https://, without ? and "
			"#");
	}
	check_model(endpoint, provider, tree, problems);
	check_key(endpoint, tree, problems);
}
