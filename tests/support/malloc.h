/* malloc.h - makes the n-th allocation fail, and counts what lives.
 *
 * Replaces malloc, calloc, realloc and free (and so strdup and its kin) of the whole program,
 * libraries included. Under a sanitizer, which brings its own, nothing is replaced: tests ask
 * qg_test_malloc_works() first. */
#ifndef TESTS_SUPPORT_MALLOC_H
#define TESTS_SUPPORT_MALLOC_H

#include <stdbool.h>

/* false, with a word on standard error, where allocations cannot be made to fail. */
bool qg_test_malloc_works(void);
/* The nth allocation of this thread from now on fails, once; 0 switches off. */
void qg_test_fail_malloc(long nth);
/* Whether the failure asked for has happened. */
bool qg_test_malloc_failed(void);
/* Allocations not freed, of this thread's doing. */
long qg_test_malloc_live(void);

/* Runs body(arg) with its 1st, 2nd, ... allocation failing until one run needed fewer. body
 * cleans up after itself and returns whether it succeeded. Aborts where memory leaks, or where
 * the run without a failure fails; returns the number of allocations made to fail. */
long qg_test_each_malloc(bool (*body)(void *arg), void *arg);

/* malloc_digests.c: digests have no way to fail but the end of the process. First thing in main(). */
void qg_test_malloc_spare_digests(void);

#endif
