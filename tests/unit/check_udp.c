/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets on loopback: what they had no room for. */
#include "path/udp.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "path/endpoint.h"
#include "suite.h"

static const uint8_t bytes[1000];

/* A socket with little room, and another that speaks to it. */
static void
open_pair(int *in, int *out)
{
	struct endpoint at = {.addr = 0x7f000001};
	const int least = 1;

	*in = udp_listen(at);
	ck_assert_int_ge(*in, 0);
	ck_assert_int_eq(setsockopt(*in, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)),
			 0);
	*out = udp_dial(0, endpoint_local(*in));
	ck_assert_int_ge(*out, 0);
	ck_assert_uint_eq(endpoint_local(*out).addr, 0x7f000001);
}

/* The kernel marks a datagram with what was dropped before it: what is dropped after
 * the last is known by asking alone. */
START_TEST(drops_after_the_last_are_known)
{
	uint32_t told = 0, asked = 77;
	struct udp_in room = {0};
	struct udp_datagram d;
	int in, out, taken = 0;

	open_pair(&in, &out);
	ck_assert_int_eq(udp_in_init(&room, UDP_BATCH, 2000), 0);
	ck_assert(udp_overflow(in, &asked));
	ck_assert_uint_eq(asked, 0);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(send(out, bytes, sizeof(bytes), 0), sizeof(bytes));
	while (udp_receive(&room, in, &told) > 0)
		while (udp_in_next(&room, &d))
			taken++;
	ck_assert_int_gt(taken, 0);
	ck_assert_int_lt(taken, 50);
	ck_assert_uint_eq(told, 0);
	ck_assert(udp_overflow(in, &asked));
	ck_assert_uint_eq(asked, 50 - (unsigned int)taken);
	/* the next one brings the same figure */
	ck_assert_int_eq(send(out, bytes, 1, 0), 1);
	ck_assert_int_eq(udp_receive(&room, in, &told), 1);
	ck_assert_uint_eq(told, asked);
	udp_in_fini(&room);
	close(in);
	close(out);
	ck_assert(!udp_overflow(in, &asked));
	ck_assert_uint_eq(endpoint_local(in).addr, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("udp");
	TCase *t = tcase_create("udp");

	tcase_add_test(t, drops_after_the_last_are_known);
	suite_add_tcase(s, t);
	return suite_run(s);
}
