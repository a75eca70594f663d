/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "path/feed.h"
#include "suite.h"

#define LAST_U32 0xffffffffULL

enum idle { IDLE_NONE, IDLE_COUNT, IDLE_MARKED };

/* The framings once more, written down apart from the table under test: where
 * things are, and which byte makes a datagram an ordinary one. */
struct kind {
	const char *name;
	size_t header;
	struct place {
		size_t at, width;
		bool little;
	} number, count;
	struct place session;
	struct {
		size_t at;
		uint8_t value;
	} ordinary;
	enum idle idle; /* heartbeats: none, by count 0, by a type */
	bool idle_last; /* they carry the last number, not the next */
	bool restarts, rolls;
};

#define LE(...)                   \
	{                         \
		__VA_ARGS__, true \
	}
#define BE(...)                    \
	{                          \
		__VA_ARGS__, false \
	}

static const struct kind kinds[] = {
	{"moldudp64", 20, BE(10, 8), BE(18, 2), BE(0, 10), {0, 0}, IDLE_COUNT, 0, 0, 0},
	{"omd", 16, LE(4, 4), LE(2, 1), LE(0, 0), {0, 0}, IDLE_COUNT, 1, 1, 0},
	{"eobi", 32, LE(8, 4), LE(0, 0), LE(0, 0), {0, 1}, IDLE_NONE, 0, 1, 0},
	{"gtp", 8, LE(4, 4), LE(2, 1), LE(0, 0), {0, 0}, IDLE_COUNT, 0, 1, 0},
	{"optiq", 16, LE(8, 4), LE(0, 0), LE(0, 0), {0, 0}, IDLE_NONE, 0, 1, 0},
	{"mdp3", 12, LE(0, 4), LE(0, 0), LE(0, 0), {11, 0}, IDLE_NONE, 0, 1, 0},
	{"umdf", 16, LE(4, 4), LE(0, 0), LE(2, 2), {0, 0}, IDLE_NONE, 0, 1, 0},
	{"xdp", 16, LE(4, 4), LE(3, 1), LE(0, 0), {2, 11}, IDLE_COUNT, 0, 1, 0},
	{"pitch", 8, LE(4, 4), LE(2, 1), LE(3, 1), {0, 0}, IDLE_COUNT, 0, 1, 1},
	{"memx", 20, BE(10, 8), BE(18, 2), BE(2, 8), {0, 2}, IDLE_MARKED, 1, 0, 0},
	{"iextp", 40, LE(24, 8), LE(14, 2), LE(8, 4), {0, 1}, IDLE_COUNT, 0, 1, 0},
	{"opra", 21, BE(6, 4), BE(10, 1), BE(0, 0), {4, ' '}, IDLE_MARKED, 1, 1, 1},
	{"cta", 20, BE(5, 4), BE(9, 1), BE(0, 0), {4, 'O'}, IDLE_MARKED, 1, 1, 1},
	{"impact", 16, BE(2, 4), BE(6, 2), BE(0, 2), {15, 0}, IDLE_COUNT, 0, 1, 0},
	{"coinbase", 20, LE(8, 8), LE(19, 1), LE(0, 0), {0, 0}, IDLE_COUNT, 0, 0, 0},
	{"flex", 26, BE(2, 4), BE(0, 0), BE(1, 1), {0, 0}, IDLE_NONE, 0, 1, 0},
	{"otc", 12, BE(2, 4), BE(7, 1), BE(0, 0), {6, 0}, IDLE_COUNT, 0, 1, 0},
};

#define KINDS       (sizeof(kinds) / sizeof(kinds[0]))
#define PAYLOAD_LEN 64

static void
set(uint8_t *payload, const struct place *p, uint64_t value)
{
	for (size_t i = 0; i < p->width; i++, value >>= 8)
		payload[p->little ? p->at + i : p->at + p->width - 1 - i] =
			(uint8_t)value;
}

struct checker {
	struct feed feed;
	const struct kind *k;
	int framing;
	uint64_t session;
	uint8_t payload[PAYLOAD_LEN];
};

static struct checker
checker_of(const struct kind *k)
{
	struct checker c = {.k = k, .framing = feed_find(k->name), .session = 77};

	ck_assert_int_gt(c.framing, 0);
	return c;
}

static struct checker
checker_named(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return checker_of(&kinds[i]);
	ck_abort_msg("no such kind");
}

static void
prepare(struct checker *c, uint64_t number, uint64_t count)
{
	memset(c->payload, 0, sizeof(c->payload));
	set(c->payload, &c->k->session, c->session);
	set(c->payload, &c->k->number, number);
	set(c->payload, &c->k->count, count);
	if (c->k->ordinary.value != 0)
		c->payload[c->k->ordinary.at] = c->k->ordinary.value;
}

static struct feed_result
check(struct checker *c)
{
	return feed_check(&c->feed, c->framing, c->payload, sizeof(c->payload));
}

static struct feed_result
see(struct checker *c, uint64_t number, uint64_t count)
{
	prepare(c, number, count);
	return check(c);
}

static struct feed_result
see_heartbeat(struct checker *c, uint64_t next)
{
	uint64_t number = next - c->k->idle_last;

	if (c->k->rolls && number == 0)
		number = LAST_U32;
	prepare(c, number, 0);
	if (c->k->idle == IDLE_MARKED && strcmp(c->k->name, "memx") == 0) {
		c->payload[0] = 0;
		return feed_check(&c->feed, c->framing, c->payload, 18);
	}
	if (c->k->idle == IDLE_MARKED) {
		set(c->payload, &c->k->count, 1);
		memcpy(c->payload + 22, c->k->header == 21 ? "HN" : "CT", 2);
	}
	return check(c);
}

static void
expect(const struct kind *k, struct feed_result r, enum feed_verdict verdict,
       uint64_t missing)
{
	ck_assert_msg(r.verdict == verdict && r.missing == missing,
		      "%s: %s, %llu missing, wanted %s, %llu", k->name,
		      feed_verdict_name(r.verdict), (unsigned long long)r.missing,
		      feed_verdict_name(verdict), (unsigned long long)missing);
}

/* How many messages a datagram may have: 1 where the framing does not count. */
static uint64_t
at_most(const struct kind *k, uint64_t count)
{
	return k->count.width > 0 ? count : 1;
}

START_TEST(table)
{
	ck_assert_uint_eq(feed_count(), KINDS + 1);
	ck_assert_str_eq(feed_name(0), "none");
	ck_assert_int_eq(feed_find("none"), 0);
	ck_assert_int_eq(feed_find("krx"), -1);
	for (int i = 0; i < (int)feed_count(); i++) {
		ck_assert_int_eq(feed_find(feed_name(i)), i);
		ck_assert_uint_gt(strlen(feed_help(i)), 10);
	}
	for (int i = 0; i < FEED_VERDICT_COUNT; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(feed_verdict_name((enum feed_verdict)i),
					 feed_verdict_name((enum feed_verdict)j));
}
END_TEST

START_TEST(none_is_unchecked)
{
	struct feed f = {0};
	struct feed_result r = feed_check(&f, 0, (const uint8_t *)"", 0);

	ck_assert_int_eq(r.verdict, FEED_UNCHECKED);
	ck_assert(!f.started);
}
END_TEST

START_TEST(in_order)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);
		uint64_t n = 1000;

		for (uint64_t step = 0; step < 20; step++) {
			uint64_t count = at_most(c.k, 1 + step % 5);

			expect(c.k, see(&c, n, count), step ? FEED_NEXT : FEED_FIRST,
			       0);
			n += count;
		}
	}
}
END_TEST

START_TEST(gaps_and_repeats)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);
		uint64_t two = at_most(c.k, 2);

		expect(c.k, see(&c, 1000, two), FEED_FIRST, 0);
		expect(c.k, see(&c, 1000 + two + 7, two), FEED_GAP, 7);
		expect(c.k, see(&c, 1000 + two + 7, two), FEED_REPEAT, 0);
		expect(c.k, see(&c, 1000, two), FEED_REPEAT, 0);
		expect(c.k, see(&c, 1000 + two, 1), FEED_REPEAT, 0); /* late */
		expect(c.k, see(&c, 1007 + 2 * two, two), FEED_NEXT, 0);
		if (two == 1)
			continue;
		/* grouped otherwise on the other line: the second half is new */
		expect(c.k, see(&c, 1012, 2), FEED_NEXT, 0);
		expect(c.k, see(&c, 1014, 1), FEED_NEXT, 0);
	}
}
END_TEST

/* The first datagram twice is a repeat; number 1 later on is a restart. */
START_TEST(restart)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);
		enum feed_verdict back = c.k->restarts ? FEED_RESET : FEED_REPEAT;

		expect(c.k, see(&c, 1, 1), FEED_FIRST, 0);
		expect(c.k, see(&c, 1, 1), FEED_REPEAT, 0);
		for (uint64_t n = 2; n < 5000; n++)
			expect(c.k, see(&c, n, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 1, 1), back, 0);
		if (!c.k->restarts)
			continue;
		expect(c.k, see(&c, 2, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 5, 1), FEED_GAP, 2);
		/* the old sender is still heard, then the new one again */
		expect(c.k, see(&c, 5000, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 6, 1), FEED_REPEAT, 0);
		expect(c.k, see(&c, 5001, 1), FEED_NEXT, 0);
		/* and new numbers pass the old ones */
		expect(c.k, see(&c, 1, 1), FEED_RESET, 0);
		for (uint64_t n = 2; n < 6000; n++)
			expect(c.k, see(&c, n, 1), FEED_NEXT, 0);
	}
}
END_TEST

/* Number 1 soon after itself: a restart, or a second line that lags and loses? */
START_TEST(restart_in_doubt)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);

		if (!c.k->restarts)
			continue;
		for (uint64_t n = 1; n < 30; n++)
			see(&c, n, 1);
		expect(c.k, see(&c, 1, 1), FEED_RESET, 0);
		expect(c.k, see(&c, 2, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 12, 1), FEED_REPEAT, 0);
		expect(c.k, see(&c, 30, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 15, 1), FEED_REPEAT, 0);
		expect(c.k, see(&c, 1, 1), FEED_RESET, 0);
		expect(c.k, see(&c, 1, 1), FEED_REPEAT, 0);
		for (uint64_t n = 2; n < 18; n++)
			expect(c.k, see(&c, n, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 20, 1), FEED_GAP, 2); /* by now believed */
	}
}
END_TEST

/* When number 1 was lost there is no telling a restart from repeats at first. */
START_TEST(restart_unseen)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);

		expect(c.k, see(&c, 500000, 1), FEED_FIRST, 0);
		expect(c.k, see(&c, 499999, 1), FEED_REPEAT, 0);
		for (uint64_t n = 2; n < 2 + 255; n++) {
			expect(c.k, see(&c, n, 1), FEED_REPEAT, 0);
			expect(c.k, see(&c, n, 1), FEED_REPEAT, 0);
		}
		expect(c.k, see(&c, 257, 1), FEED_RESET, 0);
		expect(c.k, see(&c, 258, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 261, 1), FEED_GAP, 2);
		/* had it been a long replay after all: no gap */
		expect(c.k, see(&c, 500001, 1), FEED_NEXT, 0);
		/* and the same while an older count is still remembered */
		see(&c, 1, 1);
		see(&c, 2000, 1);
		for (uint64_t n = 2; n < 2 + 255; n++)
			expect(c.k, see(&c, n, 1), FEED_REPEAT, 0);
		expect(c.k, see(&c, 257, 1), FEED_RESET, 0);
	}
}
END_TEST

START_TEST(new_session)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);

		if (c.k->session.width == 0)
			continue;
		expect(c.k, see(&c, 1000, 1), FEED_FIRST, 0);
		c.session++;
		expect(c.k, see(&c, 1, 1), FEED_RESET, 0);
		expect(c.k, see(&c, 2, 1), FEED_NEXT, 0);
		c.session++;
		expect(c.k, see(&c, 9000, 1), FEED_RESET, 0);
		expect(c.k, see(&c, 9002, 1), FEED_GAP, 1);
	}
}
END_TEST

START_TEST(heartbeats)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);
		bool unsure = strcmp(c.k->name, "xdp") == 0 ||
			      strcmp(c.k->name, "impact") == 0;

		if (c.k->idle == IDLE_NONE)
			continue;
		expect(c.k, see_heartbeat(&c, 1000), FEED_HEARTBEAT, 0);
		ck_assert_int_eq(c.feed.started, !unsure);
		expect(c.k, see(&c, 1000, 2), unsure ? FEED_FIRST : FEED_NEXT, 0);
		expect(c.k, see_heartbeat(&c, 1002), FEED_HEARTBEAT, 0);
		expect(c.k, see_heartbeat(&c, 1002), FEED_HEARTBEAT, 0);
		/* the tail was lost: told once */
		expect(c.k, see_heartbeat(&c, 1007), FEED_HEARTBEAT, 5);
		expect(c.k, see_heartbeat(&c, 1007), FEED_HEARTBEAT, 0);
		expect(c.k, see(&c, 1007, 1), FEED_NEXT, 0);
		/* the other line's lags */
		expect(c.k, see_heartbeat(&c, 1001), FEED_HEARTBEAT, 0);
		expect(c.k, see(&c, 1008, 1), FEED_NEXT, 0);
	}
}
END_TEST

/* xdp and impact: either reading of a heartbeat makes no gap of its own. */
START_TEST(heartbeats_in_doubt)
{
	static const char *const names[] = {"xdp", "impact"};

	for (size_t i = 0; i < 2; i++) {
		struct checker c = checker_named(names[i]);

		expect(c.k, see_heartbeat(&c, 9), FEED_HEARTBEAT, 0);
		expect(c.k, see(&c, 10, 1), FEED_FIRST, 0);
		expect(c.k, see_heartbeat(&c, 10), FEED_HEARTBEAT, 0);
		expect(c.k, see(&c, 11, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, 1, 1), FEED_RESET, 0);
		expect(c.k, see_heartbeat(&c, 1), FEED_HEARTBEAT, 0);
		expect(c.k, see(&c, 2, 1), FEED_NEXT, 0);
	}
}
END_TEST

/* As IEX does: a restart that only a heartbeat tells. */
START_TEST(restart_by_heartbeat)
{
	struct checker c = checker_named("iextp");

	expect(c.k, see(&c, 28140, 1), FEED_FIRST, 0);
	expect(c.k, see_heartbeat(&c, 1), FEED_RESET, 0);
	expect(c.k, see_heartbeat(&c, 1), FEED_HEARTBEAT, 0);
	expect(c.k, see(&c, 1, 3), FEED_NEXT, 0);
	expect(c.k, see(&c, 5, 1), FEED_GAP, 1);

	c = checker_named("xdp");
	expect(c.k, see(&c, 28140, 1), FEED_FIRST, 0);
	expect(c.k, see_heartbeat(&c, 1), FEED_RESET, 0);
	expect(c.k, see(&c, 2, 1), FEED_FIRST, 0);
}
END_TEST

START_TEST(rollover)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);

		if (!c.k->rolls)
			continue;
		expect(c.k, see(&c, LAST_U32 - 3, 2), FEED_FIRST, 0);
		expect(c.k, see(&c, LAST_U32 - 1, 2), FEED_NEXT, 0);
		expect(c.k, see_heartbeat(&c, 1), FEED_HEARTBEAT, 0);
		expect(c.k, see(&c, 1, 1), FEED_NEXT, 0);
		expect(c.k, see(&c, LAST_U32 - 1, 2), FEED_REPEAT, 0);
		expect(c.k, see(&c, 4, 1), FEED_GAP, 2);

		c = checker_of(&kinds[i]);
		expect(c.k, see(&c, LAST_U32 - 3, 2), FEED_FIRST, 0);
		expect(c.k, see(&c, 3, 2), FEED_GAP, 4);
		expect(c.k, see(&c, 5, 1), FEED_NEXT, 0);
	}
}
END_TEST

START_TEST(too_short)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);

		for (size_t len = 0; len <= c.k->header; len++) {
			uint8_t *exact =
				malloc(len + 1); /* for the address sanitizer */
			struct feed_result r;

			ck_assert_ptr_nonnull(exact);
			prepare(&c, 5, 1);
			memcpy(exact, c.payload, len);
			r = feed_check(&c.feed, c.framing, exact, len);
			expect(c.k, r, len < c.k->header ? FEED_MALFORMED : FEED_FIRST,
			       0);
			free(exact);
		}
	}
}
END_TEST

START_TEST(numbers_that_cannot_be)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct checker c = checker_of(&kinds[i]);

		if (c.k->number.width < 8)
			continue;
		expect(c.k, see(&c, 5, 1), FEED_FIRST, 0);
		expect(c.k, see(&c, UINT64_MAX, 1), FEED_MALFORMED, 0);
		expect(c.k, see(&c, (1ULL << 62) + 1, 1), FEED_MALFORMED, 0);
		expect(c.k, see(&c, 6, 1), FEED_NEXT, 0);
	}
}
END_TEST

/* A byte (or two) that makes of an ordinary datagram something else. */
START_TEST(marks)
{
	static const struct {
		const char *name;
		size_t at;
		const char *bytes;
		size_t len;
		enum feed_verdict verdict;
	} cases[] = {
		{"moldudp64", 18, "\xff\xff", 2, FEED_HEARTBEAT}, /* end of session */
		{"omd", 18, "\x64\0", 2, FEED_RESET},
		{"eobi", 0, "\xc0\xf8", 2, FEED_HEARTBEAT},
		{"umdf", 4, "\0\0\0\0", 4, FEED_UNCHECKED},
		{"pitch", 4, "\0\0\0\0", 4, FEED_UNCHECKED},
		{"xdp", 2, "\x0c", 1, FEED_RESET},
		{"xdp", 2, "\x0d", 1, FEED_UNCHECKED},
		{"xdp", 2, "\x15", 1, FEED_UNCHECKED},
		{"xdp", 2, "\x01", 1, FEED_HEARTBEAT},
		{"memx", 0, "\x01", 1, FEED_HEARTBEAT},
		{"opra", 4, "V", 1, FEED_UNCHECKED},
		{"opra", 22, "HK", 2, FEED_RESET},
		{"cta", 4, "V", 1, FEED_UNCHECKED},
		{"cta", 22, "CL", 2, FEED_RESET},
		{"otc", 6, "\x02", 1, FEED_RESET},
		{"otc", 6, "\x03", 1, FEED_RESET},
		{"otc", 6, "\x01", 1, FEED_HEARTBEAT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct checker c = checker_named(cases[i].name);
		bool reset = cases[i].verdict == FEED_RESET;

		expect(c.k, see(&c, 500, 1), FEED_FIRST, 0);
		prepare(&c, 501 - c.k->idle_last, 1);
		memcpy(c.payload + cases[i].at, cases[i].bytes, cases[i].len);
		expect(c.k, check(&c), cases[i].verdict, 0);
		/* after a reset any number will do, also a greater one */
		expect(c.k, see(&c, reset ? 9000 : 501, 1),
		       reset ? FEED_FIRST : FEED_NEXT, 0);
	}
}
END_TEST

/* The technical heartbeat of EOBI is a line test without a header. */
START_TEST(eobi_line_test)
{
	struct checker c = checker_named("eobi");
	struct feed_result r;

	r = feed_check(&c.feed, c.framing, (const uint8_t *)"\xc0\xf8", 2);
	expect(c.k, r, FEED_HEARTBEAT, 0);
	ck_assert(!c.feed.started);
}
END_TEST

START_TEST(pitch_idle_out_of_hours)
{
	struct checker c = checker_named("pitch");

	expect(c.k, see(&c, 500, 1), FEED_FIRST, 0);
	prepare(&c, 0, 0);
	expect(c.k, check(&c), FEED_HEARTBEAT, 0);
	expect(c.k, see(&c, 501, 1), FEED_NEXT, 0);
}
END_TEST

/* ---- properties ---- */

static unsigned int
seed_random(const char *what)
{
	const char *given = getenv("TOMBOLO_SEED");
	unsigned int seed =
		given != NULL ? (unsigned int)strtoul(given, NULL, 0) : 1603;

	printf("check_feed: %s TOMBOLO_SEED=%u\n", what, seed);
	srandom(seed);
	return seed;
}

static uint64_t
random_below(uint64_t n)
{
	return (uint64_t)random() % n;
}

/* A feed as sent: which datagram has which numbers. */
struct sender {
	const struct kind *k;
	uint64_t next;
	struct {
		uint64_t number, count;
	} recent[16];
	size_t sent;
};

static uint64_t
roll(const struct kind *k, uint64_t n)
{
	return k->rolls && n > LAST_U32 ? n - LAST_U32 : n;
}

static uint64_t
send_one(struct sender *s)
{
	uint64_t count = at_most(s->k, 1 + random_below(6));

	s->recent[s->sent % 16].number = s->next;
	s->recent[s->sent++ % 16].count = count;
	s->next = roll(s->k, s->next + count);
	return count;
}

static struct feed_result
see_recent(struct checker *c, const struct sender *s, size_t back)
{
	size_t i = (s->sent - 1 - back) % 16;

	return see(c, s->recent[i].number, s->recent[i].count);
}

/* What is told missing is what was lost, to the message: whatever is repeated,
 * whenever heartbeats come, across a rollover. Repeats are of what was seen: one of
 * what was lost would fill the hole, and rightly is not told. */
static void
run_with_losses(const struct kind *k)
{
	struct checker c = checker_of(k);
	struct sender s = {.k = k, .next = k->rolls ? LAST_U32 - 300 : 2};
	uint64_t lost = 0, told = 0;
	size_t since = 0; /* the last loss */

	for (int i = 0; i < 3000; i++) {
		uint64_t count = send_one(&s);

		if (i > 0 && i < 2999 && random_below(9) == 0) {
			lost += count;
			since = 0;
		} else {
			told += see_recent(&c, &s, 0).missing;
			since++;
		}
		if (random_below(10) == 0 && k->idle != IDLE_NONE)
			told += see_heartbeat(&c, s.next).missing;
		if (since > 4 && random_below(3) == 0)
			told += see_recent(&c, &s, random_below(4)).missing;
	}
	ck_assert_msg(told == lost, "%s: told %llu, lost %llu", k->name,
		      (unsigned long long)told, (unsigned long long)lost);
	ck_assert_uint_gt(lost, 0);
}

START_TEST(missing_is_what_was_lost)
{
	seed_random("losses");
	for (size_t i = 0; i < KINDS; i++)
		run_with_losses(&kinds[i]);
}
END_TEST

/* Nothing is lost: then nothing is told missing, through restarts with the old
 * sender mixed in, repeats and heartbeats. */
struct pair {
	struct sender now, old;
	int old_left, calm; /* datagrams */
};

static struct feed_result
send_from_pair(struct checker *c, struct pair *p)
{
	const struct kind *k = p->now.k;

	if (k->restarts && p->calm > 600 && random_below(200) == 0) {
		p->old = p->now;
		p->old_left = (int)random_below(20);
		p->now = (struct sender){.k = k, .next = 1};
		p->calm = 0;
	}
	if (p->old_left > 0 && random_below(2) == 0) {
		p->old_left--;
		send_one(&p->old);
		return see_recent(c, &p->old, 0);
	}
	p->calm++;
	send_one(&p->now);
	return see_recent(c, &p->now, 0);
}

static void
run_without_losses(const struct kind *k)
{
	struct checker c = checker_of(k);
	struct pair p = {.now = {.k = k, .next = 1}};
	uint64_t told = 0;
	int gaps = 0;

	for (int i = 0; i < 10000; i++) {
		struct feed_result r = send_from_pair(&c, &p);

		told += r.missing;
		gaps += r.verdict == FEED_GAP || r.verdict == FEED_MALFORMED;
		if (random_below(4) == 0 && p.now.sent >= 16)
			told += see_recent(&c, &p.now, random_below(8)).missing;
		if (random_below(10) == 0 && k->idle != IDLE_NONE && p.now.sent > 0)
			told += see_heartbeat(&c, p.now.next).missing;
	}
	ck_assert_msg(told == 0 && gaps == 0, "%s: %llu told missing in %d gaps",
		      k->name, (unsigned long long)told, gaps);
}

START_TEST(no_false_alarm)
{
	seed_random("alarms");
	for (size_t i = 0; i < KINDS; i++)
		run_without_losses(&kinds[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("feed");
	TCase *rules = tcase_create("rules"), *property = tcase_create("property");

	tcase_add_test(rules, table);
	tcase_add_test(rules, none_is_unchecked);
	tcase_add_test(rules, in_order);
	tcase_add_test(rules, gaps_and_repeats);
	tcase_add_test(rules, restart);
	tcase_add_test(rules, restart_in_doubt);
	tcase_add_test(rules, restart_unseen);
	tcase_add_test(rules, new_session);
	tcase_add_test(rules, heartbeats);
	tcase_add_test(rules, heartbeats_in_doubt);
	tcase_add_test(rules, restart_by_heartbeat);
	tcase_add_test(rules, rollover);
	tcase_add_test(rules, too_short);
	tcase_add_test(rules, numbers_that_cannot_be);
	tcase_add_test(rules, marks);
	tcase_add_test(rules, eobi_line_test);
	tcase_add_test(rules, pitch_idle_out_of_hours);
	suite_add_tcase(s, rules);
	tcase_set_timeout(property, 60);
	tcase_add_test(property, missing_is_what_was_lost);
	tcase_add_test(property, no_false_alarm);
	suite_add_tcase(s, property);
	return suite_run(s);
}
