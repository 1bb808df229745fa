/* multipart.c - multipart/form-data of some fields and one file.
 *
 * What a thread works on may outlive the form: one that is destroyed meanwhile leaves it to the end of the work. The bytes
 * of the file are not copied into the form, they are its middle piece. */
#include "multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outbox.h"
#include "qg/buf.h"
#include "qg/crypto.h"
#include "qg/str.h"

#define HEAD_MOST 8192
#define PIECES 3

struct pack {
	struct qg_multipart *form; /* NULL: nobody waits for it */
	char *path, *name;
	size_t least, most;
	char boundary[33];
	enum qg_status status;
	struct qg_buf head, bytes, tail;
};

struct qg_multipart {
	struct pack *pack;
	bool is_pooled; /* a thread has it */
	char type[80];
	struct qg_fetch_piece pieces[PIECES];
	void (*told)(void *arg, enum qg_status status);
	void *arg;
};

static void pack_destroy(struct pack *pack)
{
	if (!pack) {
		return;
	}
	qg_buf_finish(&pack->head);
	qg_buf_finish(&pack->bytes);
	qg_buf_finish(&pack->tail);
	free(pack->path);
	free(pack->name);
	free(pack);
}

void qg_multipart_destroy(struct qg_multipart *form)
{
	if (!form) {
		return;
	}
	if (form->is_pooled) {
		form->pack->form = NULL;
	} else {
		pack_destroy(form->pack);
	}
	free(form);
}

const char *qg_multipart_type(const struct qg_multipart *form)
{
	return form->type;
}

const struct qg_fetch_piece *qg_multipart_pieces(const struct qg_multipart *form, size_t *count_out)
{
	*count_out = PIECES;
	return form->pieces;
}

static void read_file(void *arg, unsigned thread_index)
{
	struct pack *pack = arg;
	(void)thread_index;
	pack->status = qg_outbox_read(pack->path, pack->least, pack->most, &pack->bytes);
}

static void was_read(void *arg)
{
	struct pack *pack = arg;
	struct qg_multipart *form = pack->form;
	if (!form) {
		pack_destroy(pack);
		return;
	}
	form->is_pooled = false;
	const struct qg_buf *bufs[PIECES] = {&pack->head, &pack->bytes, &pack->tail};
	for (size_t i = 0; i < PIECES; i++) {
		form->pieces[i] = (struct qg_fetch_piece){bufs[i]->data, bufs[i]->size};
	}
	form->told(form->arg, pack->status);
}

/* A value is a line of its own and ends at the next boundary, which nobody can guess. */
static void add_field(struct pack *pack, const char *name, const char *value)
{
	qg_buf_printf(&pack->head,
		"--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", pack->boundary,
		name, value);
}

static void write_frame(struct pack *pack, const struct qg_multipart_file *file)
{
	for (size_t i = 0; i < QG_MULTIPART_FIELDS_MOST && file->fields[i].name; i++) {
		const char *value = file->fields[i].value;
		add_field(pack, file->fields[i].name, value ? value : pack->name);
	}
	qg_buf_printf(&pack->head,
		"--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"", pack->boundary,
		file->field);
	qg_outbox_add_name(pack->name, &pack->head);
	qg_buf_add_str(&pack->head, "\"\r\nContent-Type: application/octet-stream\r\n\r\n");
	qg_buf_printf(&pack->tail, "\r\n--%s--\r\n", pack->boundary);
}

static struct pack *pack_create(const struct qg_multipart_file *file)
{
	struct pack *pack = calloc(1, sizeof(*pack));
	if (!pack) {
		return NULL;
	}
	pack->least = file->least;
	pack->most = file->most;
	qg_buf_init(&pack->head, HEAD_MOST);
	qg_buf_init(&pack->bytes, file->most);
	qg_buf_init(&pack->tail, HEAD_MOST);
	qg_random_hex(pack->boundary, sizeof(pack->boundary) / 2);
	pack->path = qg_str_printf("%s/outbox/%s", file->data_dir, file->file);
	pack->name = qg_str_copy(file->name[0] ? file->name : file->file);
	if (pack->path && pack->name) {
		qg_utf8_flatten(pack->name); /* it is the value of a field, too */
		write_frame(pack, file);
	}
	if (!pack->path || !pack->name || pack->head.failed || pack->tail.failed) {
		pack_destroy(pack);
		return NULL;
	}
	return pack;
}

struct qg_multipart *qg_multipart_create(struct qg_loop *loop, const struct qg_multipart_file *file,
	void (*told)(void *arg, enum qg_status status), void *arg)
{
	struct qg_multipart *form = calloc(1, sizeof(*form));
	struct pack *pack = form ? pack_create(file) : NULL;
	if (!pack || !qg_loop_work(loop, read_file, was_read, pack)) {
		pack_destroy(pack);
		free(form);
		return NULL;
	}
	*form = (struct qg_multipart){.pack = pack, .is_pooled = true, .told = told, .arg = arg};
	pack->form = form;
	snprintf(
		form->type, sizeof(form->type), "multipart/form-data; boundary=%s", pack->boundary);
	return form;
}
