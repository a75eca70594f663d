/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TEST_FRAME_H
#define TOMBOLO_TEST_FRAME_H
/*
 * Reading and writing capture files for the test tools. The decoder is written
 * a second time here, on purpose and without a look at src/path/decap.c: a
 * judge that shares the code of what it judges cannot find its errors.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_PAYLOAD_MAX 65507

struct frame_datagram {
	uint32_t group;
	uint16_t port;
	int64_t captured_ns; /* of the last fragment, UTC */
	const uint8_t *payload;
	size_t len;
};

struct frame_count {
	uint64_t frames, datagrams;
	uint64_t fragments;
	uint64_t skipped; /* no multicast UDP over IPv4, or cut short */
};

/* Calls visit for each multicast datagram of a capture file, fragments put back
 * together, payload borrowed until return. Returns false, with a line on stderr,
 * when the file cannot be read. */
bool frame_read(const char *file,
		void (*visit)(void *arg, const struct frame_datagram *d), void *arg,
		struct frame_count *count);

struct frame_writer;

struct frame_style {
	unsigned int vlan_count; /* 0..2 */
	uint16_t vlan[2];        /* ids, outermost first */
	size_t mtu;              /* longer IP packets leave in fragments; 0 = never */
	uint32_t source;
	uint16_t source_port;
};

/* A capture file with nanoseconds. NULL, with a line on stderr, on error. */
struct frame_writer *frame_writer_open(const char *file, const struct frame_style *s);
void frame_write(struct frame_writer *w, const struct frame_datagram *d);
/* False when not all could be written. */
bool frame_writer_close(struct frame_writer *w);

#endif
