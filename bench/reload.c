/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload, a choice of join: demand and a greeting take of the lane and of the
 * main thread, by the number of channels: medians of a few runs, in microseconds.
 *
 *	bench/reload [runs]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"

#define RUNS_MAX 99

static const size_t sizes[] = {64, 500, 2000, 4096};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static int64_t took[SIZES][BRIDGE_STEP_COUNT][RUNS_MAX];

static int
compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static double
median_us(int64_t *ns, size_t runs)
{
	qsort(ns, runs, sizeof(*ns), compare);
	return (double)(ns[runs / 2] + ns[(runs - 1) / 2]) / 2000;
}

/* Round by round, so that all sizes see the same state of the machine. */
static void
measure(size_t runs)
{
	int64_t ns[BRIDGE_STEP_COUNT];

	for (size_t run = 0; run < runs; run++) {
		for (size_t i = 0; i < SIZES; i++) {
			bridge_run(sizes[i], ns);
			for (int step = 0; step < BRIDGE_STEP_COUNT; step++)
				took[i][step][run] = ns[step];
		}
	}
}

static void
print_step(enum bridge_step step, size_t runs)
{
	double us[SIZES];

	for (size_t i = 0; i < SIZES; i++)
		us[i] = median_us(took[i][step], runs);
	printf("| %s | %s |", bridge_step_what(step), bridge_step_where(step));
	for (size_t i = 0; i < SIZES; i++)
		printf(" %.0f |", us[i]);
	printf(" %.1f |\n",
	       us[SIZES - 1] / (double)sizes[SIZES - 1] / (us[0] / (double)sizes[0]));
}

int
main(int argc, char **argv)
{
	size_t runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 5;

	if (argc > 2 || runs == 0 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: reload [1 to %d runs]\n", RUNS_MAX);
		return EXIT_FAILURE;
	}
	measure(runs);
	printf("| us of the processor, by channels | thread |");
	for (size_t i = 0; i < SIZES; i++)
		printf(" %zu |", sizes[i]);
	printf(" a channel of %zu, to one of %zu |\n", sizes[SIZES - 1], sizes[0]);
	printf("|---|---|");
	for (size_t i = 0; i <= SIZES; i++)
		printf("---|");
	printf("\n");
	for (int step = 0; step < BRIDGE_STEP_COUNT; step++)
		print_step((enum bridge_step)step, runs);
	return EXIT_SUCCESS;
}
