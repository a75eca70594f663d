/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge minus sockets, under a virtual clock: scripts with names, and
 * thousands of random ones.
 *
 *	sim [-v] [-n COUNT]
 *	sim [-v] [-t CHANNEL:NUMBER] -s SEED
 *	sim [-v] -m NAME
 *
 * Without -s and -m: all named scripts, then the seeds 1 to COUNT (2000, or the number
 * in TOMBOLO_SIM_SEEDS). A failure prints its seed and script; -s SEED plays it again,
 * -t tells one datagram's story in it. -m NAME plays one of the named scripts; with
 * -v it also tells what the slowest datagram waited for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "matrix.h"
#include "world.h"

#define ENOUGH 300 /* seeds */

/* Over all seeds: with reordering and duplication, and with little loss. */
struct sums {
	uint64_t repairs, wasted;
	uint64_t repairs_sent, frames_lost;
};

struct choice {
	uint64_t first, count;
	bool verbose;
	const char *name;  /* of the one that is wanted */
	const char *story; /* "channel:number" */
};

static void
add_up(struct sums *sums, const struct world *w)
{
	const struct line *l = &w->script.links[0].line;
	const struct totals *t = &w->totals;

	if (!script_is_plain(&w->script))
		return;
	if (l->reorder > 0 && l->duplicate > 0) {
		sums->repairs += t->repairs;
		sums->wasted += t->wasted;
	}
	if (l->loss[PEER] <= 0.02 && l->reorder == 0) {
		sums->repairs_sent += t->repairs_sent;
		sums->frames_lost += t->frames_lost;
	}
}

static void
print_world(const struct world *w)
{
	const struct totals *t = &w->totals;

	printf("  captured %lu emitted %lu lost %lu; requested %lu (most at once %.0f) "
	       "repairs %lu wasted %lu, lost on the lines %lu; breaker %lu; slowest "
	       "%.3f s, settled after %.3f s, %lu turns\n",
	       t->captured, t->emitted, t->lost, t->requested, w->request_peak,
	       t->repairs_sent, t->wasted, t->frames_lost, t->breaker,
	       (double)w->worst_ns / 1e9, (double)w->settled_ns / 1e9, w->turns);
}

static void
trace(struct world *w, const char *story)
{
	char *end;

	if (story == NULL)
		return;
	w->tracing = true;
	w->trace_channel = (uint16_t)(strtoul(story, &end, 10) + 1);
	w->trace_seq =
		seq_add(SEQ_FIRST, *end == ':' ? strtoull(end + 1, NULL, 10) : 0);
}

static bool
play(uint64_t seed, const struct choice *choice, struct sums *sums)
{
	static struct world w;
	struct script s = script_random(seed);
	bool ok;

	if (choice->verbose)
		script_print(&s);
	world_init(&w, &s);
	trace(&w, choice->story);
	ok = world_run(&w);
	if (!ok) {
		printf("FAILED: %s\n", w.failure);
		if (!choice->verbose)
			script_print(&s);
	}
	if (choice->verbose)
		print_world(&w);
	add_up(sums, &w);
	world_fini(&w);
	return ok;
}

static double
ratio(uint64_t a, uint64_t b)
{
	return b == 0 ? 0 : (double)a / (double)b;
}

/* What single seeds are too small to show, and few of them. */
static unsigned int
judge(const struct sums *s)
{
	/* A few seeds with bad lines outweigh all others below that. */
	bool enough = s->repairs >= 20000;
	double wasted = ratio(s->wasted, s->repairs);
	double each = ratio(s->repairs_sent, s->frames_lost);

	printf("all seeds: %.1f %% of %lu repairs wasted with reordering and duplication; "
	       "%.2f repairs for each of %lu datagrams lost at up to 2 %% loss\n",
	       100 * wasted, s->repairs, each, s->frames_lost);
	if (enough && wasted >= 0.2)
		printf("FAILED: 20 %% of repairs or more were wasted\n");
	if (each > 1.5)
		printf("FAILED: more than 1.5 repairs for a lost datagram\n");
	return (enough && wasted >= 0.2) + (each > 1.5);
}

static int
report(uint64_t checks, uint64_t failed)
{
	printf("%d%%: Checks: %lu, Failures: %lu, Errors: 0\n",
	       checks ? (int)(100 * (checks - failed) / checks) : 100, checks, failed);
	return failed > 0;
}

static int
play_all(const struct choice *choice)
{
	uint64_t checks = 0, failed = 0;
	struct sums sums = {0};
	const char *name;
	bool named = choice->first == 0;

	if (named)
		matrix_print_head();
	for (size_t i = 0; named && (name = matrix_name(i)) != NULL; i++, checks++)
		failed += !matrix_play(name, choice->verbose);
	for (uint64_t i = 0; i < choice->count; i++, checks++)
		failed += !play(i + (named ? 1 : choice->first), choice, &sums);
	if (choice->count >= ENOUGH)
		failed += judge(&sums);
	return report(checks, failed);
}

static bool
parse(int argc, char **argv, struct choice *c)
{
	int opt;

	while ((opt = getopt(argc, argv, "s:n:m:t:v")) != -1) {
		switch (opt) {
		case 's':
			c->first = strtoull(optarg, NULL, 10);
			c->count = 1;
			break;
		case 'n': c->count = strtoull(optarg, NULL, 10); break;
		case 'm': c->name = optarg; break;
		case 't': c->story = optarg; break;
		case 'v': c->verbose = true; break;
		default: return false;
		}
	}
	return optind == argc;
}

int
main(int argc, char **argv)
{
	const char *env = getenv("TOMBOLO_SIM_SEEDS");
	struct choice c = {.count = env != NULL ? strtoull(env, NULL, 10) : 2000};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!parse(argc, argv, &c)) {
		fprintf(stderr, "usage: sim [-v] [-s SEED] [-n COUNT] [-m NAME] "
				"[-t CHANNEL:NUMBER]\n");
		return 2;
	}
	if (c.name == NULL)
		return play_all(&c);
	matrix_print_head();
	return report(1, !matrix_play(c.name, c.verbose));
}
