/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <stdio.h>

#define PAYLOAD_MAX 400
/* Of the pool and the windows that always suffice for what random lines do. */
#define AMPLE_POOL   (64u << 20)
#define AMPLE_WINDOW 16384
#define AMPLE_NS     (20 * NS_PER_S)

static int64_t
up_to(struct dice *d, int64_t ns)
{
	return (int64_t)dice_below(d, (uint64_t)ns);
}

static void
roll_datagrams(struct dice *d, struct line *l)
{
	static const double losses[] = {0, 0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4};
	double loss = losses[dice_below(d, sizeof losses / sizeof *losses)];

	l->mtu = 1200 + dice_below(d, 201);
	l->loss[RELAY] = dice_chance(d, 0.7) ? loss : 0;
	l->loss[PEER] = loss;
	if (dice_chance(d, 0.4))
		l->burst = 1 + (double)dice_below(d, 5);
	l->reorder = 0.05 * (double)dice_below(d, 3);
	l->reorder_ns = l->delay_ns * 2;
	l->duplicate = 0.05 * (double)dice_below(d, 3);
}

static struct link_script
roll_link(struct dice *d, bool first)
{
	struct link_script l = {
		.line = {.stream = dice_chance(d, 0.4),
			 .delay_ns = 50000 + up_to(d, 5000000),
			 .jitter_ns = dice_chance(d, 0.5) ? 0 : up_to(d, 300000)}};

	if (!l.line.stream)
		roll_datagrams(d, &l.line);
	if (!first)
		l.standby = dice_chance(d, 0.3);
	if (dice_chance(d, 0.3))
		l.line.bytes_per_s = 500000 + dice_below(d, 5000000);
	if (dice_chance(d, 0.5))
		l.cuts = (double)dice_below(d, 8);
	l.unseen = dice_chance(d, 0.5) ? 0 : 0.5;
	if (dice_chance(d, 0.3)) {
		l.blacks = 1 + (double)dice_below(d, 3);
		l.black_ns = 1 + up_to(d, 2 * NS_PER_S);
	}
	return l;
}

static void
roll_limits(struct dice *d, struct script *s)
{
	if (dice_chance(d, 0.2)) {
		s->history_bytes = (256 << 10) + dice_below(d, 1 << 20);
		s->history_age_ns = 20000000 + up_to(d, NS_PER_S);
	}
	if (dice_chance(d, 0.15))
		s->shed_age_ns = 1000000 + up_to(d, 100000000);
	if (dice_chance(d, 0.15))
		s->shed_bytes = 20000 + dice_below(d, 1000000);
	if (dice_chance(d, 0.15))
		s->max_age_ns = 10000000 + up_to(d, 500000000);
	if (dice_chance(d, 0.2)) {
		double each = s->rate / s->channels;

		s->flow_pps =
			100 + (uint64_t)(each * (1.2 + (double)dice_below(d, 30) / 10));
		if (dice_chance(d, 0.5))
			s->total_pps =
				100 +
				(uint64_t)(s->rate *
					   (1.2 + (double)dice_below(d, 30) / 10));
	}
	if (dice_chance(d, 0.3)) {
		s->give_up_ns = AMPLE_NS;
		s->window = AMPLE_WINDOW;
		s->pool_bytes = AMPLE_POOL;
	}
}

static void
roll_troubles(struct dice *d, struct script *s)
{
	if (dice_chance(d, 0.3)) {
		s->stalls = (double)dice_below(d, 10);
		s->stall_ns = 1 + up_to(d, 200 * NS_PER_MS);
	}
	if (dice_chance(d, 0.3))
		s->drops = (double)dice_below(d, 20);
	if (dice_chance(d, 0.1))
		s->refusals = 0.01;
	if (dice_chance(d, 0.3)) {
		s->relay_kills = (double)dice_below(d, 3);
		s->peer_kills = (double)dice_below(d, 3);
		s->peer_terms = (double)dice_below(d, 3);
	}
}

/* One seed in four has operators who are at it. */
static void
roll_changes(struct dice *d, struct script *s)
{
	if (!dice_chance(d, 0.25))
		return;
	s->changes = 1 + (double)dice_below(d, 60);
	if (dice_chance(d, 0.5))
		s->redirects = 1 + (double)dice_below(d, 30);
}

/* Some seeds are about repairs alone, so that their cost can be added up. */
static void
make_plain(struct dice *d, struct script *s)
{
	static const double losses[] = {0.005, 0.01, 0.02, 0.05};
	struct line *l = &s->links[0].line;

	*s = (struct script){
		.seed = s->seed,
		.channels = s->channels,
		.link_count = 1,
		.links = {{.line = {.delay_ns = l->delay_ns}}},
		.rate = 2000 + (double)dice_below(d, 20000),
		.run_ns = NS_PER_S + up_to(d, NS_PER_S),
		.payload_max = PAYLOAD_MAX,
		.history_bytes = 64 << 20,
		.history_age_ns = 100 * NS_PER_S,
		.give_up_ns = AMPLE_NS,
		.window = AMPLE_WINDOW,
		.pool_bytes = AMPLE_POOL,
		.immediate = dice_chance(d, 0.3),
	};
	roll_datagrams(d, l);
	l->loss[RELAY] = l->loss[PEER] =
		losses[dice_below(d, sizeof losses / sizeof *losses)];
}

struct script
script_random(uint64_t seed)
{
	struct dice d = {.state = seed * 0x2545f4914f6cdd1du + 1};
	struct script s = {
		.seed = seed,
		.channels = 1 + (unsigned int)dice_below(&d, SCRIPT_CHANNELS),
		.link_count = dice_chance(&d, 0.5) ? 1 : 2,
		.peer_dials = dice_chance(&d, 0.4),
		.rate = 500 + (double)dice_below(&d, 20000),
		.connect_ns = NS_PER_S / 2,
		.run_ns = NS_PER_S / 2 + up_to(&d, NS_PER_S),
		.payload_max = PAYLOAD_MAX,
		.longs = dice_chance(&d, 0.3) ? 0.02 : 0,
		.history_bytes = 64 << 20,
		.history_age_ns = 100 * NS_PER_S,
		.give_up_ns = 5000000 + up_to(&d, 300000000),
		.reorder_ns = dice_chance(&d, 0.5) ? 0 : up_to(&d, 2000000),
		.window = 64u << dice_below(&d, 9),
		.pool_bytes = 1u << (18 + dice_below(&d, 7)),
		.immediate = dice_chance(&d, 0.3),
	};

	if (s.link_count == 2 && dice_chance(&d, 0.3))
		s.link_count = 3;
	for (unsigned int i = 0; i < s.link_count; i++)
		s.links[i] = roll_link(&d, i == 0);
	roll_limits(&d, &s);
	roll_troubles(&d, &s);
	roll_changes(&d, &s);
	/* As configuration demands. */
	if (s.max_age_ns > 0 && s.max_age_ns <= s.give_up_ns && !s.immediate)
		s.max_age_ns += s.give_up_ns;
	if (seed % 5 == 0)
		make_plain(&d, &s);
	return s;
}

static bool
is_unlimited(const struct script *s)
{
	return s->history_age_ns >= 100 * NS_PER_S && s->history_bytes >= 64 << 20 &&
	       s->shed_age_ns == 0 && s->shed_bytes == 0 &&
	       s->relay_kills + s->peer_kills + s->peer_terms == 0;
}

bool
script_is_lossless(const struct script *s)
{
	bool streams = true, carry = true;

	for (unsigned int i = 0; i < s->link_count; i++) {
		const struct link_script *l = &s->links[i];

		streams &= l->line.stream;
		carry &= l->blacks == 0 && l->line.loss[PEER] <= 0.1 &&
			 l->line.bytes_per_s == 0;
	}
	if (!is_unlimited(s))
		return false;
	if (s->link_count == 1 && streams)
		return true;
	return carry && s->give_up_ns >= AMPLE_NS && s->window >= AMPLE_WINDOW &&
	       s->pool_bytes >= AMPLE_POOL;
}

bool
script_is_plain(const struct script *s)
{
	return s->seed % 5 == 0;
}

static void
print_link(const struct link_script *k)
{
	const struct line *l = &k->line;

	printf("  %s%s: delay %.3f ms jitter %.3f", l->stream ? "stream" : "datagram",
	       k->standby ? " standby" : "", (double)l->delay_ns / 1e6,
	       (double)l->jitter_ns / 1e6);
	if (!l->stream)
		printf(" mtu %zu loss %.3f/%.3f burst %.0f reorder %.2f dup %.2f",
		       l->mtu, l->loss[PEER], l->loss[RELAY], l->burst, l->reorder,
		       l->duplicate);
	printf(" rate %lu B/s cuts %.0f (%.1f unseen) blacks %.0f (%.2f s)",
	       l->bytes_per_s, k->cuts, k->unseen, k->blacks,
	       (double)k->black_ns / 1e9);
	if (k->storm_at_ns > 0)
		printf(" storm of %.2f at %.2f s for %.2f s", k->storm_loss,
		       (double)k->storm_at_ns / 1e9, (double)k->storm_for_ns / 1e9);
	printf("\n");
}

void
script_print(const struct script *s)
{
	printf("seed %lu: %u channels, %.0f/s for %.2f s, longs %.2f, %s dials, stalls "
	       "%.0f kills relay %.0f peer %.0f terms %.0f drops %.0f changes %.0f redirects %.0f "
	       "refusals %.2f, "
	       "history %lu KiB %.2f s, shed %.3f s %lu B, give_up %.3f s reorder %.3f ms "
	       "window %u pool %lu KiB, %s, max_age %.3f s, quota %lu/s of %lu/s\n",
	       s->seed, s->channels, s->rate, (double)s->run_ns / 1e9, s->longs,
	       s->peer_dials ? "peer" : "relay", s->stalls, s->relay_kills,
	       s->peer_kills, s->peer_terms, s->drops, s->changes, s->redirects,
	       s->refusals, s->history_bytes >> 10, (double)s->history_age_ns / 1e9,
	       (double)s->shed_age_ns / 1e9, s->shed_bytes, (double)s->give_up_ns / 1e9,
	       (double)s->reorder_ns / 1e6, s->window, s->pool_bytes >> 10,
	       s->immediate ? "immediate" : "ordered", (double)s->max_age_ns / 1e9,
	       s->flow_pps, s->total_pps);
	for (unsigned int i = 0; i < s->link_count; i++)
		print_link(&s->links[i]);
}
