/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "path/reassemble.h"
#include "suite.h"

#define TIMEOUT_NS (2 * NS_PER_S)

/* One IP payload: a UDP header and bytes that tell the datagram from others. */
struct original {
	uint8_t bytes[65515];
	size_t len;
};

static void
make_original(struct original *o, size_t len, uint8_t salt)
{
	struct wr w = wr_init(o->bytes, sizeof(o->bytes));

	o->len = len;
	wr_u16(&w, 42402);
	wr_u16(&w, 42102);
	wr_u16(&w, (uint16_t)len);
	wr_u16(&w, 0);
	for (size_t i = 8; i < len; i++)
		wr_u8(&w, (uint8_t)(i * 31 + i / 256 + salt));
}

static struct fragment
cut(const struct original *o, uint16_t id, size_t offset, size_t len)
{
	return (struct fragment){
		.source = 0x0a0d0171,
		.group = 0xe0000202,
		.id = id,
		.protocol = 17,
		.ttl = 3,
		.dscp = 10,
		.offset_bytes = (uint16_t)offset,
		.more = offset + len < o->len,
		.bytes = o->bytes + offset,
		.len = len,
		.vlan_count = 1,
		.vlan = {19},
		.captured = {(int64_t)offset},
	};
}

struct fixture {
	struct reassembly *r;
	struct original o;
	struct datagram whole;
	enum decap_verdict udp;
	mono_t now;
};

static void
set_up(struct fixture *x, size_t datagrams, size_t len)
{
	*x = (struct fixture){.now = {1000}};
	x->r = reassemble_new(datagrams, TIMEOUT_NS);
	ck_assert_ptr_nonnull(x->r);
	make_original(&x->o, len, 0);
}

static enum reassemble_verdict
put(struct fixture *x, struct fragment f)
{
	return reassemble_put(x->r, x->now, &f, &x->whole, &x->udp);
}

static void
expect_whole(const struct fixture *x)
{
	ck_assert_int_eq(x->udp, DECAP_DATAGRAM);
	ck_assert_uint_eq(x->whole.len, x->o.len - 8);
	ck_assert_mem_eq(x->whole.payload, x->o.bytes + 8, x->o.len - 8);
}

/* As an exchange's sender was seen to do it: the first 8 bytes come last. */
START_TEST(first_comes_last)
{
	struct fixture x;

	set_up(&x, 1, 9409);
	for (size_t at = 8; at < 9409; at += 1480) {
		size_t len = at + 1480 < 9409 ? 1480 : 9409 - at;

		ck_assert_int_eq(put(&x, cut(&x.o, 25362, at, len)), REASSEMBLE_HELD);
	}
	ck_assert_int_eq(put(&x, cut(&x.o, 25362, 0, 8)), REASSEMBLE_WHOLE);
	expect_whole(&x);
	/* of the first one to arrive */
	ck_assert_int_eq(x.whole.captured.ns, 8);
	ck_assert_uint_eq(x.whole.group, 0xe0000202);
	ck_assert_uint_eq(x.whole.source, 0x0a0d0171);
	ck_assert_uint_eq(x.whole.port, 42102);
	ck_assert_uint_eq(x.whole.source_port, 42402);
	ck_assert_uint_eq(x.whole.ttl, 3);
	ck_assert_uint_eq(x.whole.dscp, 10);
	ck_assert_uint_eq(x.whole.vlan_count, 1);
	ck_assert_uint_eq(x.whole.vlan[0], 19);
	ck_assert_int_eq(reassemble_deadline(x.r).ns, INT64_MAX);
	reassemble_free(x.r);
}
END_TEST

START_TEST(the_longest)
{
	struct fixture x;

	set_up(&x, 1, 65515);
	for (size_t at = 0; at + 8 < 65515; at += 8)
		ck_assert_int_eq(put(&x, cut(&x.o, 1, at, 8)), REASSEMBLE_HELD);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 65512, 3)), REASSEMBLE_WHOLE);
	expect_whole(&x);
	reassemble_free(x.r);
}
END_TEST

START_TEST(repeats_are_ignored)
{
	struct fixture x;

	set_up(&x, 2, 200);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 80, 120)), REASSEMBLE_HELD);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 80, 120)), REASSEMBLE_DUPLICATE);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 40)), REASSEMBLE_HELD);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 40)), REASSEMBLE_DUPLICATE);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 40, 40)), REASSEMBLE_WHOLE);
	expect_whole(&x);
	reassemble_free(x.r);
}
END_TEST

/* Other places, or other bytes: the datagram is gone until its time-out. */
START_TEST(overlap_is_refused)
{
	static const struct {
		size_t at, len;
	} cases[] = {{40, 80}, {48, 40}, {80, 40}, {120, 40},
		     {40, 40}, {72, 96}, {40, 120}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture x;

		set_up(&x, 2, 200);
		ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 40)), REASSEMBLE_HELD);
		ck_assert_int_eq(put(&x, cut(&x.o, 1, 40, 80)), REASSEMBLE_HELD);
		ck_assert_int_eq(put(&x, cut(&x.o, 1, 120, 40)), REASSEMBLE_HELD);
		if (cases[i].at == 40 && cases[i].len == 80)
			x.o.bytes[50] ^= 1;
		ck_assert_int_eq(put(&x, cut(&x.o, 1, cases[i].at, cases[i].len)),
				 cases[i].at == 120 ? REASSEMBLE_DUPLICATE
						    : REASSEMBLE_OVERLAP);
		if (cases[i].at != 120) {
			ck_assert_int_eq(put(&x, cut(&x.o, 1, 160, 40)),
					 REASSEMBLE_OVERLAP);
			ck_assert_uint_eq(reassemble_expire(x.r, x.now), 0);
			x.now = mono_add(x.now, TIMEOUT_NS);
			ck_assert_uint_eq(reassemble_expire(x.r, x.now), 0);
			ck_assert_int_eq(put(&x, cut(&x.o, 1, 160, 40)),
					 REASSEMBLE_HELD);
		}
		reassemble_free(x.r);
	}
}
END_TEST

START_TEST(lengths_that_cannot_be)
{
	struct fixture x;
	struct fragment f;

	set_up(&x, 4, 200);
	f = cut(&x.o, 1, 0, 41); /* not in units, and more to follow */
	ck_assert_int_eq(put(&x, f), REASSEMBLE_MALFORMED);
	f = cut(&x.o, 1, 80, 0);
	ck_assert_int_eq(put(&x, f), REASSEMBLE_MALFORMED);
	f.more = false;
	ck_assert_int_eq(put(&x, f), REASSEMBLE_MALFORMED);
	f = cut(&x.o, 1, 0, 8);
	f.offset_bytes = 65512; /* beyond the longest datagram */
	ck_assert_int_eq(put(&x, f), REASSEMBLE_MALFORMED);
	f.offset_bytes = 4;
	ck_assert_int_eq(put(&x, f), REASSEMBLE_MALFORMED);
	/* none of them took memory */
	ck_assert_int_eq(reassemble_deadline(x.r).ns, INT64_MAX);
	reassemble_free(x.r);
}
END_TEST

START_TEST(ends_that_disagree)
{
	static const struct {
		size_t at, len;
		bool more;
	} cases[] = {
		{120, 72, false}, /* another end */
		{200, 8, true},   /* beyond the end */
		{120, 80, true},  /* up to the end, and more to follow */
		{200, 8, false},
	};
	struct fixture x;
	struct fragment f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(&x, 2, 200);
		ck_assert_int_eq(put(&x, cut(&x.o, 1, 160, 40)), REASSEMBLE_HELD);
		f = cut(&x.o, 1, 0, 8);
		f.offset_bytes = (uint16_t)cases[i].at;
		f.len = cases[i].len;
		f.more = cases[i].more;
		ck_assert_int_eq(put(&x, f), REASSEMBLE_MALFORMED);
		ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 160)), REASSEMBLE_MALFORMED);
		reassemble_free(x.r);
	}
	/* and an end before what is here already */
	set_up(&x, 2, 200);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 80, 80)), REASSEMBLE_HELD);
	f = cut(&x.o, 1, 0, 80);
	f.more = false;
	ck_assert_int_eq(put(&x, f), REASSEMBLE_MALFORMED);
	reassemble_free(x.r);
}
END_TEST

/* Whole by IP, wrong by UDP: said so, and the slot is free again. */
START_TEST(bad_udp_length)
{
	struct fixture x;

	set_up(&x, 1, 200);
	x.o.bytes[5] = 201;
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 80)), REASSEMBLE_HELD);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 80, 120)), REASSEMBLE_WHOLE);
	ck_assert_int_eq(x.udp, DECAP_BAD_LENGTH);
	ck_assert_int_eq(reassemble_deadline(x.r).ns, INT64_MAX);
	reassemble_free(x.r);
}
END_TEST

START_TEST(keys_do_not_mix)
{
	struct fixture x;
	struct fragment f;

	set_up(&x, 8, 200);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 80)), REASSEMBLE_HELD);
	for (int i = 0; i < 4; i++) {
		f = cut(&x.o, 1, 80, 120);
		f.id += i == 0;
		f.source += i == 1;
		f.group += i == 2;
		f.protocol = i == 3 ? 6 : 17;
		ck_assert_int_eq(put(&x, f), REASSEMBLE_HELD);
	}
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 80, 120)), REASSEMBLE_WHOLE);
	expect_whole(&x);
	reassemble_free(x.r);
}
END_TEST

START_TEST(time_runs_out)
{
	struct fixture x;

	set_up(&x, 4, 200);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 80)), REASSEMBLE_HELD);
	x.now = mono_add(x.now, NS_PER_S);
	ck_assert_int_eq(put(&x, cut(&x.o, 2, 0, 80)), REASSEMBLE_HELD);
	ck_assert_int_eq(reassemble_deadline(x.r).ns, 1000 + TIMEOUT_NS);
	ck_assert_uint_eq(reassemble_expire(x.r, x.now), 0);
	x.now = mono_add(x.now, NS_PER_S);
	/* past its time although nobody expired it: its rest is a new beginning */
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 80, 120)), REASSEMBLE_HELD);
	ck_assert_uint_eq(reassemble_expire(x.r, x.now), 1);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 0, 80)), REASSEMBLE_WHOLE);
	ck_assert_int_eq(reassemble_deadline(x.r).ns, 1000 + NS_PER_S + TIMEOUT_NS);
	ck_assert_uint_eq(reassemble_expire(x.r, mono_add(x.now, NS_PER_S)), 1);
	ck_assert_int_eq(reassemble_deadline(x.r).ns, INT64_MAX);
	reassemble_free(x.r);
}
END_TEST

START_TEST(the_oldest_goes)
{
	struct fixture x;

	set_up(&x, 3, 200);
	for (uint16_t id = 1; id <= 3; id++) {
		ck_assert_int_eq(put(&x, cut(&x.o, id, 0, 80)), REASSEMBLE_HELD);
		x.now = mono_add(x.now, 1);
	}
	ck_assert_int_eq(put(&x, cut(&x.o, 4, 0, 80)), REASSEMBLE_EVICTED);
	ck_assert_int_eq(put(&x, cut(&x.o, 2, 80, 120)), REASSEMBLE_WHOLE);
	ck_assert_int_eq(put(&x, cut(&x.o, 1, 80, 120)), REASSEMBLE_HELD);
	/* what was dropped goes before what may still become whole, uncounted */
	ck_assert_int_eq(put(&x, cut(&x.o, 4, 0, 88)), REASSEMBLE_OVERLAP);
	ck_assert_int_eq(put(&x, cut(&x.o, 5, 0, 80)), REASSEMBLE_HELD);
	ck_assert_int_eq(put(&x, cut(&x.o, 3, 80, 120)), REASSEMBLE_WHOLE);
	expect_whole(&x);
	reassemble_free(x.r);
}
END_TEST

START_TEST(memory_is_told)
{
	struct reassembly *r = reassemble_new(10, TIMEOUT_NS);

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_ge(reassemble_memory_bytes(r), 10U * 65536);
	ck_assert_uint_lt(reassemble_memory_bytes(r), 10U * 68000);
	reassemble_free(r);
	reassemble_free(NULL);
}
END_TEST

/*
 * The property: random datagrams, cut at random, shuffled, repeated, damaged,
 * against a model that keeps every fragment in a list and compares them all.
 */
#define MODEL_KEYS      40
#define MODEL_FRAGMENTS 64
#define STEPS           40000

struct model_key {
	bool started, dropped;
	enum reassemble_verdict reason;
	mono_t due;
	size_t count;
	struct fragment held[MODEL_FRAGMENTS];
};

static bool
disagree(const struct fragment *a, const struct fragment *b)
{
	size_t a_end = a->offset_bytes + a->len, b_end = b->offset_bytes + b->len;

	if (!a->more && !b->more)
		return a_end != b_end;
	if (!a->more)
		return b_end >= a_end;
	return !b->more && a_end >= b_end;
}

static bool
overlap(const struct fragment *a, const struct fragment *b)
{
	return a->offset_bytes < b->offset_bytes + b->len &&
	       b->offset_bytes < a->offset_bytes + a->len;
}

static bool
equal(const struct fragment *a, const struct fragment *b)
{
	return a->offset_bytes == b->offset_bytes && a->len == b->len &&
	       memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool
covers_all(const struct model_key *k)
{
	size_t sum = 0, end = 0;

	for (size_t i = 0; i < k->count; i++) {
		sum += k->held[i].len;
		if (!k->held[i].more)
			end = k->held[i].offset_bytes + k->held[i].len;
	}
	return end != 0 && sum == end;
}

static enum reassemble_verdict
model_put(struct model_key *k, mono_t now, const struct fragment *f)
{
	bool bad = f->len == 0 || (f->more && f->len % 8 != 0);

	if (k->started && k->due.ns <= now.ns)
		*k = (struct model_key){0};
	if (k->dropped)
		return k->reason;
	for (size_t i = 0; i < k->count; i++)
		bad |= disagree(f, &k->held[i]);
	if (bad) {
		k->dropped = k->started;
		return k->reason = REASSEMBLE_MALFORMED;
	}
	for (size_t i = 0; i < k->count; i++)
		if (overlap(f, &k->held[i])) {
			if (equal(f, &k->held[i]))
				return REASSEMBLE_DUPLICATE;
			k->dropped = true;
			return k->reason = REASSEMBLE_OVERLAP;
		}
	if (!k->started)
		k->due = mono_add(now, TIMEOUT_NS);
	k->started = true;
	ck_assert_uint_lt(k->count, MODEL_FRAGMENTS);
	k->held[k->count++] = *f;
	if (!covers_all(k))
		return REASSEMBLE_HELD;
	*k = (struct model_key){0};
	return REASSEMBLE_WHOLE;
}

/* A datagram on its way: its pieces, in the order in which they will come. */
struct traffic {
	struct original o;
	struct fragment pieces[MODEL_FRAGMENTS];
	size_t count, sent;
};

static size_t
random_below(size_t n)
{
	return (size_t)random() % n;
}

static void
damage(struct fragment *f)
{
	switch (random_below(4)) {
	case 0: f->offset_bytes += 8; break;
	case 1: f->more = !f->more; break;
	case 2: f->len = random_below(f->len + 1); break;
	case 3: f->len = f->len > 8 ? f->len - 8 : f->len; break;
	}
}

static void
make_traffic(struct traffic *t, uint16_t id)
{
	size_t unit = 8 * (1 + random_below(30)), at = 0;

	make_original(&t->o, 16 + random_below(1200), (uint8_t)random());
	t->count = t->sent = 0;
	while (at < t->o.len && t->count < MODEL_FRAGMENTS / 2) {
		size_t len = random_below(4) == 0 ? 8 : unit;

		if (at + len > t->o.len || t->count + 1 == MODEL_FRAGMENTS / 2)
			len = t->o.len - at;
		t->pieces[t->count++] = cut(&t->o, id, at, len);
		at += len;
	}
	for (size_t n = t->count, i = 0; i < n; i++)
		if (random_below(16) == 0)
			t->pieces[t->count++] = t->pieces[i];
	for (size_t i = t->count; i-- > 1;) {
		size_t j = random_below(i + 1);
		struct fragment f = t->pieces[i];

		t->pieces[i] = t->pieces[j];
		t->pieces[j] = f;
	}
	if (random_below(8) == 0)
		damage(&t->pieces[random_below(t->count)]);
}

static void
step(struct fixture *x, struct model_key *k, struct traffic *t, unsigned int *wholes)
{
	const struct fragment *f = &t->pieces[t->sent++];
	enum reassemble_verdict expected = model_put(k, x->now, f);
	enum reassemble_verdict got =
		reassemble_put(x->r, x->now, f, &x->whole, &x->udp);

	ck_assert_int_eq(got, expected);
	if (got != REASSEMBLE_WHOLE)
		return;
	(*wholes)++;
	if (x->udp != DECAP_DATAGRAM)
		return; /* damage made another, shorter whole of it */
	ck_assert_uint_eq(x->whole.len, t->o.len - 8);
	ck_assert_mem_eq(x->whole.payload, t->o.bytes + 8, t->o.len - 8);
}

START_TEST(as_the_model)
{
	static struct traffic traffic[MODEL_KEYS];
	static struct model_key model[MODEL_KEYS];
	const char *given = getenv("TOMBOLO_SEED");
	unsigned int seed =
		given != NULL ? (unsigned int)strtoul(given, NULL, 0) : 20110216;
	unsigned int wholes = 0;
	struct fixture x;

	printf("check_reassemble: TOMBOLO_SEED=%u\n", seed);
	srandom(seed);
	/* room to spare for those past their time but not expired yet */
	set_up(&x, 2 * MODEL_KEYS, 8);
	for (uint16_t id = 0; id < MODEL_KEYS; id++)
		make_traffic(&traffic[id], id);
	for (int i = 0; i < STEPS; i++) {
		uint16_t id = (uint16_t)random_below(MODEL_KEYS);

		x.now = mono_add(x.now, (int64_t)random_below(NS_PER_MS));
		if (random_below(1000) == 0)
			x.now = mono_add(x.now, NS_PER_S);
		if (random_below(10) == 0)
			reassemble_expire(x.r, x.now);
		if (traffic[id].sent == traffic[id].count) {
			/* the model points into the bytes: wait until both forgot */
			if (model[id].started && model[id].due.ns > x.now.ns)
				continue;
			model[id] = (struct model_key){0};
			make_traffic(&traffic[id], id);
		}
		step(&x, &model[id], &traffic[id], &wholes);
	}
	ck_assert_uint_gt(wholes, 500);
	reassemble_free(x.r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reassemble");
	TCase *rules = tcase_create("rules"), *pool = tcase_create("pool");
	TCase *property = tcase_create("property");

	tcase_add_test(rules, first_comes_last);
	tcase_add_test(rules, the_longest);
	tcase_add_test(rules, repeats_are_ignored);
	tcase_add_test(rules, overlap_is_refused);
	tcase_add_test(rules, lengths_that_cannot_be);
	tcase_add_test(rules, ends_that_disagree);
	tcase_add_test(rules, bad_udp_length);
	tcase_add_test(rules, keys_do_not_mix);
	suite_add_tcase(s, rules);
	tcase_add_test(pool, time_runs_out);
	tcase_add_test(pool, the_oldest_goes);
	tcase_add_test(pool, memory_is_told);
	suite_add_tcase(s, pool);
	tcase_set_timeout(property, 60);
	tcase_add_test(property, as_the_model);
	suite_add_tcase(s, property);
	return suite_run(s);
}
