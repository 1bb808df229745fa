/* links.c - the links between the parts of a zipped document (ECMA-376 part 2): an id, and the part it names. */
#include "documents.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

struct reading {
	struct document_links *links;
	const char *part; /* whose links these are */
	bool failed;	  /* no memory */
};

static void link_finish(struct document_link *link)
{
	free(link->id);
	free(link->type);
	free(link->target);
}

void document_links_finish(struct document_links *links)
{
	for (size_t i = 0; i < links->count; i++) {
		link_finish(&links->items[i]);
	}
	free(links->items);
	*links = (struct document_links){0};
}

/* "ppt/presentation.xml" and "slides/a.xml" are "ppt/slides/a.xml"; "/ppt/a.xml" is "ppt/a.xml". Yours to free. */
static char *resolve(const char *part, const char *target)
{
	if (target[0] == '/') {
		return qg_str_copy(target + 1);
	}
	const char *slash = strrchr(part, '/');
	size_t folder = slash != NULL ? (size_t)(slash - part) : 0;
	while (strncmp(target, "../", 3) == 0) {
		target += 3;
		while (folder > 0 && part[--folder] != '/') {
		}
	}
	return qg_str_printf("%.*s%s%s", (int)folder, part, folder > 0 ? "/" : "", target);
}

static bool grow(struct document_links *links)
{
	if ((links->count & (links->count - 1)) != 0) {
		return true; /* room doubles at each power of two */
	}
	size_t room = links->count > 0 ? 2 * links->count : 1;
	struct document_link *items = realloc(links->items, room * sizeof(*items));
	if (items != NULL) {
		links->items = items;
	}
	return items != NULL;
}

static void start(void *arg, const char *name, const char **attributes)
{
	struct reading *reading = arg;
	struct document_links *links = reading->links;
	const char *id = document_xml_attribute(attributes, "Id");
	const char *type = document_xml_attribute(attributes, "Type");
	const char *target = document_xml_attribute(attributes, "Target");
	const char *mode = document_xml_attribute(attributes, "TargetMode");
	if (strcmp(name, "Relationship") != 0 || id == NULL || target == NULL || reading->failed ||
		links->count >= DOCUMENT_LINKS_MOST || qg_str_equal(mode, "External")) {
		return;
	}
	struct document_link link = {.id = qg_str_copy(id),
		.type = qg_str_copy(type != NULL ? type : ""),
		.target = resolve(reading->part, target)};
	if (link.id == NULL || link.type == NULL || link.target == NULL || !grow(links)) {
		link_finish(&link);
		reading->failed = true;
		return;
	}
	links->items[links->count++] = link;
}

static void end(void *arg, const char *name)
{
}

enum qg_status document_links_read(
	struct document_zip *zip, const char *part, struct document_links *links)
{
	static const struct document_xml_host host = {.start = start, .end = end};
	struct reading reading = {.links = links, .part = part};
	const char *slash = strrchr(part, '/');
	int folder = slash != NULL ? (int)(slash - part) + 1 : 0;
	*links = (struct document_links){0};
	QG_AUTO(qg_str_free)
	char *name = qg_str_printf("%.*s_rels/%s.rels", folder, part, part + folder);
	enum qg_status status = QG_NO_MEMORY;
	if (name != NULL) {
		status = document_zip_xml(zip, name, &host, &reading);
	}
	if (reading.failed) {
		status = QG_NO_MEMORY;
	}
	if (status == QG_NOT_FOUND) {
		status = QG_OK;
	}
	if (status != QG_OK) {
		document_links_finish(links);
	}
	return status;
}

const char *document_links_target(const struct document_links *links, const char *id)
{
	for (size_t i = 0; id != NULL && i < links->count; i++) {
		if (strcmp(links->items[i].id, id) == 0) {
			return links->items[i].target;
		}
	}
	return NULL;
}
