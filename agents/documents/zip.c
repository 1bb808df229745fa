/* zip.c - the parts of a zipped document, each parsed as it inflates: nothing is kept, so a bomb only costs time.
 *
 * Each part is looked for from the archive's beginning: its directory stands in memory, parts are few, and no state is
 * kept between two.
 *
 * libarchive is opened by who reads a zip, and is no library of the program's: with it come libxml2, ICU and the C++
 * runtime, two megabytes in every process, and only children read documents. */
#include "documents.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libarchive.so.13" /* of all versions 3 */
#if ARCHIVE_VERSION_NUMBER < 3000000 || ARCHIVE_VERSION_NUMBER >= 4000000
#error "libarchive has another name than libarchive.so.13"
#endif

enum { PIECE = 64 * 1024 };

#define CALLS(X)                                                                                   \
	X(archive_read_new)                                                                        \
	X(archive_read_support_format_zip_seekable)                                                \
	X(archive_read_open_memory)                                                                \
	X(archive_read_next_header)                                                                \
	X(archive_read_data)                                                                       \
	X(archive_read_free)                                                                       \
	X(archive_entry_pathname)                                                                  \
	X(archive_entry_is_encrypted)

static struct {
	bool there;
#define X(name) __typeof__(name) *name;
	CALLS(X)
#undef X
} library;

static bool find_calls(void *handle)
{
	const struct {
		const char *name;
		void **place;
	} calls[] = {
#define X(name) {#name, (void **)&library.name},
		CALLS(X)
#undef X
	};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		*calls[i].place = dlsym(handle, calls[i].name);
		if (*calls[i].place == NULL) {
			return false;
		}
	}
	return true;
}

bool document_zip_prepare(void)
{
	if (!library.there) {
		void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
		library.there = handle != NULL && find_calls(handle);
	}
	return library.there;
}

void document_zip_init(struct document_zip *zip, const char *data, size_t size)
{
	*zip = (struct document_zip){.data = data, .size = size, .left = DOCUMENT_ZIP_MOST};
}

static struct archive *open_archive(const struct document_zip *zip)
{
	struct archive *archive = library.archive_read_new();
	if (archive == NULL) {
		return NULL;
	}
	if (library.archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
		library.archive_read_open_memory(archive, zip->data, zip->size) != ARCHIVE_OK) {
		library.archive_read_free(archive);
		return NULL;
	}
	return archive;
}

/* QG_OK: the archive stands at the part. */
static enum qg_status find(struct archive *archive, const char *name)
{
	struct archive_entry *entry;
	for (unsigned i = 0; i < DOCUMENT_ENTRIES_MOST; i++) {
		int result = library.archive_read_next_header(archive, &entry);
		if (result == ARCHIVE_EOF) {
			return QG_NOT_FOUND;
		}
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
			return QG_INVALID;
		}
		const char *path = library.archive_entry_pathname(entry);
		if (path != NULL && strcmp(path, name) == 0) {
			return library.archive_entry_is_encrypted(entry) ? QG_INVALID : QG_OK;
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
		la_ssize_t got = library.archive_read_data(archive, piece, sizeof(piece));
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
	if (!document_zip_prepare()) {
		return QG_UNSUPPORTED;
	}
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
	library.archive_read_free(archive);
	document_xml_destroy(xml);
	return status;
}
