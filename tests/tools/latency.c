/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency: what became of the datagrams that `marketgen --live` said, by the
 * capture of a subscriber on the same machine (one clock).
 *
 *   latency [--sent N] [--json] CAPTURE
 *
 *   --sent N   as marketgen told; without it the highest sequences seen are taken,
 *              and what was lost at the very end goes unnoticed
 *
 * Prints sent, received (each once), lost, duplicates, in order (not after one that
 * follows it in its channel) and the latency from send to capture. Exit status 0
 * unless the capture cannot be read: it measures, others judge.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "market.h"
#include "options.h"

struct seen {
	uint8_t *bits; /* by sequence */
	size_t room;   /* in sequences */
	uint64_t next; /* highest seen + 1 */
};

struct measure {
	struct seen channels[MARKET_CHANNELS_MAX];
	int64_t *latencies_ns;
	size_t count, room;
	uint64_t duplicates, in_order, foreign;
};

static void *
resize(void *p, size_t bytes)
{
	p = realloc(p, bytes);
	if (p == NULL)
		options_die("no memory", "for the capture");
	return p;
}

/* Returns false when it had been marked. */
static bool
mark_seen(struct seen *s, uint64_t sequence)
{
	size_t room = s->room == 0 ? 8192 : s->room;
	uint8_t bit = (uint8_t)(1 << sequence % 8);

	while (sequence >= room)
		room *= 2;
	if (room != s->room) {
		s->bits = resize(s->bits, room / 8);
		memset(s->bits + s->room / 8, 0, (room - s->room) / 8);
		s->room = room;
	}
	if (s->bits[sequence / 8] & bit)
		return false;
	s->bits[sequence / 8] |= bit;
	return true;
}

static void
take(void *arg, const struct frame_datagram *d)
{
	struct measure *m = arg;
	struct market_mark mark;
	struct seen *s;

	if (!market_mark_read(d->payload, d->len, &mark) || mark.sequence >> 32 != 0) {
		m->foreign++;
		return;
	}
	s = &m->channels[mark.channel];
	if (!mark_seen(s, mark.sequence)) {
		m->duplicates++;
		return;
	}
	if (mark.sequence >= s->next) {
		s->next = mark.sequence + 1;
		m->in_order++;
	}
	if (m->count == m->room) {
		m->room = m->room == 0 ? 65536 : m->room * 2;
		m->latencies_ns = resize(m->latencies_ns, m->room * sizeof(int64_t));
	}
	m->latencies_ns[m->count++] = d->captured_ns - mark.sent_ns;
}

static int
by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Milliseconds; the nearest rank, so a value that was measured. */
static double
percentile(const struct measure *m, double percent)
{
	size_t rank = (size_t)(percent / 100 * (double)m->count);

	if (m->count == 0)
		return 0;
	return (double)m->latencies_ns[rank < m->count ? rank : m->count - 1] / 1e6;
}

static void
print_table(const struct measure *m, uint64_t sent, uint64_t lost)
{
	printf("sent        %10" PRIu64 "\nreceived    %10zu\nlost        %10" PRIu64
	       "\nin order    %10" PRIu64 "\nduplicates  %10" PRIu64
	       "\nforeign     %10" PRIu64 "\n",
	       sent, m->count, lost, m->in_order, m->duplicates, m->foreign);
	printf("p50         %10.3f ms\np99         %10.3f ms\n"
	       "p99.9       %10.3f ms\nmax         %10.3f ms\n",
	       percentile(m, 50), percentile(m, 99), percentile(m, 99.9),
	       percentile(m, 100));
}

static void
print_json(const struct measure *m, uint64_t sent, uint64_t lost)
{
	printf("{\"sent\": %" PRIu64 ", \"received\": %zu, \"lost\": %" PRIu64
	       ", \"in_order\": %" PRIu64 ", \"duplicates\": %" PRIu64
	       ", \"foreign\": %" PRIu64,
	       sent, m->count, lost, m->in_order, m->duplicates, m->foreign);
	printf(", \"latency_ms\": {\"p50\": %.3f, \"p99\": %.3f, \"p99.9\": %.3f"
	       ", \"max\": %.3f}}\n",
	       percentile(m, 50), percentile(m, 99), percentile(m, 99.9),
	       percentile(m, 100));
}

static void
print_result(struct measure *m, uint64_t sent, bool json)
{
	uint64_t lost = sent > m->count ? sent - m->count : 0;

	if (m->count > 0)
		qsort(m->latencies_ns, m->count, sizeof(int64_t), by_value);
	(json ? print_json : print_table)(m, sent, lost);
}

static uint64_t
highest_seen(const struct measure *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < MARKET_CHANNELS_MAX; i++)
		sum += m->channels[i].next;
	return sum;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"sent", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	struct measure *m = calloc(1, sizeof(*m));
	struct frame_count count;
	uint64_t sent = UINT64_MAX;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's': sent = options_number(optarg, 0, UINT32_MAX); break;
		case 'j': json = true; break;
		default: return 2;
		}
	}
	if (argc - optind != 1)
		options_die("usage", "[--sent N] [--json] CAPTURE");
	if (m == NULL || !frame_read(argv[optind], take, m, &count))
		return 2;
	print_result(m, sent == UINT64_MAX ? highest_seen(m) : sent, json);
	for (size_t i = 0; i < MARKET_CHANNELS_MAX; i++)
		free(m->channels[i].bits);
	free(m->latencies_ns);
	free(m);
	return 0;
}
