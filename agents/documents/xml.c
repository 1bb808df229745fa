/* xml.c - expat with a bottom: no document types (so no entities of its own, no bombs of them), a bounded depth.
 *
 * The formats of ECMA-376 forbid document types themselves. Names come without their prefix: producers choose these
 * freely, and in the parts that are read no two names differ by it alone. */
#include "documents.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

struct document_xml {
	XML_Parser parser;
	const struct document_xml_host *host;
	void *arg;
	unsigned depth;
	bool refused, over;
};

static const char *local(const char *name)
{
	const char *colon = strchr(name, ':');
	return colon != NULL ? colon + 1 : name;
}

const char *document_xml_attribute(const char **attributes, const char *name)
{
	for (; attributes[0] != NULL; attributes += 2) {
		if (strcmp(local(attributes[0]), name) == 0) {
			return attributes[1];
		}
	}
	return NULL;
}

static void stop_if_enough(struct document_xml *xml)
{
	if (!xml->over && xml->host->enough != NULL && xml->host->enough(xml->arg)) {
		xml->over = true;
		XML_StopParser(xml->parser, XML_FALSE);
	}
}

static void start(void *user, const XML_Char *name, const XML_Char **attributes)
{
	struct document_xml *xml = user;
	if (xml->refused || xml->over) {
		return;
	}
	if (++xml->depth > DOCUMENT_DEPTH_MOST) {
		xml->refused = true;
		XML_StopParser(xml->parser, XML_FALSE);
		return;
	}
	xml->host->start(xml->arg, local(name), attributes);
}

static void end(void *user, const XML_Char *name)
{
	struct document_xml *xml = user;
	if (xml->refused || xml->over) {
		return;
	}
	xml->depth--;
	xml->host->end(xml->arg, local(name));
	stop_if_enough(xml);
}

static void text(void *user, const XML_Char *data, int size)
{
	struct document_xml *xml = user;
	if (!xml->refused && !xml->over && xml->host->text != NULL) {
		xml->host->text(xml->arg, data, (size_t)size);
	}
}

static void document_type(void *user, const XML_Char *name, const XML_Char *system,
	const XML_Char *public, int has_internal)
{
	struct document_xml *xml = user;
	xml->refused = true;
	XML_StopParser(xml->parser, XML_FALSE);
}

struct document_xml *document_xml_create(const struct document_xml_host *host, void *arg)
{
	struct document_xml *xml = calloc(1, sizeof(*xml));
	if (xml == NULL || (xml->parser = XML_ParserCreate(NULL)) == NULL) {
		free(xml);
		return NULL;
	}
	xml->host = host;
	xml->arg = arg;
	XML_SetUserData(xml->parser, xml);
	XML_SetElementHandler(xml->parser, start, end);
	XML_SetCharacterDataHandler(xml->parser, text);
	XML_SetStartDoctypeDeclHandler(xml->parser, document_type);
	return xml;
}

void document_xml_destroy(struct document_xml *xml)
{
	if (xml != NULL) {
		XML_ParserFree(xml->parser);
		free(xml);
	}
}

bool document_xml_is_over(const struct document_xml *xml)
{
	return xml->over;
}

enum qg_status document_xml_feed(struct document_xml *xml, const char *data, size_t size, bool last)
{
	if (xml->over) {
		return QG_OK;
	}
	enum XML_Status status = XML_Parse(xml->parser, data, (int)size, last);
	if (status == XML_STATUS_OK || (xml->over && !xml->refused)) {
		return QG_OK;
	}
	return XML_GetErrorCode(xml->parser) == XML_ERROR_NO_MEMORY ? QG_NO_MEMORY : QG_INVALID;
}
