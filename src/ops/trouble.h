/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TROUBLE_H
#define TOMBOLO_TROUBLE_H
/*
 * What is wrong at this moment and cost nothing yet, or cannot be counted: the
 * ledger's books are of the past. A clause for each, to stand behind the verdict;
 * it names the place where that is known. Before them what was only noticed, and may be
 * right. Control thread; lanes are only looked at.
 */
#include <stddef.h>

#include "base/clock.h"
#include "ops/view.h"

/* A little over a dozen clauses; what is beyond is told of, not told. */
#define TROUBLE_BYTES 1024

struct trouble {
	char text[TROUBLE_BYTES]; /* "; since ...; now ...; now ...", or "" */
	size_t len;
};

/* Of a relay, first: what came steadily and comes no more. */
void trouble_quiet(struct trouble *t, const struct relay_views *views);
/* A relay's capture; sessions, paths, clocks and certificate of either half. */
void trouble_capture(struct trouble *t, const struct relay_views *views);
void trouble_tunnel(struct trouble *t, struct lane_views lanes, utc_t now);

#endif
