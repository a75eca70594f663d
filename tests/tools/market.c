/* SPDX-License-Identifier: Apache-2.0 */
#include "market.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cursor.h"

#define MARKET_MAGIC 0x4d47 /* "MG" */
#define BURST_MAX    64
#define BURST_GAP_NS 1000
#define SIZE_MEDIAN  120.0 /* of an incremental update */
#define SIZE_SIGMA   0.9

struct market_channel {
	uint64_t next_sequence;
	struct market_datagram last;
	bool say_again;
};

struct market {
	struct market_settings s;
	uint64_t random;
	int64_t due_ns;
	unsigned int burst_left;
	unsigned int channel;
	struct market_channel channels[];
};

/* splitmix64: one word of state, good enough for a market. */
static uint64_t
mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* In (0, 1]. */
static double
uniform(struct market *m)
{
	return (double)((mix(&m->random) >> 11) + 1) / 9007199254740992.0;
}

static unsigned int
below(struct market *m, unsigned int limit)
{
	return (unsigned int)(mix(&m->random) % limit);
}

struct market *
market_new(const struct market_settings *s)
{
	struct market *m = calloc(1, sizeof(*m) + s->channels * sizeof(m->channels[0]));

	if (m == NULL)
		return NULL;
	m->s = *s;
	m->random = s->seed;
	return m;
}

void
market_free(struct market *m)
{
	free(m);
}

static size_t
draw_size(struct market *m)
{
	double normal = sqrt(-2 * log(uniform(m))) * cos(2 * M_PI * uniform(m));
	double size = MARKET_MARK_BYTES + SIZE_MEDIAN * exp(SIZE_SIGMA * normal);

	return size > (double)m->s.size_max ? m->s.size_max : (size_t)size;
}

/* The smaller of two draws: the first channels speak most, as in a real feed. */
static unsigned int
draw_channel(struct market *m)
{
	unsigned int a = below(m, m->s.channels), b = below(m, m->s.channels);

	return a < b ? a : b;
}

/* A burst of n is followed by a pause of n mean gaps, so the mean rate holds. */
static void
move_on(struct market *m)
{
	unsigned int n;

	if (m->burst_left > 0) {
		m->burst_left--;
		m->due_ns += BURST_GAP_NS;
	} else {
		n = uniform(m) < 0.7 ? 1 : 2 + below(m, BURST_MAX - 1);
		m->burst_left = n - 1;
		m->due_ns += (int64_t)(-log(uniform(m)) * n * 1e9 / m->s.rate);
		m->channel = draw_channel(m);
	}
	if (uniform(m) < 0.5)
		m->channel = draw_channel(m);
}

struct market_datagram
market_next(struct market *m, int64_t opened_ns)
{
	struct market_channel *c;

	move_on(m);
	c = &m->channels[m->channel];
	if (c->say_again) {
		c->say_again = false;
		c->last.due_ns = m->due_ns;
		return c->last;
	}
	c->say_again = below(m, 1000) < m->s.pairs_permille;
	c->last = (struct market_datagram){
		.mark = {.channel = (uint16_t)m->channel,
			 .sequence = c->next_sequence++,
			 .sent_ns = opened_ns + m->due_ns},
		.due_ns = m->due_ns,
		.len = draw_size(m),
	};
	return c->last;
}

void
market_payload(const struct market *m, const struct market_datagram *d,
	       uint8_t *payload)
{
	struct wr w = wr_init(payload, d->len);
	uint64_t filler =
		m->s.seed ^ (uint64_t)d->mark.channel << 48 ^ d->mark.sequence;

	wr_u16(&w, MARKET_MAGIC);
	wr_u16(&w, d->mark.channel);
	wr_u64(&w, d->mark.sequence);
	wr_u64(&w, (uint64_t)d->mark.sent_ns);
	while (wr_left(&w) >= 8)
		wr_u64(&w, mix(&filler));
	while (wr_left(&w) > 0)
		wr_u8(&w, (uint8_t)mix(&filler));
}

bool
market_mark_read(const uint8_t *payload, size_t len, struct market_mark *mark)
{
	struct rd r = rd_init(payload, len);
	uint16_t magic = rd_u16(&r);

	mark->channel = rd_u16(&r);
	mark->sequence = rd_u64(&r);
	mark->sent_ns = (int64_t)rd_u64(&r);
	return !r.failed && magic == MARKET_MAGIC &&
	       mark->channel < MARKET_CHANNELS_MAX;
}
