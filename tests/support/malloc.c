/* malloc.c - allocations that fail on demand.
 *
 * The symbols here come before the C library's for every caller, its own strdup included.
 * Counters are a thread's own: other threads allocate when they like. */
#include "support/malloc.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
	__has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif

static _Thread_local long countdown;
static _Thread_local bool failed;
static _Thread_local long live;

#ifndef HAS_SANITIZER

/* glibc keeps its own names for what programs may replace. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static bool fails_now(void)
{
	if (countdown == 0 || --countdown > 0) {
		return false;
	}
	failed = true;
	return true;
}

static void *count(void *memory)
{
	live += memory != NULL;
	return memory;
}

void *malloc(size_t size)
{
	return fails_now() ? NULL : count(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	return fails_now() ? NULL : count(__libc_calloc(number, size));
}

void *realloc(void *memory, size_t size)
{
	if (fails_now()) {
		return NULL;
	}
	void *moved = __libc_realloc(memory, size);
	/* Of the four cases only "new" and "freed" change what lives. */
	live += !memory && moved;
	live -= memory && size == 0 && !moved;
	return moved;
}

void free(void *memory)
{
	live -= memory != NULL;
	__libc_free(memory);
}

bool qg_test_malloc_works(void)
{
	return true;
}

#else

bool qg_test_malloc_works(void)
{
	fputs("skipped: a sanitizer owns malloc, allocations cannot be made to fail\n", stderr);
	return false;
}

#endif

void qg_test_fail_malloc(long nth)
{
	countdown = nth;
	failed = false;
}

bool qg_test_malloc_failed(void)
{
	return failed;
}

long qg_test_malloc_live(void)
{
	return live;
}

static void stop(const char *what, long nth)
{
	qg_test_fail_malloc(0);
	fprintf(stderr, "allocation %ld made to fail: %s\n", nth, what);
	abort();
}

long qg_test_each_malloc(bool (*body)(void *arg), void *arg)
{
	for (long nth = 1;; nth++) {
		long before = live;
		qg_test_fail_malloc(nth);
		bool worked = body(arg);
		bool was_hit = failed;
		qg_test_fail_malloc(0);
		if (live != before) {
			stop("memory leaked", nth);
		}
		if (!was_hit) {
			if (!worked) {
				stop("failed without a failing allocation", nth);
			}
			return nth - 1;
		}
	}
}
