/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TEST_STREAM_H
#define TOMBOLO_TEST_STREAM_H
/*
 * Two captures of one channel, held against each other. Each payload is given a
 * number, the same for the same bytes (stream_intern()), so a stream is a list of
 * numbers and the comparison is exact: bytes and boundaries.
 */
#include <stddef.h>
#include <stdint.h>

struct intern;

/* NULL: no memory. */
struct intern *intern_new(void);
void intern_free(struct intern *in);

/* The number of these bytes, from 0 in the order of first sight. */
uint32_t intern_payload(struct intern *in, const uint8_t *payload, size_t len);
uint32_t intern_count(const struct intern *in);

struct stream {
	uint32_t *ids;
	size_t count, room;
};

void stream_add(struct stream *s, uint32_t id);
void stream_free(struct stream *s);

struct stream_verdict {
	uint64_t lost;      /* in the source, more often than received */
	uint64_t duplicate; /* received more often than in the source */
	uint64_t extra;     /* received, never in the source */
	uint64_t reordered; /* received after one that follows it (RFC 4737 §3) */
};

/* ids of both are below id_count. */
struct stream_verdict stream_compare(const struct stream *source,
				     const struct stream *received, size_t id_count);

#endif
