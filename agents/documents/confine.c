/* confine.c - what the child takes from itself before it looks at a stranger's bytes.
 *
 * Limits always; then, where the kernel has them: no new rights, no files (Landlock), no system calls but those that
 * reading takes (seccomp, a list of what is allowed: what is not thought of is refused). An old kernel or a container
 * may refuse one of the last; the others hold. Whoever breaks a reader then has 10 s of computing, a pipe to write
 * text to that nobody trusts, and nothing else. pdftotext alone may open files, those of the system, for reading. */
#include "documents.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SHADOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHADOWED 1
#endif
#endif

enum {
	MEMORY_MOST = 256 * 1024 * 1024,
	CPU_SECONDS = 10,
	FILES_MOST = 32,
	DENIED = EPERM,
};

static bool limit(int resource, rlim_t most)
{
	struct rlimit both = {.rlim_cur = most, .rlim_max = most};
	return setrlimit(resource, &both) == 0;
}

static bool set_limits(void)
{
	bool ok = limit(RLIMIT_CPU, CPU_SECONDS) && limit(RLIMIT_NOFILE, FILES_MOST) &&
		  limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0);
#ifndef SHADOWED /* a sanitizer reserves terabytes */
	ok = ok && limit(RLIMIT_AS, MEMORY_MOST);
#endif
	return ok;
}

/* ---- files ---- */

static void allow_below(int rules, const char *path, bool folder)
{
	struct landlock_path_beneath_attr below = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE |
				  (folder ? LANDLOCK_ACCESS_FS_READ_DIR : 0),
		.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	if (below.parent_fd >= 0) {
		syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
		close(below.parent_fd);
	}
}

/* All rights of Landlock's first version, which every later one has: reading is among them. */
static void close_files(bool reads_system)
{
	struct landlock_ruleset_attr rights = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
	if (rules < 0) {
		return;
	}
	if (reads_system) { /* its libraries, fonts and tables of characters */
		allow_below(rules, "/usr", true);
		allow_below(rules, "/lib", true);
		allow_below(rules, "/lib64", true);
		allow_below(rules, "/etc/fonts", true);
		allow_below(rules, "/etc/ld.so.cache", false);
	}
	syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
}

/* ---- system calls ---- */

/* Memory, what is open already, the end; and what a C library asks of itself. */
static const int reading[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(readv),
	SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(close), SCMP_SYS(fstat),
	SCMP_SYS(fstat64), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(sigaltstack),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(futex),
	SCMP_SYS(restart_syscall), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sched_yield)};

/* What a program does besides: it is loaded, and looks at files. */
static const int running[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(stat64), SCMP_SYS(lstat64), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64),
	SCMP_SYS(statx), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(fadvise64), SCMP_SYS(arch_prctl), SCMP_SYS(set_tls), SCMP_SYS(set_tid_address),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getcwd),
	SCMP_SYS(sched_getaffinity)};

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int failed = 0;
	for (size_t i = 0; i < count && failed == 0; i++) {
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	}
	return failed;
}

/* Memory that is no code. */
static int allow_data(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int allow_open_to_read(scmp_filter_ctx filter)
{
	const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
	int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
	return failed != 0 ? failed
			   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
}

/* What a file is open for, and whether programs inherit it; not whom it signals: that would reach the parent. */
static int allow_flags_of_files(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(fcntl), SCMP_SYS(fcntl64)};
	static const int commands[] = {F_GETFL, F_GETFD, F_SETFD};
	int failed = 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++) {
			failed = failed != 0
					 ? failed
					 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
						   SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[k]));
		}
	}
	return failed;
}

/* Limits may be asked for, and not be changed. */
static int allow_program(scmp_filter_ctx filter, const char *program)
{
	int failed = allow_all(filter, running, sizeof(running) / sizeof(running[0]));
	failed = failed != 0 ? failed : allow_open_to_read(filter);
	failed = failed != 0 ? failed : allow_flags_of_files(filter);
	failed = failed != 0 ? failed
			     : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				       SCMP_A2(SCMP_CMP_EQ, 0));
	return failed != 0 ? failed
			   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execve), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)(uintptr_t)program));
}

static int allow_readers(scmp_filter_ctx filter)
{
	int failed = allow_data(filter, SCMP_SYS(mmap));
	failed = failed != 0 ? failed : allow_data(filter, SCMP_SYS(mmap2));
	return failed != 0 ? failed : allow_data(filter, SCMP_SYS(mprotect));
}

static void close_calls(const char *program)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(DENIED));
	if (filter == NULL) {
		return;
	}
	int failed = allow_all(filter, reading, sizeof(reading) / sizeof(reading[0]));
	if (failed == 0) {
		failed = program != NULL ? allow_program(filter, program) : allow_readers(filter);
	}
	if (failed == 0) {
		seccomp_load(filter); /* a kernel without it: the rest holds */
	}
	seccomp_release(filter);
}

bool document_confine(const char *program)
{
	if (!set_limits()) {
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
		close_files(program != NULL);
		close_calls(program);
	}
	return true;
}
