/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS paths over a line that loses, and over one that lies: handshakes come to an end
 * all the same, and what was not sent by either half changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "tunnel_pair.h"

/* ---- a line that loses ---- */

static struct {
	uint64_t which;
	unsigned int seed;
	uint64_t lost;
} loss;

static unsigned int
lose(bool lost)
{
	loss.lost += lost;
	return lost ? 0 : 1;
}

static unsigned int
lose_the_first_of_each(struct udp_line *l, int direction, uint64_t n,
		       const uint8_t *bytes, size_t len)
{
	(void)l, (void)direction, (void)bytes, (void)len;
	return lose(n == 1);
}

static unsigned int
lose_one(struct udp_line *l, int direction, uint64_t n, const uint8_t *bytes,
	 size_t len)
{
	(void)n, (void)direction, (void)bytes, (void)len;
	return lose(l->seen[TO_SERVER] + l->seen[TO_CLIENT] == loss.which);
}

static unsigned int
lose_every_second(struct udp_line *l, int direction, uint64_t n, const uint8_t *bytes,
		  size_t len)
{
	(void)l, (void)direction, (void)bytes, (void)len;
	return lose(n % 2 == 1);
}

static unsigned int
lose_every_other_second(struct udp_line *l, int direction, uint64_t n,
			const uint8_t *bytes, size_t len)
{
	(void)l, (void)direction, (void)bytes, (void)len;
	return lose(n % 2 == 0);
}

static unsigned int
lose_every_second_of_all(struct udp_line *l, int direction, uint64_t n,
			 const uint8_t *bytes, size_t len)
{
	(void)n, (void)direction, (void)bytes, (void)len;
	return lose((l->seen[TO_SERVER] + l->seen[TO_CLIENT]) % 2 == 0);
}

static unsigned int
lose_a_third(struct udp_line *l, int direction, uint64_t n, const uint8_t *bytes,
	     size_t len)
{
	(void)l, (void)n, (void)direction, (void)bytes, (void)len;
	return lose(rand_r(&loss.seed) % 3 == 0);
}

static unsigned int
twice(struct udp_line *l, int direction, uint64_t n, const uint8_t *bytes, size_t len)
{
	(void)l, (void)n, (void)direction, (void)bytes, (void)len;
	return 2;
}

/* Only delays it: one attempt is enough. */
static void
check_handshake(udp_line_judge judge)
{
	loss.lost = 0;
	tunnel_pair_start_over_line(judge);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	pair.line.judge = NULL;
	ck_assert_uint_eq(FIGURE(pair.relay, dialled), 1);
	ck_assert_uint_eq(half_refused(&pair.peer), 0);
	tunnel_pair_exchange(200);
	ck_assert_uint_eq(RELAY_STREAM->missed + PEER_STREAM->missed, 0);
}

START_TEST(handshake_without_loss)
{
	check_handshake(NULL);
	/* Hello, hello with cookie, certificate and all: three flights each way. */
	ck_assert_uint_eq(FIGURE(pair.peer, dtls_hello_retries), 1);
}
END_TEST

START_TEST(handshake_that_loses_the_first_packets)
{
	check_handshake(lose_the_first_of_each);
	ck_assert_uint_eq(loss.lost, 2);
}
END_TEST

START_TEST(handshake_that_loses_any_one_packet)
{
	loss.which = (uint64_t)_i;
	check_handshake(lose_one);
	ck_assert_uint_eq(loss.lost, 1);
}
END_TEST

START_TEST(handshake_that_loses_every_second_packet)
{
	static const udp_line_judge judges[] = {
		lose_every_second, lose_every_other_second, lose_every_second_of_all};

	check_handshake(judges[_i]);
	ck_assert_uint_gt(loss.lost, 2);
}
END_TEST

START_TEST(handshake_that_loses_a_third_of_all_packets)
{
	loss.seed = (unsigned int)_i;
	check_handshake(lose_a_third);
}
END_TEST

START_TEST(handshake_of_which_everything_comes_twice)
{
	check_handshake(twice);
}
END_TEST

static unsigned int
lose_all(struct udp_line *l, int direction, uint64_t n, const uint8_t *bytes,
	 size_t len)
{
	(void)l, (void)n, (void)direction, (void)bytes, (void)len;
	return 0;
}

static bool
relay_gave_up(void *unused)
{
	(void)unused;
	return FIGURE(pair.relay, refused_timeout) > 0;
}

START_TEST(a_dark_line_is_dialled_again)
{
	pair.relay.tls.handshake_timeout_ns = 100 * NS_PER_MS;
	tunnel_pair_start_over_line(lose_all);
	rig_until(pair.base, relay_gave_up, NULL);
	ck_assert_uint_ge(rig_log_count(LOG_LEVEL_WARN, "handshake not finished"), 1);
	pair.line.judge = NULL;
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	tunnel_pair_exchange(100);
}
END_TEST

static bool
was_refused(void *unused)
{
	(void)unused;
	return rig_log_count(LOG_LEVEL_WARN, "cannot connect") > 0;
}

START_TEST(nobody_there_is_told_at_once)
{
	uint16_t port;

	tunnel_pair_start_peer();
	port = half_port(&pair.peer);
	half_free(&pair.peer);
	tunnel_pair_start_relay();
	rig_until(pair.base, was_refused, NULL);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "Connection refused"), 1);
	ck_assert_uint_eq(pair.peer.listen.address.port, port);
	half_restart(&pair.peer, pair.base);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
}
END_TEST

static bool
is_up_again(void *unused)
{
	(void)unused;
	return RELAY_STREAM->ups == 2 && pair.peer.streams[0][1].up;
}

/* What the core does when a path is silent for too long is done here by hand. */
START_TEST(a_relay_whose_address_changes_is_recovered)
{
	tunnel_pair_start_over_line(NULL);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	tunnel_pair_exchange(100);
	udp_line_rebind(&pair.line);
	half_send(&pair.relay, 0, 0, PAIR_BURST);
	while (FIGURE(pair.peer, dtls_dropped) == 0)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	ck_assert(PEER_STREAM->up);
	ck_assert_uint_eq(PEER_STREAM->received, 100);

	tunnel_close(pair.relay.tunnel, 0, 0, "timed out");
	rig_until(pair.base, is_up_again, NULL);
	ck_assert(PEER_STREAM->up); /* the old one, beside the new */
	tunnel_close(pair.peer.tunnel, 0, 0, "timed out");
	ck_assert(RELAY_STREAM->up);
	half_send(&pair.relay, 0, 0, PAIR_BURST);
	while (pair.peer.streams[0][1].received < PAIR_BURST)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
}
END_TEST

/* Its port is that of the old association, which lives on: nobody who only knows the
 * address may end that. What the core does after a while is done by hand again. */
START_TEST(who_starts_over_at_an_old_address_waits_for_its_end)
{
	uint64_t dropped, seen;

	tunnel_pair_start_over_line(NULL);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	pair.line.judge = lose_all; /* close_notify too */
	seen = pair.line.seen[TO_SERVER];
	half_free(&pair.relay);
	while (pair.line.seen[TO_SERVER] == seen)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	pair.line.judge = NULL;
	dropped = FIGURE(pair.peer, dtls_dropped);
	half_restart(&pair.relay, pair.base);
	while (FIGURE(pair.peer, dtls_dropped) < dropped + 3)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	ck_assert(PEER_STREAM->up && !RELAY_STREAM->up);
	tunnel_close(pair.peer.tunnel, 0, 0, "timed out");
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	tunnel_pair_exchange(100);
	ck_assert_uint_eq(PEER_STREAM->ups, 2);
}
END_TEST

/* ---- a line that lies ---- */

#define RECORD_HEADER 13

static void
send_both_ways(struct udp_line *l, const void *bytes, size_t len)
{
	udp_line_send(l, TO_SERVER, bytes, len);
	udp_line_send(l, TO_CLIENT, bytes, len);
}

/* Of epoch 0, as anybody can send it. */
static void
send_alerts(struct udp_line *l)
{
	uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};

	send_both_ways(l, alert, sizeof(alert)); /* fatal: handshake_failure */
	alert[13] = 1;
	alert[14] = 0;
	send_both_ways(l, alert, sizeof(alert)); /* close_notify */
}

static void
send_noise(struct udp_line *l)
{
	uint8_t noise[1400];
	size_t len = (size_t)rand_r(&loss.seed) % sizeof(noise);

	for (size_t i = 0; i < len; i++)
		noise[i] = (uint8_t)rand_r(&loss.seed);
	send_both_ways(l, noise, len);
	/* With the beginning of a record. */
	if (len < RECORD_HEADER)
		return;
	noise[0] = 20 + noise[0] % 5;
	noise[1] = 0xfe;
	noise[2] = 0xfd;
	noise[3] = 0;
	noise[4] = noise[4] % 3;
	noise[11] = (uint8_t)((len - RECORD_HEADER) >> 8);
	noise[12] = (uint8_t)(len - RECORD_HEADER);
	send_both_ways(l, noise, len);
}

/* Every datagram as it was, before and after; cut; with a bit turned; and others. */
static unsigned int
lie(struct udp_line *l, int direction, uint64_t n, const uint8_t *bytes, size_t len)
{
	uint8_t copy[65536];

	(void)n;
	memcpy(copy, bytes, len);
	copy[(size_t)rand_r(&loss.seed) % len] ^=
		(uint8_t)(1 << rand_r(&loss.seed) % 8);
	udp_line_send(l, direction, copy, len);
	udp_line_send(l, direction, bytes, (size_t)rand_r(&loss.seed) % len);
	udp_line_send(l, direction, bytes, 0);
	if (l->client.sin_port != 0 && pair.line.seen[TO_CLIENT] > 0) {
		send_alerts(l);
		send_noise(l);
	}
	return 2;
}

START_TEST(garbage_repeats_and_cuts_are_dropped_and_counted)
{
	loss.seed = (unsigned int)_i;
	tunnel_pair_start_over_line(NULL);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	/* A repeated last flight, changed, would still end the handshake. */
	tunnel_pair_exchange(PAIR_BURST);
	pair.line.judge = lie;
	tunnel_pair_exchange(3000);
	ck_assert_uint_eq(RELAY_STREAM->missed + PEER_STREAM->missed, 0);
	ck_assert_uint_eq(RELAY_STREAM->downs + PEER_STREAM->downs, 0);
	/* At least the repeat and the cut of each. */
	ck_assert_uint_gt(FIGURE(pair.peer, dtls_dropped),
			  2 * FIGURE(pair.relay, records_sent) - 2 * PAIR_BURST);
	ck_assert_uint_gt(FIGURE(pair.relay, dtls_dropped),
			  2 * FIGURE(pair.peer, records_sent) - 2 * PAIR_BURST);
}
END_TEST

static unsigned int
add_alerts(struct udp_line *l, int direction, uint64_t n, const uint8_t *bytes,
	   size_t len)
{
	(void)direction, (void)n, (void)bytes, (void)len;
	send_alerts(l);
	return 1;
}

START_TEST(alerts_of_anybody_do_not_end_a_handshake)
{
	check_handshake(add_alerts);
	pair.line.judge = add_alerts;
	tunnel_pair_exchange(500);
	ck_assert_uint_eq(RELAY_STREAM->downs + PEER_STREAM->downs, 0);
}
END_TEST

static Suite *
dtls_line_suite(void)
{
	Suite *s = suite_create("dtls");
	TCase *tc = tunnel_pair_case(s, "loss", TRANSPORT_DTLS);

	tcase_add_test(tc, handshake_without_loss);
	tcase_add_test(tc, handshake_that_loses_the_first_packets);
	tcase_add_loop_test(tc, handshake_that_loses_any_one_packet, 1, 7);
	tcase_add_loop_test(tc, handshake_that_loses_every_second_packet, 0, 3);
	tcase_add_loop_test(tc, handshake_that_loses_a_third_of_all_packets, 0, 8);
	tcase_add_test(tc, handshake_of_which_everything_comes_twice);
	tcase_add_test(tc, a_dark_line_is_dialled_again);
	tcase_add_test(tc, nobody_there_is_told_at_once);
	tcase_add_test(tc, a_relay_whose_address_changes_is_recovered);
	tcase_add_test(tc, who_starts_over_at_an_old_address_waits_for_its_end);

	tc = tunnel_pair_case(s, "lies", TRANSPORT_DTLS);
	tcase_add_loop_test(tc, garbage_repeats_and_cuts_are_dropped_and_counted, 0, 3);
	tcase_add_test(tc, alerts_of_anybody_do_not_end_a_handshake);
	return s;
}

int
main(void)
{
	return suite_run(dtls_line_suite());
}
