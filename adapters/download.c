/* download.c - what the end of a download means for who asked for the file. */
#include "download.h"

enum qg_status qg_download_judge(const struct qg_fetch_end *end)
{
	if (end->status != 0 && end->status != 200) {
		/* 5xx and 429 may pass. All else, a redirect too: it is not there for us. */
		return end->status >= 500 || end->status == 429 ? QG_AWAY : QG_NOT_FOUND;
	}
	switch (end->error) {
	case QG_FETCH_NONE:
		return QG_OK;
	case QG_FETCH_TOO_LARGE:
		return QG_TOO_LARGE;
	case QG_FETCH_NO_MEMORY:
		return QG_NO_MEMORY;
	case QG_FETCH_URL:
		return QG_INVALID;
	case QG_FETCH_CONNECT_TIMEOUT:
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return QG_TIMEOUT;
	default:
		return QG_AWAY;
	}
}
