/* frame.c - the frames of the long connection as bytes: frame.proto, by protobuf-c.
 *
 * What the library may allocate for a frame is bounded, in bytes and in pieces, and that bounds what it can be made to do:
 * fields, headers and unknown fields each cost a piece. Nothing is nested deeper than a header. Unknown fields are dropped,
 * so that an answer does not repeat them; all else goes back exactly as it came. Source: the frames of the platform's
 * official clients, whose required fields are written also where they are 0. */
#include "link.h"

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.pb-c.h"

#define HEADERS_MOST 64
#define HEADER_BYTES_MOST ((size_t)16 * 1024)
#define PIECES_MOST (4 * HEADERS_MOST)
#define OVERHEAD_MOST ((size_t)64 * 1024) /* of allocations, beyond the frame's own bytes */
#define NUMBER_DIGITS 9

struct feishu_packed {
	Pbbp2__Frame message;
};

/* ---- what the library may allocate ---- */

struct budget {
	size_t bytes, pieces;
	enum qg_status failed;
};

static void *take(void *arg, size_t size)
{
	struct budget *budget = arg;
	if (size > budget->bytes || budget->pieces == 0) {
		budget->failed = QG_TOO_LARGE;
		return NULL;
	}
	budget->bytes -= size;
	budget->pieces--;
	void *memory = malloc(size > 0 ? size : 1);
	if (!memory) {
		budget->failed = QG_NO_MEMORY;
	}
	return memory;
}

static void give(void *arg, void *memory)
{
	(void)arg;
	free(memory);
}

static void destroy(Pbbp2__Frame *message)
{
	ProtobufCAllocator allocator = {.alloc = take, .free = give};
	pbbp2__frame__free_unpacked(message, &allocator);
}

/* ---- reading ---- */

static void drop_unknown(ProtobufCMessage *message)
{
	for (unsigned i = 0; i < message->n_unknown_fields; i++) {
		free(message->unknown_fields[i].data);
	}
	free(message->unknown_fields);
	message->unknown_fields = NULL;
	message->n_unknown_fields = 0;
}

static bool is_of_use(Pbbp2__Frame *message)
{
	size_t bytes =
		message->payload_encoding.len + message->payload_type.len + message->logidnew.len;
	if (message->n_headers > HEADERS_MOST) {
		return false;
	}
	drop_unknown(&message->base);
	for (size_t i = 0; i < message->n_headers; i++) {
		drop_unknown(&message->headers[i]->base);
		bytes += message->headers[i]->key.len + message->headers[i]->value.len;
	}
	return bytes <= HEADER_BYTES_MOST;
}

enum qg_status feishu_frame_read(const char *data, size_t size, struct feishu_frame *out)
{
	struct budget budget = {size + OVERHEAD_MOST, PIECES_MOST, QG_OK};
	ProtobufCAllocator allocator = {take, give, &budget};
	if (size > FEISHU_FRAME_MAX) {
		return QG_TOO_LARGE;
	}
	Pbbp2__Frame *message = pbbp2__frame__unpack(&allocator, size, (const uint8_t *)data);
	if (!message) {
		return budget.failed != QG_OK ? budget.failed : QG_INVALID;
	}
	if (!is_of_use(message)) {
		destroy(message);
		return QG_TOO_LARGE;
	}
	*out = (struct feishu_frame){.method = message->method,
		.payload = (const char *)message->payload.data,
		.payload_size = message->payload.len,
		.packed = QG_CONTAINER(message, struct feishu_packed, message)};
	return QG_OK;
}

void feishu_frame_finish(struct feishu_frame *frame)
{
	if (frame->packed) {
		destroy(&frame->packed->message);
	}
	*frame = (struct feishu_frame){0};
}

char *feishu_frame_steal(struct feishu_frame *frame)
{
	Pbbp2__Frame *message = &frame->packed->message;
	char *payload = (char *)message->payload.data;
	message->payload = (ProtobufCBinaryData){0, NULL};
	frame->payload = NULL;
	frame->payload_size = 0;
	return payload;
}

const char *feishu_frame_header(const struct feishu_frame *frame, const char *key, size_t *size_out)
{
	const Pbbp2__Frame *message = &frame->packed->message;
	size_t size = strlen(key);
	for (size_t i = 0; i < message->n_headers; i++) {
		const Pbbp2__Header *header = message->headers[i];
		if (header->key.len == size && memcmp(header->key.data, key, size) == 0) {
			*size_out = header->value.len;
			return header->value.len > 0 ? (const char *)header->value.data : "";
		}
	}
	return NULL;
}

bool feishu_frame_header_is(const struct feishu_frame *frame, const char *key, const char *value)
{
	size_t size = 0;
	const char *found = feishu_frame_header(frame, key, &size);
	return found && size == strlen(value) && memcmp(found, value, size) == 0;
}

int64_t feishu_frame_number(const struct feishu_frame *frame, const char *key, int64_t fallback)
{
	size_t size = 0;
	const char *digits = feishu_frame_header(frame, key, &size);
	int64_t number = 0;
	if (!digits) {
		return fallback;
	}
	if (size == 0 || size > NUMBER_DIGITS) {
		return -1;
	}
	for (size_t i = 0; i < size; i++) {
		if (digits[i] < '0' || digits[i] > '9') {
			return -1;
		}
		number = 10 * number + (digits[i] - '0');
	}
	return number;
}

/* ---- writing ---- */

static ProtobufCBinaryData bytes_of(const char *data, size_t size)
{
	return (ProtobufCBinaryData){size, (uint8_t *)data};
}

static enum qg_status pack(const Pbbp2__Frame *message, struct qg_buf *out)
{
	size_t size = pbbp2__frame__get_packed_size(message);
	enum qg_status status = qg_buf_reserve(out, size);
	if (status == QG_OK) {
		out->size += pbbp2__frame__pack(message, (uint8_t *)out->data + out->size);
		out->data[out->size] = '\0';
	}
	return status;
}

enum qg_status feishu_frame_answer(const struct feishu_frame *frame, uint64_t took_ms,
	const char *payload, size_t size, struct qg_buf *out)
{
	Pbbp2__Frame answer = frame->packed->message;
	Pbbp2__Header *headers[HEADERS_MOST + 1];
	Pbbp2__Header took = PBBP2__HEADER__INIT;
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)took_ms);
	took.key = bytes_of("biz_rt", strlen("biz_rt"));
	took.value = bytes_of(digits, (size_t)length);
	if (answer.n_headers > 0) {
		memcpy(headers, answer.headers, answer.n_headers * sizeof(*headers));
	}
	headers[answer.n_headers++] = &took;
	answer.headers = headers;
	answer.has_payload = true;
	answer.payload = bytes_of(payload, size);
	return pack(&answer, out);
}

enum qg_status feishu_frame_ping(int32_t service, struct qg_buf *out)
{
	Pbbp2__Frame ping = PBBP2__FRAME__INIT;
	Pbbp2__Header type = PBBP2__HEADER__INIT;
	Pbbp2__Header *headers[] = {&type};
	type.key = bytes_of("type", strlen("type"));
	type.value = bytes_of("ping", strlen("ping"));
	ping.service = service;
	ping.method = FEISHU_CONTROL;
	ping.n_headers = 1;
	ping.headers = headers;
	return pack(&ping, out);
}
