/* fake_fetch.h - the HTTP client as a test plays it: what is asked waits until the test answers, always with 200. It takes the
 * real one's place when linked. */
#ifndef QG_TESTS_SUPPORT_FAKE_FETCH_H
#define QG_TESTS_SUPPORT_FAKE_FETCH_H

#include <stdbool.h>
#include <stddef.h>

/* Answers all that waits: with what answer says to an address, a JSON text. Whether anything waited. */
bool fake_fetch_answer(const char *(*answer)(const char *url));
bool fake_fetch_is_idle(void);

#endif
