/* upload.c - a file of the outbox -> the platform's store: begin, pieces of 512 KiB, end; what comes back is an id that
 * a message may name for three days.
 *
 * Reading, digest and base64 run in the pool. Several pieces are under way at once, as many as the official SDK lets, for
 * the server answers with system errors under more; a refused piece is tried again twice. A file of
 * 20 MB is 27 MB of text in memory, so that a link has few uploads at once. Pieces count from 0, as three clients send them, though the document
 * says 1. Source: developer.work.weixin.qq.com, document 101463. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outbox.h"
#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define CHUNK ((size_t)512 * 1024)
#define CHUNK_BASE64 ((CHUNK + 2) / 3 * 4)
#define FILE_MOST ((size_t)20 << 20)
#define IMAGE_MOST ((size_t)10 << 20)
#define FILE_LEAST 5
#define NAME_MOST 256
#define FLIGHTS_MOST 4
#define TRIES_MOST 3
#define FIRST_WAIT_MS 500
#define CALL_MS 10000
#define CHUNK_MS 60000 /* 700 kB over a thin line */

enum stage { READING, BEGINNING, CHUNKS, ENDING };

struct flight { /* of one piece */
	struct wecom_upload *upload;
	struct wecom_call *call;
	struct qg_timer *again;
	size_t chunk;
	unsigned tries;
	bool busy;
};

/* What the pool works on. It may outlive the upload. */
struct reading {
	struct wecom_upload *upload; /* NULL: cancelled */
	char *path;
	bool wants_image, is_image;
	size_t size;
	char md5[2 * QG_MD5_SIZE + 1];
	struct qg_buf base64; /* pieces, each CHUNK_BASE64 characters but the last */
	enum qg_status status;
};

struct wecom_upload {
	struct wecom_link *link;
	wecom_uploaded_fn fn;
	void *arg;
	char *name, *id;
	struct reading *reading;
	bool is_pooled; /* the pool has reading */
	enum stage stage;
	struct wecom_call *call;
	size_t count, next, landed;
	struct flight flights[FLIGHTS_MOST];
};

/* ---- in the pool ---- */

/* What the platform takes as an image; all else goes as a file. */
static bool is_image(const char *data, size_t size)
{
	bool is_known = memcmp(data, "\xff\xd8\xff", 3) == 0 || memcmp(data, "\x89PNG", 4) == 0;
	return size <= IMAGE_MOST && is_known;
}

static void read_in_pool(void *arg, unsigned thread_index)
{
	struct reading *reading = arg;
	QG_AUTO(qg_buf_finish) struct qg_buf bytes;
	qg_buf_init(&bytes, FILE_MOST);
	reading->status = qg_outbox_read(reading->path, FILE_LEAST, FILE_MOST, &bytes);
	if (reading->status != QG_OK) {
		return;
	}
	uint8_t digest[QG_MD5_SIZE];
	reading->size = bytes.size;
	qg_md5(bytes.data, bytes.size, digest);
	qg_hex_encode(digest, sizeof(digest), reading->md5);
	reading->is_image = reading->wants_image && is_image(bytes.data, bytes.size);
	for (size_t at = 0; at < bytes.size && reading->status == QG_OK; at += CHUNK) {
		size_t left = bytes.size - at;
		reading->status = qg_base64_encode(
			bytes.data + at, left < CHUNK ? left : CHUNK, &reading->base64);
	}
}

static void reading_destroy(struct reading *reading)
{
	if (reading) {
		qg_buf_finish(&reading->base64);
		free(reading->path);
		free(reading);
	}
}

/* ---- its end ---- */

static void destroy(struct wecom_upload *upload)
{
	upload->link->uploads--;
	wecom_call_cancel(upload->call);
	for (size_t i = 0; i < FLIGHTS_MOST; i++) {
		wecom_call_cancel(upload->flights[i].call);
		qg_timer_destroy(upload->flights[i].again);
	}
	if (upload->is_pooled) {
		upload->reading->upload = NULL;
	} else {
		reading_destroy(upload->reading);
	}
	free(upload->name);
	free(upload->id);
	free(upload);
}

void wecom_upload_cancel(struct wecom_upload *upload)
{
	if (upload) {
		destroy(upload);
	}
}

static void fail(struct wecom_upload *upload, const struct wecom_verdict *verdict)
{
	wecom_uploaded_fn fn = upload->fn;
	void *arg = upload->arg;
	destroy(upload);
	fn(arg, verdict, NULL, NULL);
}

static void fail_with(struct wecom_upload *upload, enum qg_status status, const char *words)
{
	fail(upload, &(struct wecom_verdict){WECOM_ENDED, status, 0, words});
}

/* The verdict on an answer that is no success; a lost connection means: all anew on the next one. */
static struct wecom_verdict judge(const struct wecom_answer *answer)
{
	if (answer->local == QG_CANCELLED) {
		return (struct wecom_verdict){WECOM_RECONNECT, QG_BUSY, 0, "the connection ended"};
	}
	if (answer->local != QG_OK) {
		return (struct wecom_verdict){WECOM_ENDED, answer->local, 0, ""};
	}
	return wecom_verdict(answer->code, false);
}

static bool is_good(const struct wecom_answer *answer)
{
	return answer->local == QG_OK && answer->code == 0;
}

/* ---- the end of the file ---- */

static const char *type_of(const struct wecom_upload *upload)
{
	return upload->reading->is_image ? "image" : "file";
}

static char *member(const struct wecom_answer *answer, const char *name)
{
	struct qg_piece found;
	const char *paths[] = {name};
	if (!answer->body ||
		qg_scan(answer->body->data, answer->body->size, paths, 1, &found) != QG_OK) {
		return NULL;
	}
	return found.kind == QG_PIECE_STRING && found.size > 0 ? qg_piece_copy(&found) : NULL;
}

static void finished(void *arg, const struct wecom_answer *answer)
{
	static const struct wecom_verdict landed = {WECOM_LANDED, QG_OK, 0, ""};
	struct wecom_upload *upload = arg;
	upload->call = NULL;
	QG_AUTO(qg_str_free) char *media_id = is_good(answer) ? member(answer, "media_id") : NULL;
	if (!media_id) {
		struct wecom_verdict verdict = judge(answer);
		if (verdict.act == WECOM_LANDED) {
			verdict = (struct wecom_verdict){
				WECOM_ENDED, QG_FAILED, 0, "an upload without an id"};
		}
		fail(upload, &verdict);
		return;
	}
	wecom_uploaded_fn fn = upload->fn;
	void *owner = upload->arg;
	const char *type = type_of(upload);
	destroy(upload);
	fn(owner, &landed, type, media_id);
}

/* false: it has failed, and is gone. */
static bool ask(struct wecom_upload *upload, const char *cmd, json_t *body, wecom_answered_fn fn)
{
	struct wecom_request request = {.cmd = cmd, .body = body, .timeout_ms = CALL_MS};
	upload->call = body ? wecom_call_start(upload->link, &request, fn, upload) : NULL;
	json_decref(body);
	if (!upload->call) {
		fail_with(upload, QG_NO_MEMORY, "");
	}
	return upload->call != NULL;
}

/* ---- the pieces ---- */

static void start_chunk(struct flight *flight);

static void again(void *arg)
{
	start_chunk(arg);
}

static bool may_try_again(const struct wecom_answer *answer)
{
	struct wecom_verdict verdict = judge(answer);
	return verdict.act == WECOM_ENDED && answer->local == QG_OK;
}

static void fill(struct wecom_upload *upload);

static void chunk_answered(void *arg, const struct wecom_answer *answer)
{
	struct flight *flight = arg;
	struct wecom_upload *upload = flight->upload;
	flight->call = NULL;
	if (is_good(answer)) {
		flight->busy = false;
		upload->landed++;
		fill(upload);
	} else if (may_try_again(answer) && flight->tries < TRIES_MOST) {
		qg_timer_start(flight->again, (uint64_t)FIRST_WAIT_MS << (flight->tries - 1));
	} else {
		struct wecom_verdict verdict = judge(answer);
		fail(upload, &verdict);
	}
}

static enum qg_status write_chunk(
	const struct wecom_upload *upload, size_t chunk, struct qg_buf *out)
{
	const struct qg_buf *base64 = &upload->reading->base64;
	size_t at = chunk * CHUNK_BASE64;
	size_t left = base64->size - at;
	qg_buf_add_str(out, "{\"upload_id\":");
	enum qg_status status = qg_json_quote(upload->id, strlen(upload->id), out);
	qg_buf_printf(out, ",\"chunk_index\":%zu,\"base64_data\":\"", chunk);
	qg_buf_add(out, base64->data + at, left < CHUNK_BASE64 ? left : CHUNK_BASE64);
	qg_buf_add_str(out, "\"}");
	return status == QG_OK ? out->failed : status;
}

static void start_chunk(struct flight *flight)
{
	struct wecom_upload *upload = flight->upload;
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, CHUNK_BASE64 + 4096);
	flight->tries++;
	if (write_chunk(upload, flight->chunk, &body) == QG_OK) {
		struct wecom_request request = {.cmd = "aibot_upload_media_chunk",
			.text = body.data,
			.text_size = body.size,
			.timeout_ms = CHUNK_MS};
		flight->call = wecom_call_start(upload->link, &request, chunk_answered, flight);
	}
	if (!flight->call && flight->tries < TRIES_MOST) {
		qg_timer_start(flight->again, FIRST_WAIT_MS); /* the wire is full, or memory */
	} else if (!flight->call) {
		fail_with(upload, QG_NO_MEMORY, "");
	}
}

/* As the official SDK: all of up to four at once, three of up to ten, else two. */
static size_t flights_of(const struct wecom_upload *upload)
{
	return upload->count <= 4 ? upload->count : upload->count <= 10 ? 3 : 2;
}

static void fill(struct wecom_upload *upload)
{
	if (upload->landed == upload->count) {
		upload->stage = ENDING;
		ask(upload, "aibot_upload_media_finish",
			json_pack("{s:s}", "upload_id", upload->id), finished);
		return;
	}
	for (size_t i = 0; i < flights_of(upload) && upload->next < upload->count; i++) {
		struct flight *flight = &upload->flights[i];
		if (flight->busy) {
			continue;
		}
		flight->busy = true;
		flight->tries = 0;
		flight->chunk = upload->next++;
		qg_timer_start(flight->again, 0); /* a piece a turn: each is copied twice */
	}
}

/* ---- its begin ---- */

static bool make_flights(struct wecom_upload *upload)
{
	bool good = true;
	for (size_t i = 0; i < flights_of(upload); i++) {
		struct flight *flight = &upload->flights[i];
		flight->upload = upload;
		flight->again = qg_timer_create(upload->link->loop, again, flight);
		good = good && flight->again;
	}
	return good;
}

static void begun(void *arg, const struct wecom_answer *answer)
{
	struct wecom_upload *upload = arg;
	upload->call = NULL;
	upload->id = is_good(answer) ? member(answer, "upload_id") : NULL;
	if (!upload->id) {
		struct wecom_verdict verdict = judge(answer);
		if (verdict.act == WECOM_LANDED) {
			verdict = (struct wecom_verdict){
				WECOM_ENDED, QG_FAILED, 0, "an upload without an id"};
		}
		fail(upload, &verdict);
		return;
	}
	upload->stage = CHUNKS;
	if (make_flights(upload)) {
		fill(upload);
	} else {
		fail_with(upload, QG_NO_MEMORY, "");
	}
}

static void was_read(void *arg)
{
	struct reading *reading = arg;
	struct wecom_upload *upload = reading->upload;
	if (!upload) {
		reading_destroy(reading);
		return;
	}
	upload->is_pooled = false;
	if (reading->status != QG_OK) {
		fail_with(upload, reading->status,
			reading->status == QG_UNSUPPORTED
				? "the file is not in outbox/, or not of 5 bytes to 20 MB"
				: "the file");
		return;
	}
	if (!wecom_link_is_up(upload->link)) {
		fail(upload, &(struct wecom_verdict){WECOM_RECONNECT, QG_BUSY, 0, ""});
		return;
	}
	upload->stage = BEGINNING;
	upload->count = (reading->size + CHUNK - 1) / CHUNK;
	ask(upload, "aibot_upload_media_init",
		json_pack("{s:s, s:s, s:I, s:I, s:s}", "type", type_of(upload), "filename",
			upload->name, "total_size", (json_int_t)reading->size, "total_chunks",
			(json_int_t)upload->count, "md5", reading->md5),
		begun);
}

static char *clean_name(const char *name)
{
	const char *slash = strrchr(name, '/');
	char *clean = qg_str_copy(slash ? slash + 1 : name);
	if (clean) {
		qg_utf8_flatten(clean);
		clean[qg_utf8_cut(clean, strlen(clean), NAME_MOST)] = '\0';
	}
	if (clean && clean[0] == '\0') {
		free(clean);
		clean = qg_str_copy("file");
	}
	return clean;
}

static struct reading *create_reading(struct wecom_upload *upload, const struct wecom_file *file)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	if (reading) {
		reading->upload = upload;
		reading->wants_image = strcmp(file->type, "image") == 0;
		reading->path = qg_str_copy(file->path);
		qg_buf_init(&reading->base64, FILE_MOST / 3 * 4 + CHUNK);
	}
	return reading;
}

struct wecom_upload *wecom_upload_start(
	struct wecom_link *link, const struct wecom_file *file, wecom_uploaded_fn fn, void *arg)
{
	struct wecom_upload *upload = calloc(1, sizeof(*upload));
	if (!upload) {
		return NULL;
	}
	*upload = (struct wecom_upload){
		.link = link, .fn = fn, .arg = arg, .name = clean_name(file->name)};
	link->uploads++;
	upload->reading = create_reading(upload, file);
	upload->is_pooled = upload->name && upload->reading && upload->reading->path &&
			    qg_loop_work(link->loop, read_in_pool, was_read, upload->reading);
	if (!upload->is_pooled) {
		destroy(upload);
		return NULL;
	}
	return upload;
}
