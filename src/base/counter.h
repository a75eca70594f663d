/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_COUNTER_H
#define TOMBOLO_COUNTER_H
/*
 * 64-bit counters and gauges with one writer, the lane, and any number of
 * readers (a scrape). Relaxed atomics: the writer pays a plain load and store,
 * a reader never sees a torn value, and nobody waits. Counters never reset.
 */
#include <stdatomic.h>
#include <stdint.h>

typedef struct {
	_Atomic uint64_t v;
} counter_t;

/* A gauge may go down and below zero; the same rules hold. */
typedef struct {
	_Atomic int64_t v;
} gauge_t;

static inline uint64_t
counter_get(const counter_t *c)
{
	return atomic_load_explicit(&c->v, memory_order_relaxed);
}

static inline void
counter_add(counter_t *c, uint64_t n)
{
	atomic_store_explicit(&c->v, counter_get(c) + n, memory_order_relaxed);
}

static inline void
counter_inc(counter_t *c)
{
	counter_add(c, 1);
}

/* For figures that are copied from elsewhere (a kernel's counter). */
static inline void
counter_set(counter_t *c, uint64_t n)
{
	atomic_store_explicit(&c->v, n, memory_order_relaxed);
}

static inline int64_t
gauge_get(const gauge_t *g)
{
	return atomic_load_explicit(&g->v, memory_order_relaxed);
}

static inline void
gauge_set(gauge_t *g, int64_t v)
{
	atomic_store_explicit(&g->v, v, memory_order_relaxed);
}

static inline void
gauge_add(gauge_t *g, int64_t n)
{
	gauge_set(g, gauge_get(g) + n);
}

#endif
