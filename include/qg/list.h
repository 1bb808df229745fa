/* list.h - the intrusive doubly linked list: a head that is a link of its own. */
#ifndef QG_LIST_H
#define QG_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct qg_list {
	struct qg_list *prev, *next;
};

#define QG_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
/* Walks item (a struct qg_list *); item may be removed while it is visited. */
#define QG_LIST_FOR_EACH(item, head)                                                               \
	for (struct qg_list *item = (head)->next, *item##_next = item->next; item != (head);       \
		item = item##_next, item##_next = item->next)

static inline void qg_list_init(struct qg_list *head)
{
	head->prev = head->next = head;
}

static inline bool qg_list_is_empty(const struct qg_list *head)
{
	return head->next == head;
}

/* Adds item at the tail. */
static inline void qg_list_add(struct qg_list *head, struct qg_list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

/* Unlinks item; a second time does no harm. */
static inline void qg_list_remove(struct qg_list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	qg_list_init(item);
}

#endif
