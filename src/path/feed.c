/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 4 of the relay; gets a channel's datagrams from classify, hands them to
 * sequence with a remark; runs on the lane's thread.
 *
 * Two positions are kept, since numbers that go back may be a restart or mere
 * repeats, and which of the two shows only later. A restart remembers where the
 * old numbers had got to, so that an old sender still heard (EOBI), or a second
 * line that lags (then it was no restart), is recognised and makes no gap.
 * Repeats are followed too, in the same place, and when they have run on for long
 * while nothing new came, they are what is sent now: the restart itself was lost.
 */
#include <assert.h>
#include <string.h>

#include "base/cursor.h"
#include "path/feed.h"
#include "path/feed_table.h"

#define NEAR_NUMBERS    1000 /* a repeat may plausibly be this late */
#define RUN_DATAGRAMS   256 /* of repeats, after which they are taken for the present */
#define DOUBT_DATAGRAMS 16  /* in order, after which a near restart is believed */
#define NUMBER_MAX      (1ULL << 62) /* above it no feed counts; keeps sums in range */
#define ROLL_NEAR       (1LL << 24) /* this close to the last number it may roll over */

/* What one datagram says of the sequence. */
struct reading {
	uint64_t number;
	uint64_t count; /* 0: a heartbeat */
	uint8_t session[16];
};

size_t
feed_count(void)
{
	return feed_framing_count;
}

static const struct feed_framing *
row_of(int framing)
{
	assert(framing >= 0 && (size_t)framing < feed_framing_count);
	return &feed_framings[framing];
}

const char *
feed_name(int framing)
{
	return row_of(framing)->name;
}

const char *
feed_help(int framing)
{
	return row_of(framing)->help;
}

int
feed_find(const char *name)
{
	for (size_t i = 0; i < feed_framing_count; i++)
		if (strcmp(feed_framings[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *
feed_verdict_name(enum feed_verdict verdict)
{
	static const char *const names[FEED_VERDICT_COUNT] = {
		[FEED_UNCHECKED] = "unchecked",
		[FEED_FIRST] = "first",
		[FEED_NEXT] = "next",
		[FEED_HEARTBEAT] = "heartbeat",
		[FEED_GAP] = "gap",
		[FEED_REPEAT] = "repeat",
		[FEED_RESET] = "reset",
		[FEED_MALFORMED] = "malformed",
	};

	return names[verdict];
}

static struct feed_result
result(enum feed_verdict verdict, uint64_t missing)
{
	return (struct feed_result){.verdict = verdict, .missing = missing};
}

/* False when the payload ends before the field does. */
static bool
read_field(struct rd rd, const struct feed_field *field, uint64_t *value)
{
	const uint8_t *p;

	rd_skip(&rd, field->at);
	p = rd_bytes(&rd, field->width);
	if (p == NULL)
		return false;
	*value = 0;
	for (size_t i = 0; i < field->width; i++)
		*value = *value << 8 | p[field->little ? field->width - 1U - i : i];
	return true;
}

static const struct feed_mark *
find_mark(const struct feed_framing *row, struct rd rd)
{
	for (size_t i = 0; i < row->mark_count; i++) {
		const struct feed_mark *m = &row->marks[i];
		uint64_t value;

		if (read_field(rd, &m->field, &value) &&
		    (value & m->mask) >= m->lowest && (value & m->mask) <= m->highest)
			return m;
	}
	return NULL;
}

/* False: too short, or a number that cannot be. */
static bool
read_datagram(const struct feed_framing *row, struct rd rd, bool idle,
	      struct reading *reading)
{
	const uint8_t *session;

	if (rd_left(&rd) < row->header_bytes ||
	    !read_field(rd, &row->number, &reading->number) ||
	    reading->number > NUMBER_MAX)
		return false;
	reading->count = !idle;
	if (!idle && row->count.width > 0 &&
	    !read_field(rd, &row->count, &reading->count))
		return false;
	rd_skip(&rd, row->session_at);
	session = rd_bytes(&rd, row->session_bytes);
	if (session == NULL)
		return false;
	memcpy(reading->session, session, row->session_bytes);
	return true;
}

/* Signed distance of numbers, the short way round where they roll over. */
static int64_t
distance(const struct feed_framing *row, uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - from), last = (int64_t)row->last;

	if (last > 0 && d < ROLL_NEAR - last)
		d += last;
	else if (last > 0 && d > last - ROLL_NEAR)
		d -= last;
	return d;
}

static uint64_t
step(const struct feed_framing *row, uint64_t number, uint64_t count)
{
	uint64_t n = number + count;

	return row->last > 0 && n > row->last ? n - row->last : n;
}

/* Whether `other` is where numbers had got to before a restart. */
static bool
remembers_old(const struct feed *f, const struct feed_framing *row)
{
	return f->other != 0 && distance(row, f->next, f->other) > 0;
}

static void
swap_positions(struct feed *f)
{
	uint64_t next = f->next;

	f->next = f->other;
	f->other = next;
	f->run = 0;
	f->doubt = 0;
}

/* Follows the repeats; a step back among them (both lines repeat) is no new run. */
static void
follow_repeats(struct feed *f, const struct feed_framing *row, uint64_t number,
	       uint64_t count)
{
	int64_t ahead = distance(row, f->other, step(row, number, count));

	if (f->run > 0 && ahead <= 0 && ahead > -NEAR_NUMBERS)
		return;
	f->run = ahead > 0 ? f->run + 1 : 1;
	f->other = step(row, number, count);
}

static struct feed_result
restart(struct feed *f, const struct feed_framing *row, uint64_t number, uint64_t count,
	bool near)
{
	f->other = f->next;
	f->next = step(row, number, count);
	f->run = 0;
	f->doubt = near ? DOUBT_DATAGRAMS : 0;
	return result(FEED_RESET, 0);
}

static struct feed_result
place_behind(struct feed *f, const struct feed_framing *row, uint64_t number,
	     uint64_t count, uint64_t behind)
{
	bool near = behind < NEAR_NUMBERS;
	uint64_t least = count > 0 ? count : 1;

	/* `least` behind is the newest datagram once more, or a heartbeat that
	 * carries the last number: no restart, even when it is the first. */
	if (row->restarts && number <= 1 && behind > least && !(near && f->doubt > 0))
		return restart(f, row, number, count, near);
	if (count == 0 || (near && remembers_old(f, row)))
		return result(FEED_REPEAT, 0);
	follow_repeats(f, row, number, count);
	if (f->run < RUN_DATAGRAMS)
		return result(FEED_REPEAT, 0);
	swap_positions(f);
	return result(FEED_RESET, 0);
}

/* At or beyond what was expected. While a restart is in doubt, a number that the
 * old count has passed may as well be a repeat of that. */
static struct feed_result
place_ahead(struct feed *f, const struct feed_framing *row, uint64_t number,
	    uint64_t count, uint64_t ahead)
{
	bool doubt = f->doubt > 0 && remembers_old(f, row);
	struct feed_result gap = {
		.verdict = FEED_GAP, .missing = ahead, .first = f->next};

	f->next = step(row, number, count);
	if (count > 0)
		f->run = 0; /* repeats that were followed were only that */
	if (ahead > 0)
		return doubt ? result(FEED_REPEAT, 0) : gap;
	if (count > 0 && f->doubt > 0)
		f->doubt--;
	return result(FEED_NEXT, 0);
}

static struct feed_result
place(struct feed *f, const struct feed_framing *row, uint64_t number, uint64_t count)
{
	int64_t ahead;

	if (remembers_old(f, row) && distance(row, f->other, number) >= 0)
		swap_positions(f);
	ahead = distance(row, f->next, number);
	if (ahead < 0 && (uint64_t)-ahead >= count)
		return place_behind(f, row, number, count, (uint64_t)-ahead);
	return place_ahead(f, row, number, count, ahead > 0 ? (uint64_t)ahead : 0);
}

static void
start(struct feed *f, const struct feed_framing *row, const struct reading *reading,
      uint64_t next)
{
	*f = (struct feed){.next = next, .started = true};
	memcpy(f->session, reading->session, row->session_bytes);
}

/* Where a heartbeat says that the next message will be. */
static uint64_t
idle_position(const struct feed_framing *row, uint64_t number)
{
	return row->idle == FEED_IDLE_LAST ? step(row, number, 1) : number;
}

static struct feed_result
begin(struct feed *f, const struct feed_framing *row, const struct reading *reading)
{
	bool again = f->started;

	if (reading->count > 0) {
		start(f, row, reading, step(row, reading->number, reading->count));
		return result(again ? FEED_RESET : FEED_FIRST, 0);
	}
	start(f, row, reading, idle_position(row, reading->number));
	f->started = row->idle != FEED_IDLE_UNSURE;
	return result(again ? FEED_RESET : FEED_HEARTBEAT, 0);
}

static struct feed_result
check_idle(struct feed *f, const struct feed_framing *row, uint64_t number)
{
	struct feed_result r = place(f, row, idle_position(row, number), 0);

	if (r.verdict != FEED_RESET)
		r.verdict = FEED_HEARTBEAT;
	else if (row->idle == FEED_IDLE_UNSURE)
		f->started = false;
	return r;
}

static struct feed_result
check_reading(struct feed *f, const struct feed_framing *row, const struct reading *r)
{
	if (row->zero_unused && r->number == 0)
		return result(r->count > 0 ? FEED_UNCHECKED : FEED_HEARTBEAT, 0);
	if (!f->started || memcmp(f->session, r->session, row->session_bytes) != 0)
		return begin(f, row, r);
	if (r->count == 0)
		return check_idle(f, row, r->number);
	return place(f, row, r->number, r->count);
}

struct feed_result
feed_check(struct feed *f, int framing, const uint8_t *payload, size_t len)
{
	const struct feed_framing *row = row_of(framing);
	struct rd rd = rd_init(payload, len);
	const struct feed_mark *mark;
	struct reading reading;

	if (row->number.width == 0)
		return result(FEED_UNCHECKED, 0);
	mark = find_mark(row, rd);
	if (mark != NULL && mark->says == FEED_MARK_FOREIGN)
		return result(FEED_UNCHECKED, 0);
	if (mark != NULL && mark->says == FEED_MARK_IDLE && row->idle == FEED_IDLE_MUTE)
		return result(FEED_HEARTBEAT, 0);
	if (!read_datagram(row, rd, mark != NULL && mark->says == FEED_MARK_IDLE,
			   &reading))
		return result(FEED_MALFORMED, 0);
	if (mark != NULL && mark->says == FEED_MARK_RESET) {
		*f = (struct feed){0};
		return result(FEED_RESET, 0);
	}
	return check_reading(f, row, &reading);
}
