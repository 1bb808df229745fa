/* disposition.h - the name of a file as a server tells it. */
#ifndef QG_ADAPTERS_SHARED_DISPOSITION_H
#define QG_ADAPTERS_SHARED_DISPOSITION_H

/* What the header Content-Disposition (NULL: absent) calls a file: filename*=UTF-8''.. first, then filename=, percent-coded
 * either; without folders, one valid line of at most 255 bytes. It stays hostile: no path, no type. Yours to free; NULL for
 * none, or no memory. */
char *qg_disposition_name(const char *header);

#endif
