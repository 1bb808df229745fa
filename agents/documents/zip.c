/* zip.c - the parts of a zipped document, each parsed as it inflates: nothing is kept, so a bomb only costs time.
 *
 * Each part is looked for from the archive's beginning: its directory stands in memory, parts are few, and no state is
 * kept between two. */
#include "documents.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

enum { PIECE = 64 * 1024 };

void document_zip_init(struct document_zip *zip, const char *data, size_t size)
{
	*zip = (struct document_zip){.data = data, .size = size, .left = DOCUMENT_ZIP_MOST};
}

static struct archive *open_archive(const struct document_zip *zip)
{
	struct archive *archive = archive_read_new();
	if (archive == NULL) {
		return NULL;
	}
	if (archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
		archive_read_open_memory(archive, zip->data, zip->size) != ARCHIVE_OK) {
		archive_read_free(archive);
		return NULL;
	}
	return archive;
}

/* QG_OK: the archive stands at the part. */
static enum qg_status find(struct archive *archive, const char *name)
{
	struct archive_entry *entry;
	for (unsigned i = 0; i < DOCUMENT_ENTRIES_MOST; i++) {
		int result = archive_read_next_header(archive, &entry);
		if (result == ARCHIVE_EOF) {
			return QG_NOT_FOUND;
		}
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
			return QG_INVALID;
		}
		const char *path = archive_entry_pathname(entry);
		if (path != NULL && strcmp(path, name) == 0) {
			return archive_entry_is_encrypted(entry) ? QG_INVALID : QG_OK;
		}
	}
	return QG_TOO_LARGE;
}

static enum qg_status inflate(
	struct document_zip *zip, struct archive *archive, struct document_xml *xml)
{
	char piece[PIECE];
	uint64_t left = DOCUMENT_ENTRY_MOST;
	for (;;) {
		la_ssize_t got = archive_read_data(archive, piece, sizeof(piece));
		if (got < 0) {
			return QG_INVALID;
		}
		if ((uint64_t)got > left || (uint64_t)got > zip->left) {
			return QG_TOO_LARGE;
		}
		left -= (uint64_t)got;
		zip->left -= (uint64_t)got;
		enum qg_status status = document_xml_feed(xml, piece, (size_t)got, got == 0);
		if (status != QG_OK || got == 0 || document_xml_is_over(xml)) {
			return status;
		}
	}
}

enum qg_status document_zip_xml(
	struct document_zip *zip, const char *name, const struct document_xml_host *host, void *arg)
{
	struct document_xml *xml = document_xml_create(host, arg);
	struct archive *archive = open_archive(zip);
	enum qg_status status = QG_NO_MEMORY;
	if (xml != NULL && archive != NULL) {
		status = find(archive, name);
		status = status == QG_OK ? inflate(zip, archive, xml) : status;
	} else if (xml != NULL) {
		status =
			QG_INVALID; /* no zip, or there is no memory for it, which comes to the same */
	}
	archive_read_free(archive);
	document_xml_destroy(xml);
	return status;
}
