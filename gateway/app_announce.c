/* app_announce.c - what `run` tells the person who started it: where to talk to the bots. */
#include "app_parts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qg/str.h"

void qg_app_print_problems(const struct qg_problems *problems)
{
	if (problems->text.size > 0) {
		fwrite(problems->text.data, 1, problems->text.size, stderr);
		if (problems->text.data[problems->text.size - 1] != '\n') {
			fputc('\n', stderr);
		}
	}
}

/* An address of this machine that others can reach; loopback where there is none. */
static void find_own_address(char *out, socklen_t size)
{
	snprintf(out, size, "127.0.0.1");
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all) != 0) {
		return;
	}
	for (struct ifaddrs *one = all; one; one = one->ifa_next) {
		if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET &&
			!(one->ifa_flags & IFF_LOOPBACK) && (one->ifa_flags & IFF_UP)) {
			const struct sockaddr_in *in =
				(const struct sockaddr_in *)(const void *)one->ifa_addr;
			inet_ntop(AF_INET, &in->sin_addr, out, size);
			break;
		}
	}
	freeifaddrs(all);
}

/* "0.0.0.0:8081" is no address a browser can open. */
static char *reachable(const char *address)
{
	const char *port = strrchr(address, ':');
	bool any = qg_str_starts_with(address, "0.0.0.0:") || qg_str_starts_with(address, "[::]:");
	if (!any || !port) {
		return qg_str_copy(address);
	}
	char own[INET_ADDRSTRLEN];
	find_own_address(own, sizeof(own));
	return qg_str_printf("%s%s", own, port);
}

void qg_app_announce(
	const struct qg_core *core, const char *address, const char *token, const char *token_path)
{
	if (!isatty(STDOUT_FILENO)) {
		printf("admin token: %s\n", token_path);
		fflush(stdout);
		return;
	}
	char *where = reachable(address);
	for (size_t i = 0; where && i < core->config->bot_count; i++) {
		const struct qg_bot_config *bot = &core->config->bots[i];
		if (qg_str_equal(bot->platform, "web")) {
			printf("http://%s/chat/%s?token=%s\n", where, bot->name, token);
		}
	}
	fflush(stdout);
	free(where);
}
