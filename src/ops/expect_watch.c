/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/expect_watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/quantity.h"
#include "ops/channel_table.h"
#include "ops/expect.h"
#include "ops/view.h"
#include "path/relay.h"

struct watched {
	struct expect_settings settings;
	struct expect expect;
};

struct expect_watch {
	struct channel_table table; /* of struct watched */
};

struct expect_watch *
expect_watch_new(void)
{
	struct expect_watch *w = calloc(1, sizeof(*w));

	tzset(); /* localtime_r(3) need not */
	if (w != NULL)
		w->table.bytes = sizeof(struct watched);
	return w;
}

void
expect_watch_free(struct expect_watch *w)
{
	if (w == NULL)
		return;
	channel_table_fini(&w->table);
	free(w);
}

static bool
is_same(const struct expect_settings *a, const struct expect_settings *b)
{
	return a->rate_per_h == b->rate_per_h && a->over_ns == b->over_ns &&
	       a->hours.from_min == b->hours.from_min &&
	       a->hours.to_min == b->hours.to_min && a->days == b->days &&
	       a->zone_min == b->zone_min;
}

static void
tell(const struct channel_settings *c, const struct expect *e,
     enum expect_verdict verdict)
{
	char rate[QUANTITY_BYTES];

	quantity_print(QUANTITY_CADENCE, c->expect.rate_per_h, rate);
	switch (verdict) {
	case EXPECT_SAME: break;
	case EXPECT_FELL_SILENT:
		log_line(LOG_LEVEL_WARN, "expect", NULL,
			 "channel %s is silent expected=%s measured=%" PRIu64
			 " within_ms=%lld",
			 c->name, rate, e->measured, e->measured_ns / NS_PER_MS);
		break;
	case EXPECT_SPEAKS_AGAIN:
		log_line(LOG_LEVEL_INFO, "expect", NULL,
			 "channel %s speaks again expected=%s measured=%" PRIu64
			 " within_ms=%lld",
			 c->name, rate, e->measured, e->measured_ns / NS_PER_MS);
		break;
	case EXPECT_EXCUSED:
		log_line(LOG_LEVEL_INFO, "expect", NULL,
			 "channel %s stayed silent until its hours were over "
			 "expected=%s",
			 c->name, rate);
		break;
	}
}

static void
look(struct watched *w, const struct relay_channel *c, struct now now, int64_t local_s)
{
	struct expect_settings due = {.rate_per_h = 0};
	enum expect_verdict verdict;

	if (gauge_get(&c->is_idle)) {
		expect_excuse(&w->expect, &c->settings->expect);
		return;
	}
	if (!gauge_get(&c->is_withdrawn))
		due = c->settings->expect;
	if (!is_same(&w->settings, &due))
		*w = (struct watched){.settings = due};
	verdict = expect_look(&w->expect, &w->settings, now, local_s,
			      counter_get(&c->book.captured));
	tell(c->settings, &w->expect, verdict);
}

static int64_t
read_local_s(utc_t now)
{
	time_t seconds = now.ns / NS_PER_S;
	struct tm here;

	return localtime_r(&seconds, &here) != NULL ? here.tm_gmtoff : 0;
}

void
expect_watch_look(struct expect_watch *w, const struct relay_views *views,
		  struct now now)
{
	int64_t local_s = read_local_s(now.utc);

	for (size_t lane = 0; lane < views->count; lane++) {
		const struct relay *core = views->lanes[lane].core;
		size_t n = relay_channel_count(core);

		/* Where memory is short what is new is not looked at. */
		if (!channel_table_grow(&w->table, views->count, n))
			continue;
		for (size_t i = 1; i < n; i++) /* not the marks */
			look(channel_table_at(&w->table, lane, i),
			     relay_channel(core, i), now, local_s);
	}
}

const struct expect *
expect_watch_at(const struct expect_watch *w, size_t lane, size_t index)
{
	const struct watched *at =
		w != NULL ? channel_table_at(&w->table, lane, index) : NULL;

	return at == NULL || at->expect.state == EXPECT_NONE ? NULL : &at->expect;
}
