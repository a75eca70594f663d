/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_TALLY_H
#define TOMBOLO_BENCH_TALLY_H
/* What arrived, and how late: every latency is kept, so percentiles are exact. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mark.h"

struct tally;

/* For `expected` datagrams over so many channels. NULL: no memory. */
struct tally *tally_new(uint64_t expected, unsigned int channels);
void tally_free(struct tally *t);

/* A measured datagram. False when it cannot be one that was sent. */
bool tally_take(struct tally *t, const struct mark *m, int64_t arrived_ns);

/* Each once. */
uint64_t tally_delivered(const struct tally *t);
uint64_t tally_duplicates(const struct tally *t);

/* First arrivals behind one that follows them in their channel (RFC 4737). */
uint64_t tally_reordered(const struct tally *t);

/* Call it before the next two, and take nothing after it. */
void tally_sort(struct tally *t);

/* The nearest rank, of what arrived; 0: nothing did. 0 < percent <= 100. */
int64_t tally_percentile_ns(const struct tally *t, double percent);

/* How many arrived within so long. */
uint64_t tally_within(const struct tally *t, int64_t latency_ns);

#endif
