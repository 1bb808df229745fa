/* config_across.c - what must hold between the files: a bot's name once, bots of one app apart, no
 * customer in another's knowledge.
 *
 * Who came later gives way: the later file, unless the running config already gave it the name. A
 * file that breaks a rule is failed as a whole and keeps its last good state. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

struct entry {
	const char *name;
	const struct qg_tree *tree;
	size_t source, order;
};

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static size_t count_bots(const struct qg_config_loader *loader)
{
	size_t count = 0;
	for (size_t i = 0; i < loader->source_count; i++) {
		count += loader->sources[i].part != NULL ? loader->sources[i].part->bot_count : 0;
	}
	return count;
}

/* The names of all bots, also of those whose file failed: it will have them again. */
static size_t collect(const struct qg_config_loader *loader, struct entry *entries)
{
	size_t count = 0;
	for (size_t i = 0; i < loader->source_count; i++) {
		const struct qg_config_source *source = &loader->sources[i];
		for (size_t k = 0; source->part != NULL && k < source->part->bot_count; k++) {
			const char *name = source->part->bots[k].name;
			if (name != NULL) {
				entries[count] =
					(struct entry){name, source->bot_trees[k], i, count};
				count++;
			}
		}
	}
	return count;
}

/* Whether the running config has the bot from this very file. qungong.yaml comes first in any
 * case. */
static bool had_it(const struct qg_config_loader *loader, const struct entry *entry)
{
	const struct qg_bot_config *bot =
		loader->previous != NULL ? qg_config_bot(loader->previous, entry->name) : NULL;
	return bot != NULL && strcmp(bot->file, loader->sources[entry->source].file) == 0;
}

static void refuse_names(struct qg_config_loader *loader, const struct entry *entries, size_t count)
{
	size_t holder = 0;
	for (size_t i = 1; entries[0].source != 0 && i < count; i++) {
		if (had_it(loader, &entries[i])) {
			holder = i;
			break;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (i != holder) {
			const struct qg_tree *name = qg_tree_get(entries[i].tree, "name");
			const struct qg_tree *first = qg_tree_get(entries[holder].tree, "name");
			first = first != NULL ? first : entries[holder].tree;
			qg_problem_error(loader->problems, name != NULL ? name : entries[i].tree,
				"another bot is called '%s' at %s:%u:%u; names are unique over all "
				"files",
				entries[i].name, first->file, first->line, first->column);
			loader->sources[entries[i].source].failed = true;
		}
	}
}

static void check_bot_names(struct qg_config_loader *loader)
{
	size_t room = count_bots(loader);
	struct entry *entries = room > 0 ? calloc(room, sizeof(*entries)) : NULL;
	if (entries == NULL) {
		if (room > 0) {
			qg_problem_error(loader->problems, NULL, "out of memory");
			loader->sources[0].failed = true;
		}
		return;
	}
	size_t count = collect(loader, entries);
	qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < count;) {
		size_t same = 1;
		while (i + same < count && strcmp(entries[i].name, entries[i + same].name) == 0) {
			same++;
		}
		if (same > 1) {
			refuse_names(loader, entries + i, same);
		}
		i += same;
	}
	free(entries);
}

/* ---- knowledge ---- */

static int compare_claims(const void *left, const void *right)
{
	const struct qg_config_claim *a = left, *b = right;
	int order = strcmp(a->path, b->path);
	return order != 0 ? order : (a->source > b->source) - (a->source < b->source);
}

/* Sorted by path with a slash at each end, what lies in a folder follows it at once. */
static void check_knowledge(struct qg_config_loader *loader)
{
	if (loader->claim_count < 2) {
		return;
	}
	qsort(loader->claims, loader->claim_count, sizeof(*loader->claims), compare_claims);
	const struct qg_config_claim *outer = &loader->claims[0];
	for (size_t i = 1; i < loader->claim_count; i++) {
		const struct qg_config_claim *claim = &loader->claims[i];
		if (!qg_str_starts_with(claim->path, outer->path)) {
			outer = claim;
			continue;
		}
		struct qg_config_source *a = &loader->sources[outer->source],
					*b = &loader->sources[claim->source];
		if (strcmp(a->customer_id, b->customer_id) == 0) {
			continue;
		}
		const struct qg_config_claim *late = outer->source > claim->source ? outer : claim;
		/* The other customer is not named: this may be read by people of this one. */
		qg_problem_error(loader->problems, late->tree,
			"'%s' is another customer's knowledge", late->tree->text);
		loader->sources[late->source].failed = true;
	}
}

/* ---- accounts ---- */

/* A bot of an account that others use too. */
struct user {
	char *account; /* platform and account */
	const struct qg_bot_config *bot;
	const struct qg_tree *tree;
	size_t source, order;
};

static int compare_users(const void *left, const void *right)
{
	const struct user *a = left, *b = right;
	int order = strcmp(a->account, b->account);
	return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static size_t collect_users(struct qg_config_loader *loader, struct user *users)
{
	size_t count = 0, order = 0;
	for (size_t i = 0; i < loader->source_count; i++) {
		const struct qg_config_source *source = &loader->sources[i];
		size_t bots = source->part != NULL ? source->part->bot_count : 0;
		for (size_t k = 0; k < bots; k++) {
			const struct qg_bot_config *bot = &source->part->bots[k];
			bool whole = bot->fingerprint[0] != '\0';
			char *name = whole ? loader->world->account(bot) : NULL;
			if (name != NULL) {
				users[count++] =
					(struct user){qg_str_printf("%s %s", bot->platform, name),
						bot, source->bot_trees[k], i, order++};
			}
			free(name);
			if (count > 0 && users[count - 1].account == NULL) {
				count--; /* no memory: this one goes unchecked */
			}
		}
	}
	return count;
}

static const char *shared_chat(const struct qg_bot_config *a, const struct qg_bot_config *b)
{
	for (size_t i = 0; i < b->chats.count; i++) {
		if (qg_strings_has(&a->chats, b->chats.items[i])) {
			return b->chats.items[i];
		}
	}
	return NULL;
}

/* Two bots of one account hear the same messages: it must be plain which of them answers. Another customer's bot
 * is not named. */
static void check_pair(
	struct qg_config_loader *loader, const struct user *first, const struct user *second)
{
	const struct qg_tree *at = qg_tree_get(second->tree, "chats");
	const char *chat = shared_chat(first->bot, second->bot);
	bool own = qg_str_equal(first->bot->customer, second->bot->customer);
	const char *other = own ? first->bot->name : "another bot";
	at = at != NULL ? at : second->tree;
	if (first->bot->chats.count == 0 && second->bot->chats.count == 0) {
		qg_problem_error(loader->problems, at,
			"has the same app as %s: list in `chats` the groups that each of them "
			"serves; one at most may do without",
			other);
	} else if (chat != NULL) {
		qg_problem_error(loader->problems, at,
			"has the same app as %s, and both list the chat '%s': only one can answer "
			"there",
			other, chat);
	} else {
		return;
	}
	loader->sources[second->source].failed = true;
}

static void check_accounts(struct qg_config_loader *loader)
{
	size_t room = loader->world->account != NULL ? count_bots(loader) : 0;
	struct user *users = room > 0 ? calloc(room, sizeof(*users)) : NULL;
	if (users == NULL) {
		return;
	}
	size_t count = collect_users(loader, users);
	qsort(users, count, sizeof(*users), compare_users);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = i; k-- > 0 && strcmp(users[k].account, users[i].account) == 0;) {
			check_pair(loader, &users[k], &users[i]);
		}
	}
	for (size_t i = 0; i < count; i++) {
		free(users[i].account);
	}
	free(users);
}

void qg_config_check_across(struct qg_config_loader *loader)
{
	check_bot_names(loader);
	check_accounts(loader);
	check_knowledge(loader);
}
