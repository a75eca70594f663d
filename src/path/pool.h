/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_POOL_H
#define TOMBOLO_POOL_H
/*
 * What the peer holds: datagrams in chains of fixed chunks, all allocated at
 * start, shared by the channels of a lane. A chunk is named by its index, which
 * fits a window's slot. Pure but for pool_new().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/seq.h"

#define POOL_CHUNK_BYTES 2048
#define POOL_NONE        UINT32_MAX

struct pool;

/* What is known of a datagram that is held; kept in its first chunk. */
struct held {
	uint32_t session;
	uint32_t channel; /* index within the session */
	seq_t seq;
	utc_t captured;
	mono_t arrived;
	uint32_t len;
	uint32_t era;  /* counts the epochs of its session */
	uint32_t flow; /* of the quota: where it goes to; ready.h sets it */
	uint32_t next; /* in the queue of what is ready to be emitted */
	bool repaired;
};

struct pool *pool_new(size_t memory_bytes);
void pool_free(struct pool *p);

/* A copy of the payload; POOL_NONE when there is no room. */
uint32_t pool_put(struct pool *p, const struct held *held, const uint8_t *payload);
/* The bookkeeping of a datagram, to be changed in place. */
struct held *pool_held(struct pool *p, uint32_t index);
/* Fills iov (enough entries for the longest datagram: POOL_IOV_MAX), returns their
 * number. Borrowed until pool_drop(). */
size_t pool_iov(const struct pool *p, uint32_t index, struct iovec *iov);
void pool_drop(struct pool *p, uint32_t index);

size_t pool_chunks(const struct pool *p);
size_t pool_free_chunks(const struct pool *p);
size_t pool_memory_bytes(const struct pool *p);

#define POOL_IOV_MAX 34

#endif
