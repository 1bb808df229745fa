/* test_confine.c - behind closed doors nothing opens: each attempt in a process of its own, told by its exit. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vectors.h"

#define NOBODY "/nobody/is/there"

static const char *program;

/* 0: refused by the filter or by Landlock; 1: it was done; 2: refused for another reason. */
static int verdict(long result)
{
	return result >= 0 ? 1 : errno == EPERM || errno == EACCES ? 0 : 2;
}

static int network(void)
{
	return verdict(socket(AF_INET, SOCK_STREAM, 0)) + verdict(socket(AF_UNIX, SOCK_DGRAM, 0));
}

static int write_file(void)
{
	return verdict(open("/tmp", O_TMPFILE | O_WRONLY, 0600)) +
	       verdict(open("/dev/null", O_WRONLY)) + verdict(open("/dev/null", O_RDWR)) +
	       verdict(unlink(NOBODY)) + verdict(mkdir("/tmp/never", 0700));
}

static int read_secret(void)
{
	return verdict(open("/etc/passwd", O_RDONLY)) +
	       verdict(open("/proc/self/environ", O_RDONLY));
}

static int read_anything(void)
{
	return read_secret() + verdict(open("/usr/bin/env", O_RDONLY));
}

static int trace(void)
{
	return verdict(ptrace(PTRACE_TRACEME, 0, NULL, NULL)) + verdict(kill(getppid(), 0)) +
	       verdict(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

/* A file can be told to signal any process when there is something to read. */
static int signal_by_file(void)
{
	return verdict(fcntl(STDIN_FILENO, F_SETOWN, getppid())) +
	       verdict(fcntl(STDIN_FILENO, F_SETSIG, SIGKILL)) +
	       verdict(fcntl(STDIN_FILENO, F_SETFL, O_ASYNC));
}

static int new_process(void)
{
	return verdict(fork());
}

static int other_program(void)
{
	char *const words[] = {"true", NULL};
	return verdict(execve("/bin/true", words, words + 1));
}

static int code_of_ones_own(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return verdict(page != MAP_FAILED ? 0 : -1);
}

static int raise_a_limit(void)
{
	struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
	return verdict(setrlimit(RLIMIT_CPU, &more));
}

/* The system's files, which pdftotext needs: these open. */
static int read_library(void)
{
	return open("/usr/bin/env", O_RDONLY) >= 0 ? 0 : 3;
}

static void expect_behind(const char *name, int (*attempt)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		_exit(document_confine(name) ? attempt() : 99);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

/* Where even root has no such filter (valgrind, some containers) there is nothing to prove. */
static bool has_filter(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		_exit(document_confine(NULL) && prctl(PR_GET_SECCOMP) == -1 && errno == EPERM ? 0
											      : 1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

START_TEST(readers_can_do_nothing)
{
	expect_behind(NULL, network);
	expect_behind(NULL, write_file);
	expect_behind(NULL, read_anything);
	expect_behind(NULL, trace);
	expect_behind(NULL, signal_by_file);
	expect_behind(NULL, new_process);
	expect_behind(NULL, other_program);
	expect_behind(NULL, code_of_ones_own);
	expect_behind(NULL, raise_a_limit);
}
END_TEST

START_TEST(a_program_can_read_what_is_the_systems)
{
	expect_behind(program, network);
	expect_behind(program, write_file);
	expect_behind(program, trace);
	expect_behind(program, signal_by_file);
	expect_behind(program, new_process);
	expect_behind(program, other_program);
	expect_behind(program, raise_a_limit);
	expect_behind(program, read_library);
	if (has_landlock()) {
		expect_behind(program, read_secret);
	}
}
END_TEST

int main(void)
{
	program = "/usr/bin/pdftotext";
	Suite *suite = suite_create("confine");
	TCase *tcase = tcase_create("confine");
	suite_add_tcase(suite, tcase);
	if (has_filter()) {
		tcase_add_test(tcase, readers_can_do_nothing);
		tcase_add_test(tcase, a_program_can_read_what_is_the_systems);
	}
	return vectors_run(suite);
}
