/* download.h - what platforms share of fetching a file that an attachment stands for. */
#ifndef QG_DOWNLOAD_H
#define QG_DOWNLOAD_H

#include "qg/fetch.h"
#include "qg/status.h"

/* How a download ended, in the words of an adapter's media(): QG_AWAY where another try may help. */
enum qg_status qg_download_judge(const struct qg_fetch_end *end);

#endif
