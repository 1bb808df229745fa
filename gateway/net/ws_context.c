/* ws_context.c - owns the library's context on our loop, and what becomes of its log.
 *
 * It is made with the first link: a process without any pays neither its memory nor its time. Two
 * virtual hosts stand in it, because the library asks the host whether to go by a proxy: one that
 * never does, and one that goes by whichever is in force. */
#include "ws_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "qg/log.h"
#include "qg/str.h"

/* The library clears 16 bytes for each descriptor that the process might ever open. */
#define MOST_DESCRIPTORS 32768
/* One reading of a link's bytes, and what each open link holds for it. */
#define READ_BYTES 4096
/* The request, and one reading of its answer. */
#define SERVICE_BYTES 16384
#define ANSWER_HEAD 16384
/* Our clocks end what the library waits for; its own come long after. */
#define NEVER_S 86400
#define LOG_LINE 300

static const struct lws_protocols protocols[] = {
	{.name = "qungong",
		.callback = ws_event,
		.rx_buffer_size = READ_BYTES,
		.tx_packet_size = SERVICE_BYTES},
	{.name = NULL},
};

/* ---- its log ---- */

/* Errors of the library are those of single links, whose owners decide and log; so here all is debug. */
static void emit(int level, const char *line)
{
	char text[LOG_LINE];
	snprintf(text, sizeof(text), "%s", line);
	qg_utf8_flatten(text);
	qg_log_debug(NULL, "websocket library: %s", qg_str_trim(text));
}

/* Its levels below warning tell addresses and headers. */
static void set_log(void)
{
	lws_set_log_level(qg_log_is_on(QG_LOG_DEBUG) ? LLL_ERR | LLL_WARN : 0, emit);
}

/* ---- the context ---- */

static struct lws_context *create_context(struct qg_ws_client *client)
{
	void *loops[] = {client->ev};
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
			   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
		.foreign_loops = loops,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.pt_serv_buf_size = SERVICE_BYTES,
		.max_http_header_data = ANSWER_HEAD,
		.timeout_secs = NEVER_S,
	};
	struct rlimit limit, low;
	bool lowers = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > MOST_DESCRIPTORS;
	if (lowers) {
		low = limit;
		low.rlim_cur = MOST_DESCRIPTORS;
		(void)setrlimit(RLIMIT_NOFILE, &low);
	}
	struct lws_context *context = lws_create_context(&info);
	if (lowers) {
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return context;
}

static struct lws_vhost *create_vhost(struct qg_ws_client *client, const char *name)
{
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.vhost_name = name,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.provided_client_ssl_ctx = client->tls,
		.connect_timeout_secs = NEVER_S,
		/* Named, if empty: else the environment's is taken, without its exceptions. */
		.http_proxy_address = "",
	};
	return lws_create_vhost(client->context, &info);
}

enum qg_status ws_context_need(struct qg_ws_client *client)
{
	if (client->context) {
		return QG_OK;
	}
	lws_set_log_level(0, emit);
	if (ws_trust_need(client) != QG_OK) {
		return QG_NO_MEMORY;
	}
	client->context = create_context(client);
	if (client->context) {
		client->direct = create_vhost(client, "direct");
		client->proxied = create_vhost(client, "proxied");
	}
	set_log();
	if (!client->direct || !client->proxied) {
		ws_context_finish(client);
		return QG_NO_MEMORY;
	}
	return QG_OK;
}

void ws_context_finish(struct qg_ws_client *client)
{
	if (client->context) {
		lws_context_destroy(client->context);
	}
	client->context = NULL;
	client->direct = client->proxied = NULL;
	free(client->proxy_in_force);
	client->proxy_in_force = NULL;
	SSL_CTX_free(client->tls);
	client->tls = NULL;
}
