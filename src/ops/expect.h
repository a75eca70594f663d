/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EXPECT_H
#define TOMBOLO_EXPECT_H
/*
 * Does a channel bring what its `expect` says? It is measured over one interval after
 * the other, within its hours: below the rate in a whole interval it is silent, until
 * it has brought an interval's worth again. Pure: whoever calls says what time it is
 * and what was captured.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "ops/settings.h"

enum expect_state {
	EXPECT_NONE,     /* nothing is expected of the channel */
	EXPECT_OFF,      /* outside its hours */
	EXPECT_MEASURED, /* in its hours, and the first interval is not over */
	EXPECT_SPEAKS,
	EXPECT_SILENT,
	EXPECT_UNWANTED, /* no peer wants it, and so it is not captured */
	EXPECT_STATES
};

/* "none", "off hours", "measured", "speaks", "silent", "not wanted". */
const char *expect_state_name(enum expect_state state);

enum expect_verdict {
	EXPECT_SAME,
	EXPECT_FELL_SILENT,
	EXPECT_SPEAKS_AGAIN,
	EXPECT_EXCUSED /* was silent, and its hours are over */
};

/* Zero-initialise. */
struct expect {
	enum expect_state state;
	mono_t since;        /* when this interval began */
	uint64_t captured;   /* as it was then */
	uint64_t measured;   /* datagrams in the last interval */
	int64_t measured_ns; /* how long that was; 0: none is over yet */
};

/* local_s: what the host's own zone is ahead of UTC now, for ZONE_LOCAL. */
bool expect_in_hours(const struct expect_settings *s, utc_t now, int64_t local_s);

/* Not captured for want of demand: it is measured anew when it is wanted again. */
void expect_excuse(struct expect *e, const struct expect_settings *s);

/* Datagrams that are expected in so long, rounded down. */
uint64_t expect_due(const struct expect_settings *s, int64_t span_ns);

/* What is due now. */
double expect_rate_per_s(const struct expect *e, const struct expect_settings *s);

/* Where the hours end by the wall clock, intervals are told by the other, so that a
 * clock that is set makes nobody silent. captured: ever. */
enum expect_verdict expect_look(struct expect *e, const struct expect_settings *s,
				struct now now, int64_t local_s, uint64_t captured);

#endif
