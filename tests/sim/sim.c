/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge minus sockets, under a virtual clock, for thousands of seeds.
 *
 *	sim [-s SEED] [-n COUNT] [-v]
 *
 * Without -s the seeds are 1 to COUNT (default 2000, or TOMBOLO_SIM_SEEDS). A
 * failure prints its seed and script; -s SEED plays it again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "world.h"

static bool
play(uint64_t seed, bool verbose)
{
	static struct world w;
	struct script s = script_random(seed);
	bool ok;

	if (verbose)
		script_print(&s);
	world_init(&w, &s);
	ok = world_run(&w);
	if (!ok) {
		printf("FAILED: %s\n", w.failure);
		if (!verbose)
			script_print(&s);
	}
	world_fini(&w);
	return ok;
}

int
main(int argc, char **argv)
{
	const char *env = getenv("TOMBOLO_SIM_SEEDS");
	uint64_t count = env != NULL ? strtoull(env, NULL, 10) : 2000, first = 1;
	uint64_t failed = 0;
	bool verbose = false;
	int opt;

	while ((opt = getopt(argc, argv, "s:n:v")) != -1) {
		switch (opt) {
		case 's':
			first = strtoull(optarg, NULL, 10);
			count = 1;
			break;
		case 'n': count = strtoull(optarg, NULL, 10); break;
		case 'v': verbose = true; break;
		default:
			fprintf(stderr, "usage: sim [-s SEED] [-n COUNT] [-v]\n");
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t i = 0; i < count; i++)
		failed += !play(first + i, verbose);
	printf("%d%%: Checks: %lu, Failures: %lu, Errors: 0\n",
	       count ? (int)(100 * (count - failed) / count) : 100, count, failed);
	return failed > 0;
}
