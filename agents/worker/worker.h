/* worker.h - shared by the files of this folder: the worker, and its jobs. */
#ifndef QG_WORKER_H
#define QG_WORKER_H

#include "qg/bot.h"
#include "qg/core.h"
#include "qg/desk.h"
#include "qg/ledger.h"
#include "qg/list.h"
#include "qg/media.h"
#include "qg/metrics.h"
#include "qg/queue.h"
#include "qg/role.h"
#include "qg/turn.h"

enum {
	SLOTS = 8192,	/* turns at once in a process */
	BUCKETS = 1024, /* in which its jobs are found by their entry */
	NAME_ROWS = 1024,
	PULL_MOST = 32, /* entries a pull */
	BEAT_MS = 5000, /* a heartbeat of each job */
	BEAT_STEPS =
		20, /* looks at whose beat is due, in that time: thousands at once would hold the loop */
	ABORT_MS = 15000,      /* without a confirmed one the job is not ours for sure any more */
	CLAIM_MS = 30000,      /* a beat that stands still so long belongs to a dead worker */
	LOOK_MS = 1000,	       /* how often we look without a bell: ready, pending, due */
	WAYS = 12,	       /* in which a turn may be answered */
	DRAFT_MS = 300,	       /* between two snapshots of an answer */
	RETRY_MOST_MS = 60000, /* how long a failed batch waits at most */
	CLOSINGS_MOST = 10000, /* ends of calls that Redis has not confirmed yet */
};

/* A bot's role as it is in force; a turn keeps the one it began with. */
struct bot_role {
	struct qg_list link, named; /* among all, and among those whose names share a row */
	struct qg_worker *worker;
	char *bot, *fingerprint;
	struct qg_role *role;	     /* NULL while the first one opens, or when it failed */
	unsigned partition, running; /* of its keys; jobs under way */
	struct {
		const char *way; /* a literal of the turn */
		struct qg_metric *turns;
	} ways[WAYS];
	bool opening, gone, strange; /* strange: not in our config */
};

enum job_state {
	JOB_HELD, /* waits: a suspect one until nothing else runs, the others until no suspect runs */
	JOB_TAKING, /* take sent, or to be sent when Redis is back */
	JOB_RUNNING,
	JOB_DONE, /* done sent, or to be sent */
	JOB_FAILED,
	JOB_GIVING,
};

struct job {
	struct qg_list link;
	struct qg_list bucket; /* of those whose entries share one */
	struct qg_worker *worker;
	struct bot_role *bot;
	struct qg_config *config;
	struct qg_role *role;
	struct qg_entry entry;
	struct qg_batch batch;
	struct qg_turn *turn;
	struct qg_desk desk;	    /* what its turn asks, under its fence */
	struct qg_media media;	    /* what its turn asks of pictures and files */
	struct qg_list readings;    /* and has no answer to yet */
	size_t picture_bytes;	    /* that it was told so far */
	struct qg_list completions; /* messages that the adapter completes before the turn begins */
	struct qg_timer *complete_timer; /* NULL: none are, or were */
	enum job_state state;
	bool in_flight;	    /* the script of this state was sent and is not answered */
	bool doomed;	    /* dropped while a script was in flight: goes when that is answered */
	bool starved;	    /* there was no memory to ask what its turn wanted to know */
	uint64_t confirmed; /* mono ms at which the last confirmed beat (or the pull) was sent */
	uint64_t beat_sent; /* 0: none outstanding */
	uint64_t beat_due;  /* mono ms */
	uint64_t started_us;
	/* what done stores; kept until it is confirmed */
	struct qg_reply *reply;
	json_t *history, *state_after;
	bool forget_history;
	char *enable, *disable; /* the chat, where an admin said so */
	char *reason;		/* of a failure */
	/* drafts */
	bool no_drafts;	   /* the platform would show none */
	bool early_drafts; /* every gateway shows them, before what is still to be sent */
	bool shows_open;   /* it shows each message as open until it is answered */
	struct qg_timer *draft_timer;
	char *draft_reply;
	bool draft_soon;  /* the first waits for the end of this turn of the loop */
	bool draft_waits; /* there is text that no snapshot has shown */
	uint64_t draft_at;
	int64_t first_at; /* wall ms of the first text, 0 none */
	unsigned draft_count;
	bool draft_flying;
};

/* A pending entry as it was seen; its beat stands still since then. */
struct sight {
	char *conversation, *owner;
	uint64_t id, beat, since;
	unsigned try;
};

struct partition {
	struct qg_worker *worker;
	unsigned number;
	bool bell;	   /* something may be ready */
	unsigned reserved; /* slots of the pull in flight; 0: none */
	uint64_t pull_sent, claim_sent;
	bool looking;
	int64_t set_back; /* the wall clock was, and its due items were not looked at since: by so much */
	struct sight *sights; /* sorted by conversation */
	size_t sight_count;
};

struct qg_worker {
	struct qg_core *core;
	struct qg_redis_listener *listener;
	struct qg_timer *look_timer, *beat_timer, *drain_timer;
	struct qg_list jobs, bots;
	struct qg_list named[NAME_ROWS]; /* the bots again, by their names */
	struct qg_list buckets[BUCKETS]; /* the same jobs */
	struct qg_list questions, closings,
		notices; /* of turns; ends of calls; budgets nearly used */
	struct qg_list media_bots, media_waiting,
		media_in_hand; /* adapters that fetch; questions that wait; that do not */
	size_t picture_bytes;  /* that jobs have */
	struct qg_endpoints *endpoints;
	struct mover *mover;
	unsigned slots; /* SLOTS, or fewer in tests */
	unsigned job_count, held_count, suspect_count, closing_count;
	unsigned reserved, claiming; /* slots promised to pulls and claims in flight */
	struct partition *partitions;
	unsigned partition_count, next;
	uint64_t watched;   /* mono ms of the last look at our own beats */
	int64_t wall_ahead; /* of the monotonic clock, at the last look */
	bool up, draining, pulling_soon;
	void (*drained)(void *arg);
	void *drained_arg;
	uint64_t drain_until;
	struct qg_metric *running, *turn_seconds, *wait_seconds, *stale, *claimed;
	struct qg_metric *calls_waiting, *calls_lost;
};

/* worker.c */
void worker_pull_soon(struct qg_worker *worker);
void worker_ring(struct qg_worker *worker, unsigned partition);
unsigned worker_free_slots(const struct qg_worker *worker);
/* Jobs, pulls or claims have ended: perhaps held ones may begin, perhaps the drain is over. */
void worker_settle(struct qg_worker *worker);
/* The outcome is unknown or only put off: the same script is sent again when Redis is back, or has room. */
bool worker_repeats(enum qg_status status);

/* roles.c */
void roles_sync(struct qg_worker *worker);
void roles_finish(struct qg_worker *worker);
struct bot_role *roles_find(struct qg_worker *worker, const char *bot);
/* One for a bot our config does not know, so that it is left out until a reload brings it. */
struct bot_role *roles_strange(struct qg_worker *worker, const char *bot);
void roles_collect(struct bot_role *bot);

/* job.c */
/* Takes the entry (zeroes it). pull_sent: mono ms. Held until worker_settle(). */
void job_begin(struct qg_worker *worker, struct qg_entry *entry, uint64_t pull_sent);
/* Held jobs begin when they may; the others send again what Redis did not confirm. */
void job_proceed(struct job *job);
void job_give_back(struct job *job);
/* Forgets it without a word to Redis: somebody else has it, or will. */
void job_drop(struct job *job, const char *why);
struct job *job_find(struct qg_worker *worker, const struct qg_entry *entry);
/* A dropped job goes once its last script was answered. */
void job_collect(struct job *job);
/* Its messages are complete: its turn begins. */
void job_run(struct job *job);

/* jobdraft.c */
void job_draft(struct job *job, const char *reply_id);
void job_draft_finish(struct job *job);

/* desk.c */
/* The desk of a job, for its turn; desk_leave() when the job goes. */
void desk_open(struct job *job);
void desk_leave(struct job *job);
/* Asks and books again what Redis did not answer; each second, and when Redis is back. */
void desk_look(struct qg_worker *worker);
void desk_finish(struct qg_worker *worker);

/* media.c */
/* The media of a job, for its turn; media_leave() when the job goes. */
void media_open(struct job *job);
void media_leave(struct job *job);
/* When all jobs are gone. */
void media_finish(struct qg_worker *worker);

/* complete.c */
/* false: there is nothing to wait for. Else job_run() follows from the loop, unless complete_leave() comes first. */
bool complete_begin(struct job *job, const struct qg_adapter *adapter);
void complete_leave(struct job *job);

/* media_bot.c */
struct media_bot {
	struct qg_list link;
	struct qg_bot bot;
	struct qg_config *config;
	unsigned running; /* readings that stand on it */
	bool gone;	  /* goes with the last of them */
};
/* The bot of the job, in the config that its turn began with. NULL: it cannot be made. */
struct media_bot *media_bot_of(struct job *job);
/* A reading stands on it no more. */
void media_bot_leave(struct media_bot *bot);
/* The config was replaced. */
void media_sync(struct qg_worker *worker);
void media_bots_finish(struct qg_worker *worker);

/* call.c */
/* A deep copy: what it points to belongs to it. false for no memory, and it is empty. */
QG_MUST_CHECK bool call_copy(const struct qg_call *call, struct qg_call *copy_out);
void call_free(struct qg_call *copy);

/* notice.c */
/* Tells the admins, once, that most of a budget is used. */
void notice_near(struct qg_worker *worker, const struct qg_call *call, const struct qg_near *near);
void notices_finish(struct qg_worker *worker);

/* mover.c */
/* NULL for no memory. */
struct mover *mover_create(struct qg_worker *worker);
void mover_redis_changed(struct mover *mover, bool up);
/* Others may have the ledger; what is under way ends. */
void mover_stop(struct mover *mover);
void mover_destroy(struct mover *mover);

/* watch.c */
void watch_beat(struct qg_worker *worker);
void watch_look(struct qg_worker *worker);
void watch_finish(struct qg_worker *worker);

#endif
