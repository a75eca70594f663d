/* SPDX-License-Identifier: Apache-2.0 */
#include "path/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct head {
	uint32_t more;    /* next chunk of this datagram, or of the free list */
	struct held held; /* in the first chunk of a datagram only */
};

#define FIRST_BYTES (POOL_CHUNK_BYTES - sizeof(struct head))
#define MORE_BYTES  (POOL_CHUNK_BYTES - sizeof(uint64_t))

struct chunk {
	union {
		struct {
			struct head head;
			uint8_t bytes[FIRST_BYTES];
		} first;
		struct {
			uint64_t more;
			uint8_t bytes[MORE_BYTES];
		} rest;
	};
};

_Static_assert(sizeof(struct chunk) == POOL_CHUNK_BYTES, "chunk size");
_Static_assert(FIRST_BYTES + (POOL_IOV_MAX - 1) * MORE_BYTES >= 65507,
	       "the longest datagram fits POOL_IOV_MAX pieces");

struct pool {
	struct chunk *chunks;
	uint32_t count;
	uint32_t free_head;
	uint32_t free_count;
	uint32_t unused; /* chunks from here on were never touched */
};

struct pool *
pool_new(size_t memory_bytes)
{
	struct pool *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->count = (uint32_t)(memory_bytes / sizeof *p->chunks);
	p->chunks = malloc((size_t)p->count * sizeof *p->chunks);
	p->free_head = POOL_NONE;
	p->free_count = p->count;
	if (p->chunks == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	free(p->chunks);
	free(p);
}

static uint32_t *
more(struct pool *p, uint32_t index)
{
	return &p->chunks[index].first.head.more;
}

static uint32_t
take(struct pool *p)
{
	uint32_t index = p->free_head;

	assert(p->free_count > 0);
	p->free_count--;
	if (index == POOL_NONE)
		return p->unused++;
	p->free_head = *more(p, index);
	return index;
}

static size_t
chunks_for(size_t len)
{
	return len <= FIRST_BYTES
		       ? 1
		       : 1 + (len - FIRST_BYTES + MORE_BYTES - 1) / MORE_BYTES;
}

uint32_t
pool_put(struct pool *p, const struct held *held, const uint8_t *payload)
{
	size_t left = held->len, n;
	uint32_t first, at;

	if (chunks_for(left) > p->free_count)
		return POOL_NONE;
	first = at = take(p);
	p->chunks[at].first.head.held = *held;
	n = left < FIRST_BYTES ? left : FIRST_BYTES;
	if (n > 0)
		memcpy(p->chunks[at].first.bytes, payload, n);
	for (left -= n, payload += n; left > 0; left -= n, payload += n) {
		uint32_t next = take(p);

		*more(p, at) = next;
		at = next;
		n = left < MORE_BYTES ? left : MORE_BYTES;
		memcpy(p->chunks[at].rest.bytes, payload, n);
	}
	*more(p, at) = POOL_NONE;
	return first;
}

struct held *
pool_held(struct pool *p, uint32_t index)
{
	return &p->chunks[index].first.head.held;
}

size_t
pool_iov(const struct pool *p, uint32_t index, struct iovec *iov)
{
	const struct chunk *c = &p->chunks[index];
	size_t left = c->first.head.held.len, n;
	size_t count = 0;

	n = left < FIRST_BYTES ? left : FIRST_BYTES;
	iov[count++] = (struct iovec){(void *)c->first.bytes, n};
	for (left -= n; left > 0; left -= n) {
		c = &p->chunks[c->first.head.more];
		n = left < MORE_BYTES ? left : MORE_BYTES;
		iov[count++] = (struct iovec){(void *)c->rest.bytes, n};
	}
	return count;
}

void
pool_drop(struct pool *p, uint32_t index)
{
	while (index != POOL_NONE) {
		uint32_t next = *more(p, index);

		*more(p, index) = p->free_head;
		p->free_head = index;
		p->free_count++;
		index = next;
	}
}

size_t
pool_chunks(const struct pool *p)
{
	return p->count;
}

size_t
pool_free_chunks(const struct pool *p)
{
	return p->free_count;
}

size_t
pool_memory_bytes(const struct pool *p)
{
	return (size_t)p->count * sizeof *p->chunks;
}
