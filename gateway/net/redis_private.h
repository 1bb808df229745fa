/* redis_private.h - what redis_child.c is made of: the server's process, how programs of Redis
 * start, the files. */
#ifndef QG_NET_REDIS_PRIVATE_H
#define QG_NET_REDIS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "qg/status.h"

#define QG_REDIS_WORDS_SIZE 256
#define QG_REDIS_SOCKET "redis.sock"
#define QG_REDIS_LOG "redis.log"

/* A program to run in the private directory. */
struct qg_redis_program {
	const char *path;
	const char *const *argv; /* ends with NULL */
	int dir_fd;		 /* becomes the working directory */
	int lock_fd;		 /* inherited: the lock lasts as long as the program */
	const char *log;	 /* in dir_fd; takes standard output and errors */
	const char *input;	 /* short text for standard input, or NULL */
	bool dies_with_us;	 /* SIGTERM when the calling thread ends */
};

/* Finds "redis-<name>", else "valkey-<name>", on PATH or in the usual places. NULL: not
 * installed. Yours. */
char *qg_redis_find_program(const char *name);
/* Starts it with nothing of ours but the lock: no other descriptor, no signal mask or handler,
 * own group (an interrupt typed at the terminal is ours to handle). -1 with errno. Any thread. */
pid_t qg_redis_spawn(const struct qg_redis_program *program);

struct qg_redis_target;

/* The server's process; lives inside struct qg_redis_child. It is our child until reap() or end() took it away:
 * no signal of ours can hit a stranger that got its number. */
struct qg_redis_process {
	int dir_fd;
	int lock_fd;
	bool always;
	uint64_t maxmemory;
	char *program;
	pid_t pid;  /* 0: not running */
	int pid_fd; /* readable when it ended; -1 where the kernel has none */
};

/* Starts the server; false with errno, ENOENT where Redis is not installed. */
QG_MUST_CHECK bool qg_redis_process_start(struct qg_redis_process *process);
/* Whether it has; for where there is no pidfd. */
bool qg_redis_process_has_ended(const struct qg_redis_process *process);
/* Takes away the process whose pidfd became readable; words: why it ended (QG_REDIS_WORDS_SIZE).
 * True where it gave up by itself, as it does over files it cannot read. */
bool qg_redis_process_reap(struct qg_redis_process *process, char *words);
/* Ends it in good order, by force after some seconds, and waits for that. */
void qg_redis_process_end(struct qg_redis_process *process, const struct qg_redis_target *target);
/* Half of the memory of the machine or of the container. */
uint64_t qg_redis_default_memory(void);

/* Bytes of the append-only files. */
uint64_t qg_redis_aof_size(int dir_fd);

/* POSTPONED: no room for a copy, so nothing was touched; another try may do better. */
enum qg_redis_repair { QG_REPAIR_SOUND, QG_REPAIR_DONE, QG_REPAIR_POSTPONED, QG_REPAIR_FAILED };

/* Checks the append-only files of a server that would not start. Damaged: copies them to a new
 * directory beside, then cuts the damaged file where the damage begins. words: what happened,
 * for people (QG_REDIS_WORDS_SIZE). Blocks as long as reading and copying takes: for the pool. */
enum qg_redis_repair qg_redis_aof_repair(int dir_fd, int lock_fd, char *words);

#endif
