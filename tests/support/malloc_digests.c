/* malloc_digests.c - keeps the memory of digests apart from what is made to fail. */
#include "malloc.h"

#include <stddef.h>

/* Of the library, whose headers belong elsewhere, and of libc, below what malloc.c replaces. */
int CRYPTO_set_mem_functions(void *(*get)(size_t size, const char *file, int line),
	void *(*change)(void *memory, size_t size, const char *file, int line),
	void (*give)(void *memory, const char *file, int line));
void *__libc_malloc(size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static void *get(size_t size, const char *file, int line)
{
	return __libc_malloc(size);
}

static void *change(void *memory, size_t size, const char *file, int line)
{
	return __libc_realloc(memory, size);
}

static void give(void *memory, const char *file, int line)
{
	__libc_free(memory);
}

void qg_test_malloc_spare_digests(void)
{
	if (qg_test_malloc_works()) {
		CRYPTO_set_mem_functions(get, change, give);
	}
}
