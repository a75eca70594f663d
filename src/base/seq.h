/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SEQ_H
#define TOMBOLO_SEQ_H
/*
 * A channel's tunnel sequence number: 64 bits, starts at 1 in every epoch,
 * never wraps (at 75,000/s it would take 7.8 million years). 0 means "none".
 * Only these functions touch the number inside.
 */
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t n;
} seq_t;

#define SEQ_NONE  ((seq_t){0})
#define SEQ_FIRST ((seq_t){1})

static inline int
seq_cmp(seq_t a, seq_t b)
{
	return a.n < b.n ? -1 : a.n > b.n;
}

static inline bool
seq_before(seq_t a, seq_t b)
{
	return a.n < b.n;
}

/* a + count; saturates, so that a hostile number cannot wrap. */
static inline seq_t
seq_add(seq_t a, uint64_t count)
{
	return (seq_t){count > UINT64_MAX - a.n ? UINT64_MAX : a.n + count};
}

/* How many numbers lie in [from, to); 0 when to is not after from. */
static inline uint64_t
seq_span(seq_t from, seq_t to)
{
	return to.n > from.n ? to.n - from.n : 0;
}

static inline seq_t
seq_max(seq_t a, seq_t b)
{
	return a.n > b.n ? a : b;
}

static inline seq_t
seq_min(seq_t a, seq_t b)
{
	return a.n < b.n ? a : b;
}

#endif
