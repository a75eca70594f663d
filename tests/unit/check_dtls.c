/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS paths on loopback: frames both ways, handshakes over a line that loses and
 * lies, strangers, floods, and the end of keys. What TLS and DTLS have in common is
 * in check_tunnel.c.
 */
#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <openssl/err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/cookie.h"
#include "path/dtls.h"
#include "path/hello.h"
#include "path/pace.h"
#include "tunnel_rig.h"
#include "udp_line.h"
#include "suite.h"

#define BURST 40 /* frames that any socket's buffer takes */

/* The peer listens and expects colo-a in slot 0; the relay dials it, over the line
 * if there is one. */
static struct {
	struct event_base *base;
	struct half relay, peer;
	struct udp_line line;
	uint64_t left; /* frames that arrive_in_bursts() has still to send */
} pair;

#define RELAY_STREAM  (&pair.relay.streams[0][0])
#define PEER_STREAM   (&pair.peer.streams[0][0])
#define FIGURE(h, id) half_counter(&(h), COUNTER(id))

static void
start_peer(void)
{
	half_start(&pair.peer, pair.base, true);
	half_dials(&pair.relay, "vpc-a", half_port(&pair.peer));
}

static void
start_relay(void)
{
	half_start(&pair.relay, pair.base, false);
}

static void
start_over_line(udp_line_judge judge)
{
	start_peer();
	udp_line_open(&pair.line, pair.base, half_port(&pair.peer));
	pair.line.judge = judge;
	pair.relay.remotes[0].paths[0].connect.port = udp_line_port(&pair.line);
	start_relay();
}

static bool
is_up(void *unused)
{
	(void)unused;
	return RELAY_STREAM->up && PEER_STREAM->up;
}

static bool
is_down(void *unused)
{
	(void)unused;
	return !RELAY_STREAM->up && !PEER_STREAM->up;
}

static void
pair_up(void)
{
	start_peer();
	start_relay();
	rig_until(pair.base, is_up, NULL);
}

static void
setup(void)
{
	rig_log_clear();
	memset(&pair, 0, sizeof(pair));
	pair.base = event_base_new();
	half_init(&pair.peer, "vpc-a", "ca");
	pair.peer.transport = TRANSPORT_DTLS;
	half_expects(&pair.peer, "colo-a");
	half_init(&pair.relay, "colo-a", "ca");
	pair.relay.transport = TRANSPORT_DTLS;
}

static void
teardown(void)
{
	half_free(&pair.relay);
	half_free(&pair.peer);
	udp_line_close(&pair.line);
	event_base_free(pair.base);
}

static bool
all_arrived(void *unused)
{
	const struct stream *a = RELAY_STREAM, *b = PEER_STREAM;

	(void)unused;
	return a->to_send == 0 && b->to_send == 0 && a->received == b->sent &&
	       b->received == a->sent;
}

/* A burst, and when it is there the next: no buffer overflows. */
static bool
bursts_arrived(void *unused)
{
	uint64_t n = pair.left < BURST ? pair.left : BURST;

	if (!is_up(NULL) || !all_arrived(unused))
		return false;
	pair.left -= n;
	if (n == 0)
		return true;
	half_send(&pair.relay, 0, 0, n);
	half_send(&pair.peer, 0, 0, n);
	return false;
}

static void
exchange(uint64_t frames)
{
	pair.left = frames;
	rig_until(pair.base, bursts_arrived, NULL);
}

/* ---- frames ---- */

START_TEST(frames_of_random_size_both_ways)
{
	pair_up();
	exchange(20000);
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
	pair_up();
	exchange(5000);
	ck_assert_uint_eq(FIGURE(pair.relay, records_sent), 5000);
	ck_assert_uint_eq(FIGURE(pair.peer, records_received), 5000);
}
END_TEST

START_TEST(more_than_a_socket_takes_is_lost_and_counted)
{
	pair_up();
	half_send(&pair.relay, 0, 0, 200000);
	while (RELAY_STREAM->to_send > 0)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	exchange(100);
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
	start_peer();
	udp_line_open(&pair.line, pair.base, half_port(&pair.peer));
	pair.relay.remotes[0].paths[0].connect.port = udp_line_port(&pair.line);
	pair.relay.remotes[0].paths[0].mtu = mtus[_i].mtu;
	RELAY_STREAM->frame_bytes = mtus[_i].payload < 1000 ? 300 : 1000;
	PEER_STREAM->frame_bytes = RELAY_STREAM->frame_bytes;
	start_relay();
	rig_until(pair.base, is_up, NULL);
	exchange(2000);
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

static bool
peer_went_down(void *unused)
{
	(void)unused;
	return PEER_STREAM->downs > 0;
}

START_TEST(part_of_a_frame_ends_the_path)
{
	pair.peer.hooks.input = leave_a_byte;
	RELAY_STREAM->to_send = 1;
	start_peer();
	start_relay();
	rig_until(pair.base, peer_went_down, NULL);
	ck_assert_str_eq(PEER_STREAM->reason,
			 "the remote broke the protocol: part of a frame");
}
END_TEST

START_TEST(close_flushes_what_was_filled)
{
	pair_up();
	half_send(&pair.relay, 0, 0, 3);
	tunnel_close(pair.relay.tunnel, 0, 0, "drained");
	ck_assert_str_eq(RELAY_STREAM->reason, "drained");
	tunnel_stop_dialling(pair.relay.tunnel);
	rig_until(pair.base, is_down, NULL);
	ck_assert_uint_eq(PEER_STREAM->received, 3);
	ck_assert_str_eq(PEER_STREAM->reason, "closed by the remote");
}
END_TEST

START_TEST(a_path_without_keys_left_is_dialled_again)
{
	/* 64 full records: 1 MiB, of which both directions use their share. */
	pair.relay.tls.rekey_records = 64;
	RELAY_STREAM->frame_bytes = PEER_STREAM->frame_bytes = 1000;
	pair_up();
	while (RELAY_STREAM->ups < 3) {
		exchange(10);
		ck_assert_uint_lt(FIGURE(pair.relay, bytes_sent), 3 << 20);
	}
	ck_assert_str_eq(RELAY_STREAM->reason, "its keys have been used enough");
	ck_assert_uint_gt(FIGURE(pair.relay, bytes_sent), 1 << 19);
	ck_assert_uint_eq(RELAY_STREAM->missed + PEER_STREAM->missed, 0);
}
END_TEST

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
	start_over_line(judge);
	rig_until(pair.base, is_up, NULL);
	pair.line.judge = NULL;
	ck_assert_uint_eq(FIGURE(pair.relay, dialled), 1);
	ck_assert_uint_eq(half_refused(&pair.peer), 0);
	exchange(200);
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
	start_over_line(lose_all);
	rig_until(pair.base, relay_gave_up, NULL);
	ck_assert_uint_ge(rig_log_count(LOG_LEVEL_WARN, "handshake not finished"), 1);
	pair.line.judge = NULL;
	rig_until(pair.base, is_up, NULL);
	exchange(100);
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

	start_peer();
	port = half_port(&pair.peer);
	half_free(&pair.peer);
	start_relay();
	rig_until(pair.base, was_refused, NULL);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "Connection refused"), 1);
	ck_assert_uint_eq(pair.peer.listen.address.port, port);
	half_restart(&pair.peer, pair.base);
	rig_until(pair.base, is_up, NULL);
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
	start_over_line(NULL);
	rig_until(pair.base, is_up, NULL);
	exchange(100);
	udp_line_rebind(&pair.line);
	half_send(&pair.relay, 0, 0, BURST);
	while (FIGURE(pair.peer, dtls_dropped) == 0)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	ck_assert(PEER_STREAM->up);
	ck_assert_uint_eq(PEER_STREAM->received, 100);

	tunnel_close(pair.relay.tunnel, 0, 0, "timed out");
	rig_until(pair.base, is_up_again, NULL);
	ck_assert(PEER_STREAM->up); /* the old one, beside the new */
	tunnel_close(pair.peer.tunnel, 0, 0, "timed out");
	ck_assert(RELAY_STREAM->up);
	half_send(&pair.relay, 0, 0, BURST);
	while (pair.peer.streams[0][1].received < BURST)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
}
END_TEST

/* Its port is that of the old association, which lives on: nobody who only knows the
 * address may end that. What the core does after a while is done by hand again. */
START_TEST(who_starts_over_at_an_old_address_waits_for_its_end)
{
	uint64_t dropped, seen;

	start_over_line(NULL);
	rig_until(pair.base, is_up, NULL);
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
	rig_until(pair.base, is_up, NULL);
	exchange(100);
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
	start_over_line(NULL);
	rig_until(pair.base, is_up, NULL);
	/* A repeated last flight, changed, would still end the handshake. */
	exchange(BURST);
	pair.line.judge = lie;
	exchange(3000);
	ck_assert_uint_eq(RELAY_STREAM->missed + PEER_STREAM->missed, 0);
	ck_assert_uint_eq(RELAY_STREAM->downs + PEER_STREAM->downs, 0);
	/* At least the repeat and the cut of each. */
	ck_assert_uint_gt(FIGURE(pair.peer, dtls_dropped),
			  2 * FIGURE(pair.relay, records_sent) - 2 * BURST);
	ck_assert_uint_gt(FIGURE(pair.relay, dtls_dropped),
			  2 * FIGURE(pair.peer, records_sent) - 2 * BURST);
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
	exchange(500);
	ck_assert_uint_eq(RELAY_STREAM->downs + PEER_STREAM->downs, 0);
}
END_TEST

/* ---- certificates and versions ---- */

static const struct {
	const char *relay, *peer_ca, *counter_text;
	size_t counter;
	const char *reason, *alert;
} strangers[] = {
	{"impostor", "ca", NULL, COUNTER(refused_untrusted), "untrusted certificate",
	 "unknown CA"},
	{"forged", "ca", NULL, COUNTER(refused_untrusted), "untrusted certificate",
	 "alert"},
	{"expired", "ca", NULL, COUNTER(refused_expired), "expired certificate",
	 "certificate expired"},
	{"not-yet", "ca", NULL, COUNTER(refused_expired), "certificate not yet valid",
	 "bad certificate"},
	{"unlisted", "ca", NULL, COUNTER(refused_name), "wrong name", "alert"},
	{"cn-only", "ca", NULL, COUNTER(refused_name), "wrong name", "alert"},
	{"wildcard", "ca", NULL, COUNTER(refused_name), "wrong name", "alert"},
};

static bool
relay_was_told(void *unused)
{
	(void)unused;
	return rig_log_count(LOG_LEVEL_WARN, "path not up: the remote refused us") > 0;
}

START_TEST(wrong_certificates_are_refused)
{
	pair.relay.tls = rig_tls(strangers[_i].relay, "ca");
	start_peer();
	start_relay();
	rig_until(pair.base, relay_was_told, NULL);
	ck_assert_uint_ge(half_counter(&pair.peer, strangers[_i].counter), 1);
	ck_assert_uint_eq(half_counter(&pair.peer, strangers[_i].counter),
			  half_refused(&pair.peer));
	ck_assert_uint_ge(rig_log_count(LOG_LEVEL_WARN, strangers[_i].reason), 1);
	ck_assert_uint_ge(rig_log_count(LOG_LEVEL_WARN, strangers[_i].alert), 1);
	ck_assert_uint_eq(RELAY_STREAM->ups + PEER_STREAM->ups, 0);
}
END_TEST

static bool
both_said_no(void *unused)
{
	(void)unused;
	return rig_log_count(LOG_LEVEL_WARN, "path not up: ") > 0 &&
	       half_refused(&pair.peer) > 0;
}

START_TEST(a_server_of_another_name_is_refused)
{
	pair.peer.tls = rig_tls("vpc-b", "ca");
	start_peer();
	start_relay();
	rig_until(pair.base, both_said_no, NULL);
	ck_assert_uint_ge(rig_log_count(LOG_LEVEL_WARN, "path not up: wrong name"), 1);
	ck_assert_uint_ge(FIGURE(pair.peer, refused_other), 1);
	ck_assert_uint_eq(FIGURE(pair.peer, refused_other), half_refused(&pair.peer));
	ck_assert_uint_eq(RELAY_STREAM->ups + PEER_STREAM->ups, 0);
}
END_TEST

/* A client of OpenSSL's own, on its own BIO. */
static SSL *
stranger_new(uint16_t port, const char *file, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	BIO *bio = BIO_new_dgram(fd, BIO_CLOSE);
	SSL *ssl;

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	if (file != NULL) {
		ck_assert_int_eq(SSL_CTX_use_certificate_file(
					 ctx, rig_file(file, "crt"), SSL_FILETYPE_PEM),
				 1);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, rig_file(file, "key"),
							     SSL_FILETYPE_PEM),
				 1);
	}
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &to);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_connect_state(ssl);
	return ssl;
}

static bool
stranger_failed(void *arg)
{
	SSL *ssl = arg;
	int ret;

	DTLSv1_handle_timeout(ssl);
	ret = SSL_do_handshake(ssl);
	ck_assert_int_ne(ret, 1);
	ERR_clear_error();
	return half_refused(&pair.peer) > 0;
}

START_TEST(strangers_are_refused_with_a_reason)
{
	static const struct {
		const char *file;
		int version;
		size_t counter;
		const char *reason;
	} cases[] = {
		{NULL, DTLS1_2_VERSION, COUNTER(refused_no_certificate),
		 "no certificate"},
		{"colo-a", DTLS1_VERSION, COUNTER(refused_protocol), "not DTLS 1.2"},
	};
	SSL *ssl;

	start_peer();
	start_relay();
	rig_until(pair.base, is_up, NULL);
	ssl = stranger_new(half_port(&pair.peer), cases[_i].file, cases[_i].version);
	rig_until(pair.base, stranger_failed, ssl);
	ck_assert_uint_eq(half_counter(&pair.peer, cases[_i].counter), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, cases[_i].reason), 1);
	SSL_free(ssl);
	ERR_clear_error();
	exchange(100);
}
END_TEST

START_TEST(only_good_ciphers_are_spoken)
{
	const SSL_CIPHER *cipher;
	SSL *ssl;

	pair_up();
	ssl = pair.relay.tunnel->paths[0].connection->ssl;
	cipher = SSL_get_current_cipher(ssl);
	ck_assert_int_eq(SSL_version(ssl), DTLS1_2_VERSION);
	ck_assert(SSL_CIPHER_is_aead(cipher));
	ck_assert_int_eq(SSL_CIPHER_get_kx_nid(cipher), NID_kx_ecdhe);
	for (int i = 0; SSL_get_cipher_list(ssl, i) != NULL; i++)
		ck_assert(strstr(SSL_get_cipher_list(ssl, i), "ECDHE-") != NULL ||
			  strncmp(SSL_get_cipher_list(ssl, i), "TLS_", 4) == 0);
	ck_assert(SSL_get_options(ssl) & SSL_OP_NO_RENEGOTIATION);
	ck_assert(SSL_get_options(ssl) & SSL_OP_NO_TICKET);
	ck_assert_ptr_null(SSL_get_current_compression(ssl));
	ERR_clear_error();
	ck_assert_int_ne(SSL_renegotiate(ssl), 1);
	ERR_clear_error();
}
END_TEST

static bool
peer_refused_the_name(void *unused)
{
	(void)unused;
	return FIGURE(pair.peer, refused_name) > 0;
}

START_TEST(certificates_are_read_again)
{
	struct half *r = &pair.relay, *p = &pair.peer;

	pair_up();
	r->tls = rig_tls("short", "ca"); /* names vpc-a */
	ck_assert_int_eq(rig_renew(r->tunnel, r->error, sizeof(r->error)), 0);
	ck_assert_int_eq(rig_renew(p->tunnel, p->error, sizeof(p->error)), 0);
	exchange(100);
	tunnel_close(r->tunnel, 0, 0, "for the test");
	rig_until(pair.base, peer_refused_the_name, NULL);
	r->tls = rig_tls("colo-a", "ca");
	ck_assert_int_eq(rig_renew(r->tunnel, r->error, sizeof(r->error)), 0);
	rig_until(pair.base, is_up, NULL);
	exchange(100);
}
END_TEST

/* ---- many ---- */

#define CLIENTS 3

static struct half clients[CLIENTS];

static bool
everybody_is_up(void *unused)
{
	(void)unused;
	for (int i = 0; i < CLIENTS; i++)
		for (int j = 0; j < PATHS_MAX; j++)
			if (!clients[i].streams[0][j].up || !pair.peer.streams[i][j].up)
				return false;
	return true;
}

static bool
everything_arrived(void *unused)
{
	uint64_t received = 0;

	(void)unused;
	for (int i = 0; i < CLIENTS; i++)
		for (int j = 0; j < PATHS_MAX; j++)
			received += pair.peer.streams[i][j].received;
	return received == CLIENTS * PATHS_MAX * BURST;
}

START_TEST(many_share_a_port)
{
	static const char *const names[CLIENTS] = {"colo-a", "unlisted", "vpc-b"};
	static const char *const listed[CLIENTS] = {"colo-a", "vpc-z", "vpc-b"};

	for (int i = 1; i < CLIENTS; i++)
		half_expects(&pair.peer, listed[i]);
	/* A wildcard address, so that answers must come from the one that was asked. */
	pair.peer.listen.address.addr = 0;
	start_peer();
	start_relay();
	for (int i = 0; i < CLIENTS; i++) {
		struct remote_settings *r = &clients[i].remotes[0];

		half_init(&clients[i], names[i], "ca");
		clients[i].transport = TRANSPORT_DTLS;
		half_dials(&clients[i], "vpc-a", half_port(&pair.peer));
		r->path_count = PATHS_MAX;
		for (int j = 0; j < PATHS_MAX; j++)
			r->paths[j] = r->paths[0];
		if (i == 0)
			continue;
		half_start(&clients[i], pair.base, false);
	}
	/* The relay of every test is colo-a too: it makes room for these. */
	half_free(&pair.relay);
	half_start(&clients[0], pair.base, false);
	rig_until(pair.base, everybody_is_up, NULL);
	for (int i = 0; i < CLIENTS; i++)
		for (unsigned int j = 0; j < PATHS_MAX; j++)
			half_send(&clients[i], 0, j, BURST);
	rig_until(pair.base, everything_arrived, NULL);
	for (int i = 0; i < CLIENTS; i++)
		half_free(&clients[i]);
}
END_TEST

/* ---- floods ---- */

#define HELLO_BYTES_MAX 1024

/* A ClientHello of OpenSSL's, without a cookie. */
static size_t
record_hello(uint8_t *out)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
	int len;

	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, to);
	SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(ssl, 1200);
	SSL_set_connect_state(ssl);
	ck_assert_int_ne(SSL_do_handshake(ssl), 1);
	len = BIO_read(to, out, HELLO_BYTES_MAX);
	ck_assert_int_gt(len, 100);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return (size_t)len;
}

/* From anywhere in 127.0.0.0/8, as on this line all of it is spoofed. */
static int
open_source(unsigned int i)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(0x7f010000 + i)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void
send_from(int fd, uint16_t port, const void *bytes, size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)!sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to));
}

#define SOURCES      64
#define FLOOD        50000
#define FLOOD_BURST  50
#define MEMORY_SLACK 65536

START_TEST(a_flood_of_hellos_costs_no_state)
{
	uint8_t hello[HELLO_BYTES_MAX];
	size_t len = record_hello(hello), before;
	int sources[SOURCES];
	uint64_t judged;

	pair_up();
	exchange(100);
	for (unsigned int i = 0; i < SOURCES; i++)
		sources[i] = open_source(i);
	send_from(sources[0], half_port(&pair.peer), hello, len);
	while (FIGURE(pair.peer, dtls_hello_retries) < 2)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	before = mallinfo2().uordblks;
	for (unsigned int i = 0; i < FLOOD / FLOOD_BURST; i++) {
		for (unsigned int j = 0; j < FLOOD_BURST; j++)
			send_from(sources[(i + j) % SOURCES], half_port(&pair.peer),
				  hello, len);
		/* The path has its turn after each batch, and no later. */
		exchange(1);
	}
	judged = FIGURE(pair.peer, dtls_hello_retries);
	ck_assert_uint_gt(judged, FLOOD / 4);
	ck_assert_uint_le(judged, FLOOD + 2);
	ck_assert_uint_eq(FIGURE(pair.peer, accepted), 1);
	ck_assert_uint_eq(pair.peer.tunnel->unauthenticated, 0);
	ck_assert_uint_lt(mallinfo2().uordblks, before + MEMORY_SLACK);
	ck_assert_uint_eq(RELAY_STREAM->missed + PEER_STREAM->missed, 0);
	ck_assert_uint_eq(RELAY_STREAM->downs + PEER_STREAM->downs, 0);
	for (unsigned int i = 0; i < SOURCES; i++)
		close(sources[i]);
}
END_TEST

START_TEST(garbage_at_the_listener_is_dropped)
{
	uint8_t bytes[HELLO_BYTES_MAX];
	size_t len = record_hello(bytes);
	int fd = open_source(0);

	start_peer();
	start_relay();
	rig_until(pair.base, is_up, NULL);
	loss.seed = (unsigned int)_i;
	for (unsigned int i = 0; i < 2000; i++) {
		uint8_t copy[HELLO_BYTES_MAX];
		size_t cut = (size_t)rand_r(&loss.seed) % (len + 1);

		memcpy(copy, bytes, len);
		for (int j = rand_r(&loss.seed) % 4; j > 0; j--)
			copy[(size_t)rand_r(&loss.seed) % len] =
				(uint8_t)rand_r(&loss.seed);
		send_from(fd, half_port(&pair.peer), copy, i % 2 == 0 ? cut : len);
		exchange(1);
	}
	while (FIGURE(pair.peer, dtls_dropped) + FIGURE(pair.peer, dtls_hello_retries) <
	       2001)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	ck_assert_uint_gt(FIGURE(pair.peer, dtls_dropped), 500);
	ck_assert_uint_eq(FIGURE(pair.peer, accepted), 1);
	ck_assert_uint_eq(half_refused(&pair.peer), 0);
	close(fd);
}
END_TEST

#define IDLERS 80

static struct {
	SSL *ssl[IDLERS];
	unsigned int hellos[IDLERS];
} crowd;

static void
count_hellos(int writes, int version, int type, const void *bytes, size_t len, SSL *ssl,
	     void *arg)
{
	(void)version, (void)len, (void)ssl;
	if (writes && type == SSL3_RT_HANDSHAKE &&
	    *(const uint8_t *)bytes == SSL3_MT_CLIENT_HELLO)
		++*(unsigned int *)arg;
}

static bool
crowd_is_in(void *unused)
{
	(void)unused;
	for (int i = 0; i < IDLERS; i++) {
		/* So far as the cookie; then they say nothing. */
		if (crowd.hellos[i] < 2)
			SSL_do_handshake(crowd.ssl[i]);
		ERR_clear_error();
	}
	ck_assert_uint_le(pair.peer.tunnel->unauthenticated, UNAUTHENTICATED_MAX);
	return FIGURE(pair.peer, refused_limit) > 0;
}

static bool
crowd_is_gone(void *unused)
{
	(void)unused;
	return pair.peer.tunnel->unauthenticated == 0;
}

START_TEST(handshakes_that_say_nothing_are_limited)
{
	pair.peer.tls.handshake_timeout_ns = 500 * NS_PER_MS;
	pair_up();
	for (int i = 0; i < IDLERS; i++) {
		crowd.ssl[i] =
			stranger_new(half_port(&pair.peer), "colo-a", DTLS1_2_VERSION);
		crowd.hellos[i] = 0;
		SSL_set_msg_callback(crowd.ssl[i], count_hellos);
		SSL_set_msg_callback_arg(crowd.ssl[i], &crowd.hellos[i]);
	}
	rig_until(pair.base, crowd_is_in, NULL);
	exchange(200);
	rig_until(pair.base, crowd_is_gone, NULL);
	ck_assert_uint_gt(FIGURE(pair.peer, refused_timeout), 0);
	for (int i = 0; i < IDLERS; i++)
		SSL_free(crowd.ssl[i]);
	ck_assert_uint_eq(RELAY_STREAM->downs, 0);
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
		pair_up();
		ck_assert_uint_eq(RELAY_STREAM->mtu, 1472 - 37);
		exchange(200);
		set_loopback_mtu(1280);
		exchange(200);
		ck_assert_uint_eq(RELAY_STREAM->mtu, 1252 - 37);
		ck_assert_uint_eq(RELAY_STREAM->ups, 2);
		ck_assert_uint_ge(
			rig_log_count(LOG_LEVEL_WARN,
				      "takes 1280 bytes at a time, no longer 1500"),
			1);
		return;
	}
	start_peer();
	start_relay();
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
	start_peer();
	p->max_rate_bps = 40 * 1000 * 1000;
	p->mtu = _i == 0 ? 1500 : 0;
	RELAY_STREAM->frame_bytes = PEER_STREAM->frame_bytes = 400;
	start_relay();
	rig_until(pair.base, is_up, NULL);
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

static TCase *
add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 300);
	tcase_add_unchecked_fixture(tc, rig_make_files, rig_remove_files);
	tcase_add_checked_fixture(tc, setup, teardown);
	suite_add_tcase(s, tc);
	return tc;
}

static Suite *
dtls_suite(void)
{
	Suite *s = suite_create("dtls");
	TCase *tc = add_case(s, "frames");

	tcase_add_test(tc, frames_of_random_size_both_ways);
	tcase_add_test(tc, one_frame_a_datagram);
	tcase_add_test(tc, more_than_a_socket_takes_is_lost_and_counted);
	tcase_add_loop_test(tc, datagrams_fit_the_mtu, 0, 5);
	tcase_add_test(tc, part_of_a_frame_ends_the_path);
	tcase_add_test(tc, close_flushes_what_was_filled);
	tcase_add_test(tc, a_path_without_keys_left_is_dialled_again);
	tcase_add_loop_test(tc, max_rate_is_kept, 0, 2);
	tcase_add_test(tc, a_narrower_path_is_dialled_again);

	tc = add_case(s, "loss");
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

	tc = add_case(s, "lies");
	tcase_add_loop_test(tc, garbage_repeats_and_cuts_are_dropped_and_counted, 0, 3);
	tcase_add_test(tc, alerts_of_anybody_do_not_end_a_handshake);

	tc = add_case(s, "strangers");
	tcase_add_loop_test(tc, wrong_certificates_are_refused, 0, 7);
	tcase_add_test(tc, a_server_of_another_name_is_refused);
	tcase_add_loop_test(tc, strangers_are_refused_with_a_reason, 0, 2);
	tcase_add_test(tc, only_good_ciphers_are_spoken);
	tcase_add_test(tc, certificates_are_read_again);
	tcase_add_test(tc, many_share_a_port);
	tcase_add_test(tc, a_flood_of_hellos_costs_no_state);
	tcase_add_loop_test(tc, garbage_at_the_listener_is_dropped, 0, 2);
	tcase_add_test(tc, handshakes_that_say_nothing_are_limited);

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
