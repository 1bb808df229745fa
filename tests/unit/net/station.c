/* station.c - websocket servers by hand, as station.h says. */
#include "station.h"

#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct session { /* of a visitor; in visitor->own */
	bool upgraded;
	int kind; /* of the message whose fragments come */
	char *message;
	size_t size;
};

static struct station *station_of(const struct visitor *visitor)
{
	return QG_CONTAINER(visitor->vendor, struct station, vendor);
}

/* ---- out ---- */

size_t station_head(uint8_t out[14], int first, uint64_t size)
{
	size_t bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
	out[0] = (uint8_t)first;
	out[1] = bytes == 0 ? (uint8_t)size : bytes == 2 ? 126 : 127;
	for (size_t i = 0; i < bytes; i++) {
		out[2 + i] = (uint8_t)(size >> (8 * (bytes - 1 - i)));
	}
	return 2 + bytes;
}

void station_send(struct visitor *visitor, int first, const void *data, size_t size)
{
	uint8_t head[14];
	size_t head_size = station_head(head, first, size);
	visitor_send(visitor, head, head_size);
	visitor_send(visitor, data, size);
}

void station_say(struct visitor *visitor, const char *text)
{
	station_send(visitor, FRAME_FIN | FRAME_TEXT, text, strlen(text));
}

void station_send_masked(struct visitor *visitor, const char *text)
{
	uint8_t frame[128] = {FRAME_FIN | FRAME_TEXT, (uint8_t)(0x80 | strlen(text)), 1, 2, 3, 4};
	for (size_t i = 0; text[i]; i++) {
		frame[6 + i] = (uint8_t)text[i] ^ frame[2 + i % 4];
	}
	visitor_send(visitor, frame, 6 + strlen(text));
}

void station_send_close(struct visitor *visitor, int code, const char *reason)
{
	char data[125] = {(char)(code >> 8), (char)code};
	size_t size = strlen(reason);
	memcpy(data + 2, reason, size);
	station_send(visitor, FRAME_FIN | FRAME_CLOSE, data, 2 + size);
}

/* ---- the upgrade ---- */

static void accept_key(const char *key, size_t size, char out[64])
{
	char text[128];
	unsigned char digest[20];
	snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)size, key);
	ck_assert_int_eq(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL), 1);
	EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
}

static void upgrade(struct visitor *visitor, struct session *session)
{
	struct station *station = station_of(visitor);
	const char *end = strstr(visitor->data, "\r\n\r\n");
	if (!end || station->silent) {
		return;
	}
	snprintf(station->request, sizeof(station->request), "%.*s", (int)(end + 2 - visitor->data),
		visitor->data);
	const char *key = strcasestr(station->request, "\r\nSec-WebSocket-Key: ");
	ck_assert_ptr_nonnull(key);
	visitor_consume(visitor, (size_t)(end - visitor->data) + 4);
	if (station->answer) {
		visitor_say(visitor, station->answer);
		return;
	}
	char accept[64];
	char text[8192];
	key += strlen("\r\nSec-WebSocket-Key: ");
	accept_key(key, strcspn(key, "\r"), accept);
	int size = snprintf(text, sizeof(text),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		accept, station->extra ? station->extra : "");
	if (station->behind_size > 0) {
		memcpy(text + size, station->behind, station->behind_size);
		size += (int)station->behind_size;
	}
	session->upgraded = true;
	station->upgrades++;
	visitor_send(visitor, text, (size_t)size);
}

/* ---- in ---- */

static void echo(
	struct visitor *visitor, struct session *session, int first, const char *data, size_t size)
{
	if ((first & 0xf) != FRAME_MORE) {
		session->kind = first & 0xf;
	}
	session->message = realloc(session->message, session->size + size + 1);
	ck_assert_ptr_nonnull(session->message);
	memcpy(session->message + session->size, data, size);
	session->size += size;
	if (first & FRAME_FIN) {
		station_send(visitor, FRAME_FIN | session->kind, session->message, session->size);
		session->size = 0;
	}
}

static void on_close(struct visitor *visitor, const char *data, size_t size)
{
	struct station *station = station_of(visitor);
	station->closes++;
	station->code = size >= 2 ? (uint8_t)data[0] << 8 | (uint8_t)data[1] : 0;
	snprintf(station->reason, sizeof(station->reason), "%.*s", size > 2 ? (int)size - 2 : 0,
		size > 2 ? data + 2 : "");
	if (!station->ignores_close) {
		station_send(visitor, FRAME_FIN | FRAME_CLOSE, data, size);
	}
}

static void on_frame(struct visitor *visitor, int first, const char *data, size_t size)
{
	struct station *station = station_of(visitor);
	int kind = first & 0xf;
	station->frames++;
	station->largest = size > station->largest ? size : station->largest;
	if (kind == FRAME_PING) {
		station->pings++;
		if (!station->ignores_pings) {
			station_send(visitor, FRAME_FIN | FRAME_PONG, data, size);
		}
	} else if (kind == FRAME_CLOSE) {
		on_close(visitor, data, size);
	} else if (station->frame) {
		station->frame(visitor, first, data, size);
	} else if (!station->ignores_messages && kind <= FRAME_BINARY) {
		echo(visitor, visitor->own, first, data, size);
	}
}

/* The size of the whole frame at the front, 0 while it is not whole; *data_out: where its bytes begin. */
static size_t whole(const struct visitor *visitor, size_t *data_out)
{
	const uint8_t *at = (const uint8_t *)visitor->data;
	if (visitor->size < 2) {
		return 0;
	}
	size_t bytes = (at[1] & 0x7f) < 126 ? 0 : (at[1] & 0x7f) == 126 ? 2 : 8;
	uint64_t size = bytes == 0 ? at[1] & 0x7f : 0;
	if (visitor->size < 2 + bytes + 4) {
		return 0;
	}
	for (size_t i = 0; i < bytes; i++) {
		size = size << 8 | at[2 + i];
	}
	*data_out = 2 + bytes + 4;
	return visitor->size >= *data_out + size ? *data_out + (size_t)size : 0;
}

static void on_bytes(struct visitor *visitor)
{
	struct session *session = visitor->own;
	if (!session) {
		session = visitor->own = calloc(1, sizeof(*session));
		ck_assert_ptr_nonnull(session);
	}
	if (!session->upgraded) {
		upgrade(visitor, session);
	}
	size_t at, size;
	while (session->upgraded && (size = whole(visitor, &at)) > 0) {
		char *frame = malloc(size + 1);
		ck_assert_ptr_nonnull(frame);
		memcpy(frame, visitor->data, size);
		frame[size] = '\0';
		visitor_consume(visitor, size);
		station_of(visitor)->unmasked |= !(frame[1] & 0x80);
		for (size_t i = at; i < size; i++) {
			frame[i] ^= frame[at - 4 + (i - at) % 4];
		}
		bool gone = false;
		visitor->gone = &gone;
		on_frame(visitor, (uint8_t)frame[0], frame + at, size - at);
		free(frame);
		if (gone) {
			return;
		}
		visitor->gone = NULL;
	}
}

static void on_left(struct visitor *visitor)
{
	struct session *session = visitor->own;
	if (session) {
		/* The last bytes may have come together with the end. */
		if (!visitor->gone) {
			on_bytes(visitor);
		}
		free(session->message);
		session->message = NULL;
	}
}

/* ---- the station ---- */

static void init(struct station *station)
{
	station->vendor.bytes = on_bytes;
	station->vendor.left = on_left;
}

void station_open(struct station *station)
{
	init(station);
	vendor_open(&station->vendor);
}

void station_open_tls(struct station *station)
{
	init(station);
	vendor_open_tls(&station->vendor, NULL);
}

void station_close(struct station *station)
{
	vendor_close(&station->vendor);
	memset(station, 0, sizeof(*station));
}

const char *station_url(const struct station *station, const char *path)
{
	static char urls[4][256];
	static int turn;
	char *url = urls[turn++ % 4];
	snprintf(url, sizeof(urls[0]), "%s://127.0.0.1:%u%s", station->vendor.tls ? "wss" : "ws",
		station->vendor.port, path);
	return url;
}

struct visitor *station_last(const struct station *station)
{
	return vendor_last(&station->vendor);
}
