/* queue.h - the way of a message through Redis: mailboxes, turns, out lists, leases. Every step is one script.
 *
 * Keys of a bot all carry the tag {p}, p = crc16(bot) mod partitions, and begin with its prefix "qg:{p}:":
 *
 *   d:<bot>:<message>    dedupe key, holds the first answer (stored, and what its conversation's name has behind the
 *                        chat; full; withdrawn); d:<bot>:left:<event>; expire after the platform's window
 *   m:<conversation>     mailbox: list of wire messages; the first n of them are the batch in flight
 *   c:<conversation>     its entry while scheduled: id, state (R ready, P pending, W waits), own, try, beat,
 *                        n and by of the batch, e<message> failures, k<message> crashes, past calls of the turn
 *   r:<bot>  ring        ready conversations of a bot; the bots that have some, taken in turn
 *   pend                 conversations with a pending entry
 *   due                  sorted set: what to do when
 *   h:<conversation>     history; s:<conversation> state
 *   o:<bot>:<chat>       out list; q:<bot>:<chat> how far its head got; w:<bot> chats with work, by due time
 *   epoch  by            hashes: newest owner's fence of each bot, checked by every out script; who was given it
 *   here                 hash: gateways that dial links, and their beats
 *   lease                hash: link -> gateway, epoch, beat, kicked until
 *   open                 hash: conversation -> draft under way
 *   late:<bot>:<chat>    set: conversations whose draft waits for the chat's out list to be empty; gone with that list
 *   i:<id>               a due item: bot, conversation, wire, times
 *   dead, buried         dead letters by number; how many there were, by bot
 *   depth, age           waiting messages by bot; scheduled conversations by the stored time of their head
 *   b:<bot>              flags: paused
 *   g:<bot>  a:<bot>     sets: chats that an admin enabled; users who became admins by a code
 *   bind:<bot>           hash: the code's digest, until when, wrong tries, who used it with which message; expires
 *   p:<bot>:<reply>      a reply that was posted, while it stands in its list and as many seconds longer as it holds
 *
 * Bells are pub/sub channels per partition ("qg:{p}:ready", ":send", ":draft"): they only say where to look; the
 * keys are the truth, and everybody looks without a bell too. Model: tests/model/. All calls on the loop's
 * thread; callbacks never come from inside a call. QG_AWAY: the outcome is unknown, send it again. */
#ifndef QG_QUEUE_H
#define QG_QUEUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/message.h"
#include "qg/redis.h"

struct qg_queue;

extern const struct qg_redis_script
	*const qg_queue_scripts[]; /* for qg_redis_options, ends with NULL */

/* consumer: unique per process start. NULL for no memory. Borrows redis. */
struct qg_queue *qg_queue_create(struct qg_redis *redis, unsigned partitions, const char *consumer);
void qg_queue_destroy(struct qg_queue *queue);
unsigned qg_queue_partitions(const struct qg_queue *queue);
unsigned qg_queue_partition(const struct qg_queue *queue, const char *name);
/* "qg:{7}:", borrowed while the queue lives. */
const char *qg_queue_prefix(const struct qg_queue *queue, unsigned partition);
const char *qg_queue_consumer(const struct qg_queue *queue);
/* "<bot>/<chat>", "<bot>/<chat>/<sender>" or with a thread; yours to free. */
char *qg_conversation_name(int scope, const char *bot, const struct qg_message *message);

typedef void (*qg_queue_fn)(void *arg, enum qg_status status);

/* ---- in ---- */

struct qg_ingest {
	const char *bot, *conversation;
	const struct qg_message *message;
	unsigned window_ms;
	bool selected;
	int64_t now;
	const struct qg_reply
		*refusal; /* for the out list when the mailbox is full; NULL until asked for */
};
/* QG_OK stored, QG_DUPLICATE, QG_FULL; QG_EMPTY: it was withdrawn before; QG_NOT_FOUND: not stored, the mailbox is full and its refusal is due:
 * send it again with one; else not stored, for sure (QG_BUSY) or perhaps. Copies what it needs. */
void qg_queue_ingest(
	struct qg_queue *queue, const struct qg_ingest *ingest, qg_queue_fn fn, void *arg);

struct qg_withdrawal {
	const char *bot, *chat, *message;
	unsigned window_ms;
	bool shows_open;	    /* what waits is shown as open: taking it back takes an end */
	const struct qg_reply *end; /* for the out list; NULL until asked for */
};
/* Takes a message back that waits behind the batch in flight; delivered later, for the first time or again, it is
 * QG_EMPTY. QG_OK: also where a turn has it, or had, and nothing changes. QG_NOT_FOUND: it is found and its end is due:
 * the message and its conversation, borrowed for the call (NULL where it cannot be read: try without shows_open). */
typedef void (*qg_withdrawn_fn)(void *arg, enum qg_status status, const struct qg_message *message,
	const char *conversation);
void qg_queue_withdraw(struct qg_queue *queue, const struct qg_withdrawal *withdrawal,
	qg_withdrawn_fn fn, void *arg);
/* Drops all of a chat that no turn holds: messages, due items, replies, and that it is enabled. event: id of what told so, which counts once
 * within the window. QG_OK, or not to its end. */
void qg_queue_leave(struct qg_queue *queue, const char *bot, const char *chat, const char *event,
	unsigned window_ms, qg_queue_fn fn, void *arg);

/* ---- turns ---- */

struct qg_entry { /* the fence, with the queue's consumer */
	unsigned partition;
	uint64_t id;
	unsigned try;
	char *bot, *conversation;
	bool suspect; /* runs alone in its worker: take it when nothing else runs */
};
struct qg_batch {
	struct qg_message **messages;
	int64_t *stored_at;
	size_t count;
	unsigned failures;
	bool paused;
	bool enabled;  /* an admin enabled this chat (/启用) */
	bool bound;    /* the sender became admin by a code (/绑定) */
	char *history; /* elements, one a line */
	json_t *state;
};
void qg_entry_finish(struct qg_entry *entry);
void qg_batch_finish(struct qg_batch *batch);

/* Up to most ready entries of a partition, bots in turn and at most each of one bot, without those of skip
 * (NULL-terminated, may be NULL); each becomes pending under our name. Keep an entry by copying and zeroing it;
 * the others are freed after the call. */
typedef void (*qg_entries_fn)(
	void *arg, enum qg_status status, struct qg_entry *entries, size_t count);
void qg_queue_pull(struct qg_queue *queue, unsigned partition, unsigned most, unsigned each,
	const char *const *skip, qg_entries_fn fn, void *arg);
/* The batch of an entry: repeatable. QG_EMPTY: nothing left, the entry is gone. QG_STALE.
 * Keep the batch by copying and zeroing it. */
typedef void (*qg_batch_fn)(void *arg, enum qg_status status, struct qg_batch *batch);
void qg_queue_take(struct qg_queue *queue, const struct qg_entry *entry, qg_batch_fn fn, void *arg);
struct qg_due_item;
struct qg_done {
	size_t batch; /* messages it answers; QG_STALE where another number is in flight; 0: not known */
	struct qg_reply *const *replies;
	size_t reply_count;
	const json_t *history; /* array of strings to append */
	bool forget_history;
	const json_t *state; /* NULL: as it was */
	const struct qg_due_item *due;
	size_t due_count;
	const char *enable, *disable; /* the chat that an admin enabled or disabled; NULL: none */
};
void qg_queue_done(struct qg_queue *queue, const struct qg_entry *entry, const struct qg_done *done,
	qg_queue_fn fn, void *arg);
/* apology may be NULL. */
void qg_queue_fail(struct qg_queue *queue, const struct qg_entry *entry, const char *reason,
	int64_t retry_at, const struct qg_reply *apology, const struct qg_reply *notice,
	qg_queue_fn fn, void *arg);
void qg_queue_give_back(
	struct qg_queue *queue, const struct qg_entry *entry, qg_queue_fn fn, void *arg);
/* One beat for an entry. */
void qg_queue_beat(struct qg_queue *queue, const struct qg_entry *entry, qg_queue_fn fn, void *arg);
void qg_queue_draft(struct qg_queue *queue, const struct qg_entry *entry,
	const struct qg_draft *draft, qg_queue_fn fn, void *arg);

/* Pending entries of a partition as they stand, for whoever watches their beats. */
struct qg_pending {
	struct qg_entry entry;
	char *owner;
	uint64_t beat;
};
typedef void (*qg_pending_fn)(
	void *arg, enum qg_status status, struct qg_pending *pending, size_t count);
void qg_queue_pending(struct qg_queue *queue, unsigned partition, qg_pending_fn fn, void *arg);
void qg_pending_finish(struct qg_pending *pending);
/* Takes an entry over if owner, try and beat are still the ones seen: QG_OK with one entry, the new try;
 * QG_STALE otherwise. */
void qg_queue_claim(
	struct qg_queue *queue, const struct qg_pending *pending, qg_entries_fn fn, void *arg);

/* ---- due items ---- */

struct qg_due_item {
	const char *id, *bot, *conversation;
	const char *wire; /* an encoded message of kind due; %TIME% in it becomes the run's time */
	const int64_t *times; /* Unix ms, ascending: the next runs */
	size_t count;
};
/* Moves what is due: retries become ready, items are ingested with the key due:<id>:<time>. */
typedef void (*qg_count_fn)(void *arg, enum qg_status status, size_t count);
void qg_queue_due(
	struct qg_queue *queue, unsigned partition, int64_t now, qg_count_fn fn, void *arg);

/* ---- out lists: what the owner of a bot does, under its fence ---- */

/* Before the first read of a new owner, who is told the fence that goes with all that follows: the same for the same
 * epoch of a link, a greater one for a newer owner and for who comes over another link. QG_STALE: there is a newer
 * owner. */
typedef void (*qg_fence_fn)(void *arg, enum qg_status status, uint64_t fence);
void qg_out_adopt(struct qg_queue *queue, const char *bot, const char *link, uint64_t epoch,
	qg_fence_fn fn, void *arg);
struct qg_head {
	char *chat;
	struct qg_reply
		*reply; /* part and attempts as stored; NULL if what Redis holds is no reply */
	char id[33];
	unsigned part; /* the one that is due */
	bool started;  /* a call for this part was begun and its outcome is unknown */
	json_t *parts; /* stored with the first start; NULL before */
};
void qg_head_finish(struct qg_head *head);
/* Heads of the chats whose time has come, but for those under way: the sender has these already. next_due is the wall
 * ms at which another one's will, 0 for none. heads belong to the callee. */
typedef void (*qg_heads_fn)(
	void *arg, enum qg_status status, struct qg_head *heads, size_t count, int64_t next_due);
void qg_out_heads(struct qg_queue *queue, const char *bot, uint64_t fence, int64_t now,
	unsigned most, const char *const *under_way, size_t under_way_count, qg_heads_fn fn,
	void *arg);
/* A part named by chat, reply and number. QG_OK; QG_EMPTY: it is not the head any more (it was landed before);
 * QG_STALE. */
struct qg_part {
	const char *bot, *chat, *reply;
	uint64_t fence;
	unsigned number;
};
/* parts: all of them as JSON, with the first start of a reply that has several, or after they were cut anew; else
 * NULL. */
void qg_out_start(struct qg_queue *queue, const struct qg_part *part, const char *parts,
	qg_queue_fn fn, void *arg);
void qg_out_land(
	struct qg_queue *queue, const struct qg_part *part, bool last, qg_queue_fn fn, void *arg);
/* started: an earlier call for this part is out whose outcome is unknown. form: how this part and those
 * behind it go on. */
void qg_out_wait(struct qg_queue *queue, const struct qg_part *part, int64_t until,
	unsigned attempts, bool started, enum qg_form form, qg_queue_fn fn, void *arg);
void qg_out_dead(struct qg_queue *queue, const struct qg_part *part, const char *reason,
	int64_t now, qg_queue_fn fn, void *arg);
/* Puts replies of the bot's own (greetings, notices to admins) into its out lists; the same reply id again, while the
 * first stands there and for keep_s after it landed, changes nothing. */
#define QG_POST_KEEP_S 3600
void qg_out_post(struct qg_queue *queue, const char *bot, struct qg_reply *const *replies,
	size_t count, unsigned keep_s, qg_queue_fn fn, void *arg);
/* Draft rows of a bot under way, as published on the draft channel; rows are borrowed JSON texts. in_order: without those
 * that wait for earlier replies of their chat to land; these are published then. */
typedef void (*qg_rows_fn)(void *arg, enum qg_status status, const char *const *rows, size_t count);
void qg_queue_drafts(
	struct qg_queue *queue, const char *bot, bool in_order, qg_rows_fn fn, void *arg);
/* A published draft row as a draft whose strings live in holder (decref it after use). */
QG_MUST_CHECK enum qg_status qg_draft_decode(
	const char *row, size_t size, struct qg_draft *draft_out, json_t **holder_out);

/* ---- leases: who owns a link ---- */

struct qg_lease_row {
	const char *link, *row; /* row: opaque, equal while unchanged */
	const char *gateway;	/* "-": released */
	uint64_t epoch;
	int64_t kicked_until; /* wall ms, 0 */
};
/* Rows are borrowed for the call. */
typedef void (*qg_leases_fn)(void *arg, enum qg_status status, unsigned partition,
	const struct qg_lease_row *rows, size_t count);
void qg_lease_look(struct qg_queue *queue, unsigned partition, qg_leases_fn fn, void *arg);
/* row as seen, or NULL where there was none. QG_OK with the new epoch; QG_STALE: it changed meanwhile. */
typedef void (*qg_epoch_fn)(void *arg, enum qg_status status, uint64_t epoch, int64_t kicked_until);
void qg_lease_take(
	struct qg_queue *queue, const char *link, const char *row, qg_epoch_fn fn, void *arg);
/* Renews all of one partition at once; QG_OK with the links that are no longer ours (borrowed). */
struct qg_lease {
	const char *link;
	uint64_t epoch;
};
void qg_lease_renew(struct qg_queue *queue, unsigned partition, const struct qg_lease *leases,
	size_t count, qg_rows_fn fn, void *arg);
/* Gives it back for another gateway to take at once. */
void qg_lease_release(
	struct qg_queue *queue, const char *link, uint64_t epoch, qg_queue_fn fn, void *arg);
/* The platform wants no link before that time; carries the epoch. */
void qg_lease_kick(struct qg_queue *queue, const char *link, uint64_t epoch, int64_t until,
	qg_queue_fn fn, void *arg);

/* A gateway that shares links with others is there: one beat more, and all that stand there with theirs. Rows of which
 * gone says that they stood still too long are taken out. rows: gateways and beats in turn, borrowed. */
struct qg_present {
	const char *gateway, *beat;
};
void qg_lease_present(struct qg_queue *queue, const struct qg_present *gone, size_t count,
	qg_rows_fn fn, void *arg);
/* It leaves. */
void qg_lease_leave(struct qg_queue *queue);

/* ---- admins and groups ---- */

/* A code for /绑定: replaces an earlier one; digest is what qg_bind_digest makes of it. until: wall ms. */
void qg_bind_digest(const char *bot, const char *code, char out[33]);
void qg_bind_offer(struct qg_queue *queue, const char *bot, const char *digest, int64_t until,
	qg_queue_fn fn, void *arg);
/* QG_OK: bound (also where the same user sent the same message before); QG_DENIED: wrong, too late, used, or dead
 * after five wrong tries (the same message again is the same try). */
void qg_bind_try(struct qg_queue *queue, const char *bot, const char *user, const char *digest,
	const char *message, int64_t now, qg_queue_fn fn, void *arg);
/* Users bound by a code, and chats enabled; borrowed for the call. */
typedef void (*qg_people_fn)(void *arg, enum qg_status status, const char *const *admins,
	size_t admin_count, const char *const *chats, size_t chat_count);
void qg_queue_people(struct qg_queue *queue, const char *bot, qg_people_fn fn, void *arg);

/* ---- by hand, and for the metrics ---- */

struct qg_depth {
	json_t *waiting, *buried; /* bot -> count; borrowed */
	int64_t oldest;		  /* stored ms of the oldest waiting message, 0 for none */
	size_t entries, pending, dead;
};
typedef void (*qg_depth_fn)(void *arg, enum qg_status status, const struct qg_depth *depth);
void qg_queue_depth(struct qg_queue *queue, unsigned partition, qg_depth_fn fn, void *arg);
/* Sets or clears a flag of a bot ("paused"). */
void qg_queue_flag(struct qg_queue *queue, const char *bot, const char *flag, bool on,
	qg_queue_fn fn, void *arg);

#endif
