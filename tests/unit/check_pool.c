/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ops/settings.h"
#include "path/pool.h"
#include "seeded.h"
#include "suite.h"

#define CHUNKS 200
#define STEPS  3000

static void
fill_payload(uint8_t *bytes, size_t len, uint32_t salt)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(salt + i * 13 + i / 2048);
}

/* All bytes of a datagram, put together. */
static size_t
gather(const struct pool *p, uint32_t index, uint8_t *bytes)
{
	struct iovec iov[POOL_IOV_MAX];
	size_t count = pool_iov(p, index, iov), len = 0;

	if (count < 1 || count > POOL_IOV_MAX)
		ck_abort_msg("%zu pieces", count);
	for (size_t i = 0; i < count; i++) {
		memcpy(bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

/* ---- by hand ---- */

START_TEST(lengths)
{
	uint8_t *in = malloc(DATAGRAM_BYTES_MAX), *out = malloc(DATAGRAM_BYTES_MAX);
	struct pool *p = pool_new(40 * POOL_CHUNK_BYTES);
	size_t last = 0;

	ck_assert_uint_eq(pool_chunks(p), 40);
	ck_assert_uint_eq(pool_memory_bytes(p), 40 * POOL_CHUNK_BYTES);
	for (uint32_t len = 0; len <= DATAGRAM_BYTES_MAX;
	     len += len < 6200 ? 1 : 1217) {
		struct held held = {.len = len, .seq = {len}};
		uint32_t at;
		size_t used;

		fill_payload(in, len, len);
		at = pool_put(p, &held, in);
		if (at == POOL_NONE || gather(p, at, out) != len ||
		    memcmp(in, out, len) != 0 || pool_held(p, at)->seq.n != len)
			ck_abort_msg("%u bytes", len);
		used = 40 - pool_free_chunks(p);
		if (used < last || used > POOL_IOV_MAX || used * POOL_CHUNK_BYTES < len)
			ck_abort_msg("%u bytes in %zu chunks", len, used);
		last = used;
		pool_drop(p, at);
		if (pool_free_chunks(p) != 40)
			ck_abort_msg("%u bytes left something", len);
	}
	pool_free(p);
	free(in);
	free(out);
}
END_TEST

START_TEST(none_at_all)
{
	struct pool *p = pool_new(POOL_CHUNK_BYTES - 1);
	struct held held = {.len = 0};

	ck_assert_uint_eq(pool_chunks(p), 0);
	ck_assert_uint_eq(pool_put(p, &held, NULL), POOL_NONE);
	pool_free(p);
	pool_free(NULL);
}
END_TEST

START_TEST(what_does_not_fit_takes_nothing)
{
	struct pool *p = pool_new(3 * POOL_CHUNK_BYTES);
	uint8_t *bytes = calloc(1, DATAGRAM_BYTES_MAX);
	struct held big = {.len = DATAGRAM_BYTES_MAX}, small = {.len = 5};

	ck_assert_uint_eq(pool_put(p, &big, bytes), POOL_NONE);
	ck_assert_uint_eq(pool_free_chunks(p), 3);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_ne(pool_put(p, &small, bytes), POOL_NONE);
	ck_assert_uint_eq(pool_put(p, &small, bytes), POOL_NONE);
	pool_free(p);
	free(bytes);
}
END_TEST

START_TEST(the_bookkeeping_is_changed_in_place)
{
	struct pool *p = pool_new(3 * POOL_CHUNK_BYTES);
	uint8_t bytes[3000] = {1};
	struct held held = {.session = 1,
			    .channel = 2,
			    .seq = {3},
			    .captured = {4},
			    .arrived = {5},
			    .len = sizeof bytes,
			    .era = 6,
			    .next = 7,
			    .repaired = true};
	uint32_t at = pool_put(p, &held, bytes);

	ck_assert_mem_eq(pool_held(p, at), &held, sizeof held);
	pool_held(p, at)->next = 70;
	held.next = 70;
	ck_assert_mem_eq(pool_held(p, at), &held, sizeof held);
	pool_free(p);
}
END_TEST

/* ---- against a list ---- */

struct entry {
	uint32_t at, len, salt;
};

struct rig {
	struct seeded dice;
	struct pool *p;
	struct entry all[CHUNKS];
	size_t count;
	uint8_t bytes[DATAGRAM_BYTES_MAX], got[DATAGRAM_BYTES_MAX];
};

static void
check_entry(struct rig *x, const struct entry *e)
{
	fill_payload(x->bytes, e->len, e->salt);
	seeded_check(&x->dice, gather(x->p, e->at, x->got) == e->len, "length %u",
		     e->len);
	seeded_check(&x->dice, memcmp(x->bytes, x->got, e->len) == 0, "bytes of %u",
		     e->at);
	seeded_check(&x->dice, pool_held(x->p, e->at)->channel == e->salt,
		     "bookkeeping of %u", e->at);
}

static void
put(struct rig *x)
{
	uint32_t most = seeded_one_in(&x->dice, 20) ? DATAGRAM_BYTES_MAX + 1 : 5000;
	struct entry e = {.len = (uint32_t)seeded_below(&x->dice, most),
			  .salt = (uint32_t)seeded_roll(&x->dice)};
	struct held held = {.len = e.len, .channel = e.salt};
	size_t before = pool_free_chunks(x->p), taken;

	fill_payload(x->bytes, e.len, e.salt);
	e.at = pool_put(x->p, &held, x->bytes);
	taken = before - pool_free_chunks(x->p);
	if (e.at == POOL_NONE) {
		seeded_check(&x->dice, taken == 0, "took %zu", taken);
		seeded_check(&x->dice, before * (POOL_CHUNK_BYTES - 100) < e.len + 1,
			     "refused %u with %zu free", e.len, before);
		return;
	}
	for (size_t i = 0; i < x->count; i++)
		seeded_check(&x->dice, x->all[i].at != e.at, "%u is taken", e.at);
	x->all[x->count++] = e;
}

static void
drop(struct rig *x)
{
	size_t i = seeded_below(&x->dice, x->count);

	check_entry(x, &x->all[i]);
	pool_drop(x->p, x->all[i].at);
	x->all[i] = x->all[--x->count];
}

START_TEST(against_a_list)
{
	struct rig *x = calloc(1, sizeof *x);

	ck_assert_ptr_nonnull(x);
	x->dice = seeded_init(_i);
	x->p = pool_new(CHUNKS * POOL_CHUNK_BYTES);
	for (int i = 0; i < STEPS; i++) {
		if (x->count == 0 || seeded_below(&x->dice, 100) < 55)
			put(x);
		else
			drop(x);
	}
	for (size_t i = 0; i < x->count; i++)
		check_entry(x, &x->all[i]);
	while (x->count > 0)
		drop(x);
	ck_assert_uint_eq(pool_free_chunks(x->p), CHUNKS);
	pool_free(x->p);
	free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pool");
	TCase *t = tcase_create("pool");

	tcase_add_test(t, lengths);
	tcase_add_test(t, none_at_all);
	tcase_add_test(t, what_does_not_fit_takes_nothing);
	tcase_add_test(t, the_bookkeeping_is_changed_in_place);
	tcase_add_loop_test(t, against_a_list, 0, 50);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
