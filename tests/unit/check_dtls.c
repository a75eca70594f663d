/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS paths on loopback: frames both ways, the size and the pace of datagrams, the end
 * of keys. What TLS and DTLS have in common is in check_tunnel.c.
 */
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/cookie.h"
#include "path/pace.h"
#include "suite.h"
#include "tunnel_pair.h"

/* ---- frames ---- */

START_TEST(frames_of_random_size_both_ways)
{
	tunnel_pair_up();
	tunnel_pair_exchange(20000);
	ck_assert_uint_eq(RELAY_STREAM->missed + PEER_STREAM->missed, 0);
	ck_assert_uint_eq(PEER_STREAM->received, 20000);
	ck_assert_uint_eq(RELAY_STREAM->received, 20000);
	ck_assert_uint_eq(FIGURE(pair.relay, bytes_sent),
			  FIGURE(pair.peer, bytes_received));
	ck_assert_uint_eq(FIGURE(pair.relay, records_sent),
			  FIGURE(pair.peer, records_received));
	/* As many frames in a datagram as were ready and fit. */
	ck_assert_uint_lt(FIGURE(pair.relay, records_sent), 20000 / 10);
	ck_assert_uint_eq(FIGURE(pair.peer, dtls_hello_retries), 1);
	ck_assert_uint_eq(FIGURE(pair.peer, dtls_dropped), 0);
	ck_assert_uint_eq(FIGURE(pair.peer, accepted), 1);
	ck_assert_uint_eq(FIGURE(pair.relay, dialled), 1);
	ck_assert(tunnel_flushed(pair.relay.tunnel));
}
END_TEST

START_TEST(one_frame_a_datagram)
{
	RELAY_STREAM->one_a_record = PEER_STREAM->one_a_record = true;
	tunnel_pair_up();
	tunnel_pair_exchange(5000);
	ck_assert_uint_eq(FIGURE(pair.relay, records_sent), 5000);
	ck_assert_uint_eq(FIGURE(pair.peer, records_received), 5000);
}
END_TEST

START_TEST(more_than_a_socket_takes_is_lost_and_counted)
{
	tunnel_pair_up();
	half_send(&pair.relay, 0, 0, 200000);
	while (RELAY_STREAM->to_send > 0)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	tunnel_pair_exchange(100);
	ck_assert_uint_eq(PEER_STREAM->received, 200100);
	/* Whole datagrams are missing, or nothing is. */
	ck_assert_int_eq(PEER_STREAM->missed > 0,
			 FIGURE(pair.relay, records_sent) >
				 FIGURE(pair.peer, records_received));
	ck_assert_uint_eq(FIGURE(pair.relay, records_sent),
			  FIGURE(pair.peer, records_received) +
				  FIGURE(pair.peer, dtls_overflowed));
}
END_TEST

static const struct {
	uint32_t mtu;
	size_t payload;
} mtus[] = {{0, UDP_BYTES_MAX}, {1280, 1252}, {1500, 1472}, {576, 548}, {9000, 8972}};

START_TEST(datagrams_fit_the_mtu)
{
	tunnel_pair_start_peer();
	udp_line_open(&pair.line, pair.base, half_port(&pair.peer));
	pair.relay.remotes[0].paths[0].connect.port = udp_line_port(&pair.line);
	pair.relay.remotes[0].paths[0].mtu = mtus[_i].mtu;
	RELAY_STREAM->frame_bytes = mtus[_i].payload < 1000 ? 300 : 1000;
	PEER_STREAM->frame_bytes = RELAY_STREAM->frame_bytes;
	tunnel_pair_start_relay();
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	tunnel_pair_exchange(2000);
	/* To the last byte, which the overhead of AES-GCM leaves to frames. */
	ck_assert_uint_eq(RELAY_STREAM->mtu, mtus[_i].payload - 37);
	ck_assert_uint_le(pair.line.longest[TO_SERVER], mtus[_i].payload);
	ck_assert_uint_gt(pair.line.longest[TO_SERVER] + RELAY_STREAM->frame_bytes + 50,
			  mtus[_i].payload);
	ck_assert_uint_eq(FIGURE(pair.relay, dtls_unsent), 0);
}
END_TEST

static long
leave_a_byte(struct half *h, unsigned int remote, unsigned int slot, size_t len)
{
	(void)h;
	(void)remote;
	(void)slot;
	return (long)len - 1;
}

START_TEST(part_of_a_frame_ends_the_path)
{
	pair.peer.hooks.input = leave_a_byte;
	RELAY_STREAM->to_send = 1;
	tunnel_pair_start();
	rig_until(pair.base, tunnel_pair_peer_went_down, NULL);
	ck_assert_str_eq(PEER_STREAM->reason,
			 "the remote broke the protocol: part of a frame");
}
END_TEST

START_TEST(close_flushes_what_was_filled)
{
	tunnel_pair_up();
	half_send(&pair.relay, 0, 0, 3);
	tunnel_close(pair.relay.tunnel, 0, 0, "drained");
	ck_assert_str_eq(RELAY_STREAM->reason, "drained");
	tunnel_stop_dialling(pair.relay.tunnel);
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	ck_assert_uint_eq(PEER_STREAM->received, 3);
	ck_assert_str_eq(PEER_STREAM->reason, "closed by the remote");
}
END_TEST

START_TEST(a_path_without_keys_left_is_dialled_again)
{
	/* 64 full records: 1 MiB, of which both directions use their share. */
	pair.relay.tls.rekey_records = 64;
	RELAY_STREAM->frame_bytes = PEER_STREAM->frame_bytes = 1000;
	tunnel_pair_up();
	while (RELAY_STREAM->ups < 3) {
		tunnel_pair_exchange(10);
		ck_assert_uint_lt(FIGURE(pair.relay, bytes_sent), 3 << 20);
	}
	ck_assert_str_eq(RELAY_STREAM->reason, "its keys have been used enough");
	ck_assert_uint_gt(FIGURE(pair.relay, bytes_sent), 1 << 19);
	ck_assert_uint_eq(RELAY_STREAM->missed + PEER_STREAM->missed, 0);
}
END_TEST

/* ---- a path that gets narrower ---- */

/* Without CK_FORK=no: else the tests that follow would be in there too. */
static bool
tests_fork(void)
{
	const char *fork = getenv("CK_FORK");

	return fork == NULL || strcmp(fork, "no") != 0;
}

static void
set_loopback_mtu(int mtu)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	r.ifr_mtu = mtu;
	ck_assert_int_eq(ioctl(fd, SIOCSIFMTU, &r), 0);
	r.ifr_flags = IFF_UP;
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

/* In a network of its own; where that is not allowed there is no such test. */
START_TEST(a_narrower_path_is_dialled_again)
{
	if (tests_fork() && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
		set_loopback_mtu(1500);
		RELAY_STREAM->frame_bytes = PEER_STREAM->frame_bytes = 1000;
		tunnel_pair_up();
		ck_assert_uint_eq(RELAY_STREAM->mtu, 1472 - 37);
		tunnel_pair_exchange(200);
		set_loopback_mtu(1280);
		tunnel_pair_exchange(200);
		ck_assert_uint_eq(RELAY_STREAM->mtu, 1252 - 37);
		ck_assert_uint_eq(RELAY_STREAM->ups, 2);
		ck_assert_uint_ge(
			rig_log_count(LOG_LEVEL_WARN,
				      "takes 1280 bytes at a time, no longer 1500"),
			1);
		return;
	}
	tunnel_pair_start();
}
END_TEST

/* ---- max_rate ---- */

static struct {
	int64_t began_ns;
	uint64_t enough;
} pace;

static uint64_t
sent_bytes(void)
{
	return FIGURE(pair.relay, bytes_sent);
}

static bool
sent_enough(void *unused)
{
	int64_t elapsed_ns = clock_now().mono.ns - pace.began_ns;
	uint64_t bps = pair.relay.remotes[0].paths[0].max_rate_bps;

	(void)unused;
	/* What a pause saves up, and one record more than is due. */
	ck_assert_uint_le(sent_bytes(), (uint64_t)elapsed_ns * (bps / 8) / NS_PER_S +
						bps / 8 / 500 + 1500 + FILL_BYTES_MAX);
	RELAY_STREAM->to_send = 100000;
	return sent_bytes() > pace.enough;
}

START_TEST(max_rate_is_kept)
{
	struct path_settings *p = &pair.relay.remotes[0].paths[0];

	pair.relay.transport = pair.peer.transport =
		_i == 0 ? TRANSPORT_DTLS : TRANSPORT_TLS;
	tunnel_pair_start_peer();
	p->max_rate_bps = 40 * 1000 * 1000;
	p->mtu = _i == 0 ? 1500 : 0;
	RELAY_STREAM->frame_bytes = PEER_STREAM->frame_bytes = 400;
	tunnel_pair_start_relay();
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	pace.began_ns = clock_now().mono.ns;
	pace.enough = 2 << 20; /* in 0.4 s at best */
	half_send(&pair.relay, 0, 0, 100000);
	rig_until(pair.base, sent_enough, NULL);
	/* The timer wakes it; other events come too rarely for this. */
	ck_assert_int_lt(clock_now().mono.ns - pace.began_ns, 20 * NS_PER_S);
	RELAY_STREAM->to_send = 0;
}
END_TEST

START_TEST(a_pace_is_exact)
{
	struct pace p;
	mono_t now = {5 * NS_PER_S};
	uint64_t sent = 0;

	pace_init(&p, now, 0, 2 * NS_PER_MS);
	ck_assert(!pace_is_limited(&p));
	pace_charge(&p, 1 << 30);
	ck_assert_int_eq(pace_wait_ns(&p, now), 0);

	pace_init(&p, now, 8000000, 2 * NS_PER_MS); /* a byte a microsecond */
	for (int i = 0; i < 10000; i++) {
		int64_t wait = pace_wait_ns(&p, now);

		if (wait > 0) {
			now.ns += wait;
			ck_assert_int_eq(pace_wait_ns(&p, now), 0);
		}
		pace_charge(&p, 1000);
		sent += 1000;
	}
	/* But for the depth at the start, and the last that is not paid for. */
	ck_assert_uint_le(sent, (uint64_t)(now.ns - 5 * NS_PER_S) / 1000 + 2000 + 1000);
	ck_assert_uint_ge(sent, (uint64_t)(now.ns - 5 * NS_PER_S) / 1000);
}
END_TEST

/* ---- cookies ---- */

START_TEST(a_cookie_is_of_an_address_and_a_time)
{
	const struct endpoint of = {0x0a000001, 1234}, other = {0x0a000002, 1234},
			      port = {0x0a000001, 1235};
	const mono_t now = {1000 * NS_PER_S};
	uint8_t cookie[COOKIE_BYTES], again[COOKIE_BYTES];
	struct cookie a, b;

	ck_assert_int_eq(cookie_init(&a), 0);
	ck_assert_int_eq(cookie_init(&b), 0);
	ck_assert(cookie_make(&a, of, now, cookie));
	ck_assert(cookie_make(&a, of, now, again));
	ck_assert(memcmp(cookie, again, COOKIE_BYTES) == 0);
	ck_assert(cookie_check(&a, of, now, cookie, COOKIE_BYTES));
	ck_assert(cookie_check(&a, of, mono_add(now, COOKIE_NS), cookie, COOKIE_BYTES));
	ck_assert(!cookie_check(&a, of, mono_add(now, 2 * COOKIE_NS), cookie,
				COOKIE_BYTES));
	ck_assert(!cookie_check(&a, other, now, cookie, COOKIE_BYTES));
	ck_assert(!cookie_check(&a, port, now, cookie, COOKIE_BYTES));
	ck_assert(!cookie_check(&a, of, now, cookie, COOKIE_BYTES - 1));
	ck_assert(!cookie_check(&b, of, now, cookie, COOKIE_BYTES));
	for (int i = 0; i < COOKIE_BYTES; i++) {
		cookie[i] ^= 1;
		ck_assert(!cookie_check(&a, of, now, cookie, COOKIE_BYTES));
		cookie[i] ^= 1;
	}
	cookie_fini(&a);
	cookie_fini(&b);
}
END_TEST

static Suite *
dtls_suite(void)
{
	Suite *s = suite_create("dtls");
	TCase *tc = tunnel_pair_case(s, "frames", TRANSPORT_DTLS);

	tcase_add_test(tc, frames_of_random_size_both_ways);
	tcase_add_test(tc, one_frame_a_datagram);
	tcase_add_test(tc, more_than_a_socket_takes_is_lost_and_counted);
	tcase_add_loop_test(tc, datagrams_fit_the_mtu, 0, 5);
	tcase_add_test(tc, part_of_a_frame_ends_the_path);
	tcase_add_test(tc, close_flushes_what_was_filled);
	tcase_add_test(tc, a_path_without_keys_left_is_dialled_again);
	tcase_add_loop_test(tc, max_rate_is_kept, 0, 2);
	tcase_add_test(tc, a_narrower_path_is_dialled_again);

	tc = tcase_create("parts");
	tcase_add_test(tc, a_cookie_is_of_an_address_and_a_time);
	tcase_add_test(tc, a_pace_is_exact);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(dtls_suite());
}
