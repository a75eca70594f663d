/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TEST_MARKET_H
#define TOMBOLO_TEST_MARKET_H
/*
 * A made-up market: channels of unequal weight that speak in bursts, with sizes
 * that are roughly log-normal. The same seed gives the same market, so a test
 * can name what it played. Every payload begins with a mark that says which
 * datagram it is and when it was sent.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARKET_MARK_BYTES   20 /* 'M' 'G', channel, sequence, send time */
#define MARKET_CHANNELS_MAX 4096

struct market_settings {
	uint64_t seed;
	unsigned int channels;
	double rate;                 /* datagrams a second, in the mean */
	size_t size_max;             /* of a payload */
	unsigned int pairs_permille; /* datagrams said twice, byte for byte */
};

struct market_mark {
	uint16_t channel;
	uint64_t sequence; /* within the channel, from 0 */
	int64_t sent_ns;   /* UTC */
};

struct market_datagram {
	struct market_mark mark;
	int64_t due_ns; /* since the market opened */
	size_t len;
};

struct market;

/* NULL: no memory. */
struct market *market_new(const struct market_settings *s);
void market_free(struct market *m);

/* What is said next, and when. mark.sent_ns is due_ns after `opened_ns`; it is the
 * one of the first saying when this is the second of a pair. */
struct market_datagram market_next(struct market *m, int64_t opened_ns);

/* Writes d->len bytes: the mark, and a filler that follows from it. */
void market_payload(const struct market *m, const struct market_datagram *d,
		    uint8_t *payload);

/* False when this is no payload of a market. */
bool market_mark_read(const uint8_t *payload, size_t len, struct market_mark *mark);

#endif
