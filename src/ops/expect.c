/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/expect.h"

#define NS_PER_H     (3600 * NS_PER_S)
#define S_PER_DAY    86400
#define DAYS_IN_WEEK 7
#define EPOCH_DAY    3 /* 1970-01-01 was a Thursday */

const char *
expect_state_name(enum expect_state state)
{
	switch (state) {
	case EXPECT_NONE: return "none";
	case EXPECT_OFF: return "off hours";
	case EXPECT_MEASURED: return "measured";
	case EXPECT_SPEAKS: return "speaks";
	case EXPECT_SILENT: return "silent";
	case EXPECT_UNWANTED: return "not wanted";
	case EXPECT_STATES: break;
	}
	return "unknown";
}

/* ---- hours ---- */

/* a is before 1970 on a host whose clock was never set. */
static int64_t
divide_down(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool
has_day(const struct expect_settings *s, int64_t day)
{
	int64_t of_week = (day + EPOCH_DAY) % DAYS_IN_WEEK;

	return (s->days >> (of_week < 0 ? of_week + DAYS_IN_WEEK : of_week) & 1) != 0;
}

bool
expect_in_hours(const struct expect_settings *s, utc_t now, int64_t local_s)
{
	int64_t zone_s = s->zone_min == ZONE_LOCAL ? local_s : s->zone_min * 60;
	int64_t here_s = divide_down(now.ns, NS_PER_S) + zone_s;
	int64_t day = divide_down(here_s, S_PER_DAY);
	int64_t min = (here_s - day * S_PER_DAY) / 60;
	const struct hours *h = &s->hours;

	if (h->from_min == h->to_min)
		return has_day(s, day);
	if (h->from_min < h->to_min)
		return has_day(s, day) && min >= h->from_min && min < h->to_min;
	return (has_day(s, day) && min >= h->from_min) ||
	       (has_day(s, day - 1) && min < h->to_min);
}

/* ---- intervals ---- */

uint64_t
expect_due(const struct expect_settings *s, int64_t span_ns)
{
	return (uint64_t)((unsigned __int128)s->rate_per_h * (uint64_t)span_ns /
			  NS_PER_H);
}

double
expect_rate_per_s(const struct expect *e, const struct expect_settings *s)
{
	bool nothing = e->state == EXPECT_OFF || e->state == EXPECT_UNWANTED;

	return nothing ? 0 : (double)s->rate_per_h / 3600;
}

static void
begin(struct expect *e, mono_t now, uint64_t captured)
{
	e->since = now;
	e->captured = captured;
}

static enum expect_verdict
leave_hours(struct expect *e)
{
	bool was_silent = e->state == EXPECT_SILENT;

	*e = (struct expect){.state = EXPECT_OFF};
	return was_silent ? EXPECT_EXCUSED : EXPECT_SAME;
}

static enum expect_verdict
judge(struct expect *e, bool enough)
{
	bool was_silent = e->state == EXPECT_SILENT;

	e->state = enough ? EXPECT_SPEAKS : EXPECT_SILENT;
	if (enough == !was_silent)
		return EXPECT_SAME;
	return enough ? EXPECT_SPEAKS_AGAIN : EXPECT_FELL_SILENT;
}

static enum expect_verdict
measure(struct expect *e, const struct expect_settings *s, mono_t now,
	uint64_t captured)
{
	int64_t span_ns = mono_sub(now, e->since);
	uint64_t more = captured - e->captured;
	bool over = span_ns >= s->over_ns;
	/* Whoever speaks again need not wait for the end of the interval. */
	bool enough = more >= expect_due(s, over ? span_ns : s->over_ns);

	if (!over && !(enough && e->state == EXPECT_SILENT))
		return EXPECT_SAME;
	e->measured = more;
	e->measured_ns = span_ns;
	begin(e, now, captured);
	return judge(e, enough);
}

enum expect_verdict
expect_look(struct expect *e, const struct expect_settings *s, struct now now,
	    int64_t local_s, uint64_t captured)
{
	if (s->rate_per_h == 0) {
		*e = (struct expect){.state = EXPECT_NONE};
		return EXPECT_SAME;
	}
	if (!expect_in_hours(s, now.utc, local_s))
		return leave_hours(e);
	switch (e->state) {
	case EXPECT_NONE:
	case EXPECT_OFF:
	case EXPECT_UNWANTED:
		e->state = EXPECT_MEASURED;
		begin(e, now.mono, captured);
		break;
	case EXPECT_MEASURED:
	case EXPECT_SPEAKS:
	case EXPECT_SILENT: return measure(e, s, now.mono, captured);
	case EXPECT_STATES: break;
	}
	return EXPECT_SAME;
}

void
expect_excuse(struct expect *e, const struct expect_settings *s)
{
	*e = (struct expect){.state = s->rate_per_h != 0 ? EXPECT_UNWANTED
							 : EXPECT_NONE};
}
