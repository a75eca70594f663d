/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CURSOR_H
#define TOMBOLO_CURSOR_H
/*
 * The only way to touch wire bytes: a bounded reader and a bounded writer,
 * big-endian by shifts, with a sticky failure bit checked once at the end.
 * A failed read returns 0 (or NULL) and moves nothing; a failed write writes
 * nothing. Both are checked in all builds.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

struct wr {
	uint8_t *p;
	uint8_t *end;
	bool failed;
};

static inline struct rd
rd_init(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	return (struct rd){.p = p, .end = p + len};
}

static inline size_t
rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

/* The next len bytes, borrowed from the buffer, or NULL. */
static inline const uint8_t *
rd_bytes(struct rd *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->failed || rd_left(r) < len) {
		r->failed = true;
		return NULL;
	}
	r->p += len;
	return p;
}

static inline void
rd_skip(struct rd *r, size_t len)
{
	(void)rd_bytes(r, len);
}

static inline uint64_t
rd_be(struct rd *r, size_t width)
{
	const uint8_t *p = rd_bytes(r, width);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < width; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t
rd_u8(struct rd *r)
{
	return (uint8_t)rd_be(r, 1);
}

static inline uint16_t
rd_u16(struct rd *r)
{
	return (uint16_t)rd_be(r, 2);
}

static inline uint32_t
rd_u32(struct rd *r)
{
	return (uint32_t)rd_be(r, 4);
}

static inline uint64_t
rd_u64(struct rd *r)
{
	return rd_be(r, 8);
}

static inline struct wr
wr_init(void *bytes, size_t len)
{
	uint8_t *p = bytes;

	return (struct wr){.p = p, .end = p + len};
}

static inline size_t
wr_left(const struct wr *w)
{
	return (size_t)(w->end - w->p);
}

/* Room for len bytes, to be filled by the caller, or NULL. */
static inline uint8_t *
wr_room(struct wr *w, size_t len)
{
	uint8_t *p = w->p;

	if (w->failed || wr_left(w) < len) {
		w->failed = true;
		return NULL;
	}
	w->p += len;
	return p;
}

static inline void
wr_bytes(struct wr *w, const void *bytes, size_t len)
{
	uint8_t *p = wr_room(w, len);

	if (p != NULL && len > 0)
		memcpy(p, bytes, len);
}

static inline void
wr_be(struct wr *w, uint64_t v, size_t width)
{
	uint8_t *p = wr_room(w, width);

	if (p == NULL)
		return;
	for (size_t i = width; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static inline void
wr_u8(struct wr *w, uint8_t v)
{
	wr_be(w, v, 1);
}

static inline void
wr_u16(struct wr *w, uint16_t v)
{
	wr_be(w, v, 2);
}

static inline void
wr_u32(struct wr *w, uint32_t v)
{
	wr_be(w, v, 4);
}

static inline void
wr_u64(struct wr *w, uint64_t v)
{
	wr_be(w, v, 8);
}

#endif
