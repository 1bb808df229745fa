/* shared.h - texts that many roles hold, kept once. */
#ifndef AGENTS_SHARED_H
#define AGENTS_SHARED_H

/* The one copy of this text; never written to. NULL for no memory, or where text is NULL. Any thread. */
char *qg_shared_take(const char *text);
/* What qg_shared_take() gave, once for each time; NULL is let be. Any thread. */
void qg_shared_drop(char *text);

#endif
