/* config_print.c - a bot's fingerprint: a digest over all that decides how it works.
 *
 * A reload restarts the bots whose fingerprint changed and no other. What is behind the names of
 * its endpoints is not in it: each turn looks them up in the config it begins with, so a new key or
 * price needs no restart. Files are told by size and time of change: reading every handbook of a
 * thousand bots at each reload would cost more than it tells. */
#include "config_private.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "qg/codec.h"
#include "qg/crypto.h"

#define MAX_DIGEST ((size_t)16 * 1024 * 1024)
#define MAX_FILES 10000
#define MAX_DEPTH 8

struct walk {
	struct qg_buf *out;
	unsigned files;
};

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void add_file(struct walk *walk, const char *path, unsigned depth);

static void add_folder(struct walk *walk, const char *path, unsigned depth)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_visible, alphasort);
	for (int i = 0; i < count; i++) {
		QG_AUTO(qg_str_free) char *inner = qg_str_printf("%s/%s", path, entries[i]->d_name);
		if (inner != NULL) {
			add_file(walk, inner, depth + 1);
		}
		free(entries[i]);
	}
	free(entries);
}

static void add_file(struct walk *walk, const char *path, unsigned depth)
{
	struct stat info;
	if (depth > MAX_DEPTH || ++walk->files > MAX_FILES || stat(path, &info) != 0) {
		return;
	}
	if (S_ISDIR(info.st_mode)) {
		add_folder(walk, path, depth);
		return;
	}
	qg_buf_printf(walk->out, "%zu:%s %lld %lld.%09ld %lld\n", strlen(path), path,
		(long long)info.st_size, (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
		(long long)info.st_ino);
}

static void add_json(const char *name, const json_t *json, struct qg_buf *out)
{
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	qg_buf_printf(out, "%s=%zu:%s\n", name, text != NULL ? strlen(text) : 0,
		text != NULL ? text : "");
	free(text);
}

static void add_strings(const char *name, const struct qg_strings *strings, struct qg_buf *out)
{
	qg_buf_printf(out, "%s=%zu", name, strings->count);
	for (size_t i = 0; i < strings->count; i++) {
		qg_buf_printf(out, ",%zu:%s", strlen(strings->items[i]), strings->items[i]);
	}
	qg_buf_add_char(out, '\n');
}

static void add_text(const char *name, const char *text, struct qg_buf *out)
{
	qg_buf_printf(out, "%s=%zu:%s\n", name, text != NULL ? strlen(text) : 0,
		text != NULL ? text : "");
}

/* Who edits a template and reloads wants to see it. */
static void add_template(
	const struct qg_config_loader *loader, const struct qg_bot_config *bot, struct walk *walk)
{
	const struct qg_config_world *world = loader->world;
	QG_AUTO(qg_str_free)
	char *folder = world->template_folder != NULL && bot->template_id != NULL
			       ? world->template_folder(loader->config, bot->template_id)
			       : NULL;
	if (folder != NULL) {
		add_file(walk, folder, 0);
	}
}

void qg_config_fingerprint(const struct qg_config_loader *loader, struct qg_bot_config *bot)
{
	struct qg_buf text;
	qg_buf_init(&text, MAX_DIGEST);
	struct walk walk = {.out = &text};
	qg_option_digest(qg_config_identity_table, bot, &text);
	qg_option_digest(qg_config_behaviour_table, bot, &text);
	qg_option_digest(bot->table, bot->options, &text);
	add_json("answers", bot->answers, &text);
	qg_buf_printf(&text, "trigger=%d any=%d\n", (int)bot->trigger, bot->any_chat ? 1 : 0);
	add_strings("keywords", &bot->keywords, &text);
	add_strings("chats", &bot->chats, &text);
	add_text("customer", bot->customer, &text);
	add_text("customer_name", bot->customer_name, &text);
	add_template(loader, bot, &walk);
	for (size_t i = 0; i < bot->knowledge.count; i++) {
		add_file(&walk, bot->knowledge.items[i], 0);
	}
	if (text.failed != QG_OK) {
		qg_problem_error(loader->problems, NULL, "bot '%s': %s", bot->name,
			qg_status_text(text.failed));
	} else {
		uint8_t digest[QG_SHA256_SIZE];
		qg_sha256(text.data, text.size, digest);
		qg_hex_encode(digest, (sizeof(bot->fingerprint) - 1) / 2, bot->fingerprint);
	}
	if (text.data != NULL) {
		explicit_bzero(text.data, text.size); /* the bot's secrets were in it */
	}
	qg_buf_finish(&text);
}
