/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel between two halves in one event base, on loopback: bytes both ways,
 * key updates under pressure, ends and new beginnings, the rules for ops. What
 * is refused is in check_refusal.c.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/dial.h"
#include "suite.h"
#include "tunnel_pair.h"

/* What a stream carries comes while its one path lives. */
static bool
all_arrived(void *unused)
{
	ck_assert(RELAY_STREAM->downs == 0 && PEER_STREAM->downs == 0);
	return tunnel_pair_arrived(unused);
}

/* ---- bytes ---- */

START_TEST(frames_of_random_size_both_ways)
{
	tunnel_pair_up();
	half_send(&pair.relay, 0, 0, 20000);
	half_send(&pair.peer, 0, 0, 20000);
	rig_until(pair.base, all_arrived, NULL);

	ck_assert_uint_eq(PEER_STREAM->received, 20000);
	ck_assert_uint_eq(FIGURE(pair.relay, bytes_sent),
			  FIGURE(pair.peer, bytes_received));
	ck_assert_uint_eq(FIGURE(pair.peer, bytes_sent),
			  FIGURE(pair.relay, bytes_received));
	ck_assert_uint_eq(FIGURE(pair.relay, records_sent),
			  FIGURE(pair.peer, records_received));
	ck_assert_uint_gt(FIGURE(pair.relay, bytes_sent), 20000 * 700);
	ck_assert_uint_eq(FIGURE(pair.peer, accepted), 1);
	ck_assert_uint_eq(FIGURE(pair.relay, dialled), 1);
	ck_assert_uint_eq(FIGURE(pair.relay, established), 1);
	ck_assert_uint_gt(pair.peer.turns, 0);
	ck_assert(tunnel_flushed(pair.relay.tunnel));
}
END_TEST

START_TEST(only_frames_longer_than_a_record)
{
	tunnel_pair_up();
	RELAY_STREAM->frame_bytes = 72000;
	PEER_STREAM->frame_bytes = 72000;
	half_send(&pair.relay, 0, 0, 500);
	half_send(&pair.peer, 0, 0, 500);
	/* The receiver must know what to expect. */
	rig_until(pair.base, all_arrived, NULL);
	ck_assert_uint_eq(RELAY_STREAM->received, 500);
}
END_TEST

static void
shrink_buffers(const struct half *h, int bytes)
{
	int fd = half_fd(h, 0, 0);

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)),
			 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)),
			 0);
}

/* The ears close and open by chance, at both ends, while both send. */
static bool
all_arrived_at_slow_readers(void *unused)
{
	pair.relay.closed_ears = random() % 3 == 0;
	pair.peer.closed_ears = random() % 3 == 0;
	tunnel_resume(pair.relay.tunnel);
	tunnel_resume(pair.peer.tunnel);
	return all_arrived(unused);
}

static void
rekey_often(uint64_t frames, uint32_t frame_bytes, int buffer_bytes)
{
	pair.relay.tls.rekey_records = pair.peer.tls.rekey_records = 1;
	tunnel_pair_up();
	shrink_buffers(&pair.relay, buffer_bytes);
	shrink_buffers(&pair.peer, buffer_bytes);
	RELAY_STREAM->frame_bytes = frame_bytes;
	PEER_STREAM->frame_bytes = frame_bytes;
	RELAY_STREAM->one_a_record = true;
	PEER_STREAM->one_a_record = true;
	half_send(&pair.relay, 0, 0, frames);
	half_send(&pair.peer, 0, 0, frames);
	rig_until(pair.base, all_arrived_at_slow_readers, NULL);
	ck_assert_uint_ge(FIGURE(pair.relay, key_updates), frames - 1);
	ck_assert_uint_ge(FIGURE(pair.peer, key_updates), frames - 1);
	ck_assert_uint_gt(FIGURE(pair.relay, blocked), 0);
	ck_assert_uint_gt(FIGURE(pair.peer, blocked), 0);
}

START_TEST(a_key_update_for_every_small_record)
{
	rekey_often(20000, 900, 16 * 1024);
}
END_TEST

/* Often not even an update's few bytes fit: slow, as TCP waits for its timers. */
START_TEST(a_key_update_when_there_is_no_room)
{
	rekey_often(3000, 900, 4096);
}
END_TEST

START_TEST(a_key_update_for_every_long_frame)
{
	/* Below loopback's segment of 64 KB, TCP would crawl from timer to timer. */
	rekey_often(1500, 72000, 48 * 1024);
}
END_TEST

START_TEST(keys_are_updated_by_count)
{
	pair.relay.tls.rekey_records = 10;
	tunnel_pair_up();
	RELAY_STREAM->one_a_record = true;
	PEER_STREAM->frame_bytes = 100;
	RELAY_STREAM->frame_bytes = 100;
	half_send(&pair.relay, 0, 0, 1001);
	rig_until(pair.base, all_arrived, NULL);
	ck_assert_uint_eq(FIGURE(pair.relay, key_updates), 100);
	ck_assert_uint_eq(FIGURE(pair.peer, key_updates), 0);
}
END_TEST

static bool
relay_is_blocked(void *unused)
{
	(void)unused;
	return FIGURE(pair.relay, blocked) > 0 && !tunnel_flushed(pair.relay.tunnel);
}

START_TEST(a_reader_that_does_not_read_holds_the_sender)
{
	tunnel_pair_up();
	pair.peer.closed_ears = true;
	half_send(&pair.relay, 0, 0, 100000);
	rig_until(pair.base, relay_is_blocked, NULL);
	/* The backlog stays with the lane. */
	ck_assert_uint_gt(RELAY_STREAM->to_send, 1000);
	ck_assert_uint_lt(FIGURE(pair.peer, bytes_received), INPUT_BYTES_MAX);

	pair.peer.closed_ears = false;
	tunnel_resume(pair.peer.tunnel);
	RELAY_STREAM->to_send %= 2000;
	rig_until(pair.base, all_arrived, NULL);
	ck_assert(tunnel_flushed(pair.relay.tunnel));
}
END_TEST

/* ---- ends and beginnings ---- */

START_TEST(a_peer_that_vanishes_is_dialled_until_it_is_back)
{
	tunnel_pair_up();
	half_free(&pair.peer);
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	ck_assert_str_eq(RELAY_STREAM->reason, "closed by the remote");
	ck_assert_uint_eq(RELAY_STREAM->downs, 1);

	while (FIGURE(pair.relay, dialled) < 5)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);
	/* One line for the end, one for the story since, however many attempts. */
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "path down remote=vpc-a"), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "path not up"), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "Connection refused"), 1);

	half_restart(&pair.peer, pair.base);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	half_send(&pair.relay, 0, 0, 100);
	half_send(&pair.peer, 0, 0, 100);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	ck_assert_uint_eq(RELAY_STREAM->ups, 2);
}
END_TEST

static bool
relay_said_up_twice(void *unused)
{
	(void)unused;
	return rig_log_count(LOG_LEVEL_INFO, "path up after") == 2;
}

START_TEST(the_log_counts_the_attempts)
{
	tunnel_pair_up();
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "path up after 1 attempts"), 1);
	/* It did not last, so the second line waits until it has. */
	tunnel_close(pair.peer.tunnel, 0, 0, "for the test");
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "path up after"), 1);
	rig_until(pair.base, relay_said_up_twice, NULL);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "path up after 2 attempts"), 1);
}
END_TEST

START_TEST(a_path_that_does_not_work_is_a_warning)
{
	tunnel_pair_up();
	tunnel_fail(pair.relay.tunnel, 0, 0, "timeout");
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "path down remote=vpc-a slot=0 "
							"reason=\"timeout\""),
			  1);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	tunnel_close(pair.relay.tunnel, 0, 0, "drained");
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "reason=\"drained\""), 0);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "reason=\"drained\""), 1);
}
END_TEST

START_TEST(close_flushes_what_was_filled)
{
	tunnel_pair_up();
	half_send(&pair.relay, 0, 0, 3);
	tunnel_close(pair.relay.tunnel, 0, 0, "drained");
	ck_assert_uint_eq(RELAY_STREAM->downs, 1);
	ck_assert_str_eq(RELAY_STREAM->reason, "drained");
	tunnel_stop_dialling(pair.relay.tunnel);
	tunnel_close(pair.relay.tunnel, 0, 0, "there is nothing to close");
	ck_assert_uint_eq(RELAY_STREAM->downs, 1);
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	ck_assert_uint_eq(PEER_STREAM->received, 3);
	ck_assert_str_eq(PEER_STREAM->reason, "closed by the remote");
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "reason=\"drained\""), 1);
}
END_TEST

START_TEST(close_of_a_blocked_path_does_not_wait)
{
	tunnel_pair_up();
	pair.peer.closed_ears = true;
	half_send(&pair.relay, 0, 0, 100000);
	rig_until(pair.base, relay_is_blocked, NULL);
	tunnel_stop_dialling(pair.relay.tunnel);
	tunnel_close(pair.relay.tunnel, 0, 0, "too slow");
	ck_assert(!RELAY_STREAM->up);
	ck_assert(tunnel_flushed(pair.relay.tunnel));
	pair.peer.closed_ears = false;
	tunnel_resume(pair.peer.tunnel);
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	ck_assert_str_eq(PEER_STREAM->reason, "the remote closed without close_notify");
}
END_TEST

static bool
relay_has_bytes_unread(void *unused)
{
	int bytes = 0;

	ck_assert_int_eq(ioctl(half_fd(&pair.relay, 0, 0), FIONREAD, &bytes), 0);
	return bytes > 0 && relay_is_blocked(unused);
}

/* The kernel would answer a close with unread bytes by a reset, and throw away
 * what is still in the send buffer. */
START_TEST(what_was_written_arrives_though_we_did_not_read)
{
	uint64_t written;

	tunnel_pair_up();
	shrink_buffers(&pair.peer, 16 * 1024);
	pair.relay.closed_ears = pair.peer.closed_ears = true;
	half_send(&pair.peer, 0, 0, 5);
	half_send(&pair.relay, 0, 0, 100000);
	rig_until(pair.base, relay_has_bytes_unread, NULL);
	written = FIGURE(pair.relay, bytes_sent);
	tunnel_stop_dialling(pair.relay.tunnel);
	tunnel_close(pair.relay.tunnel, 0, 0, "for the test");
	pair.peer.closed_ears = false;
	tunnel_resume(pair.peer.tunnel);
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	ck_assert_uint_ge(FIGURE(pair.peer, bytes_received), written);
}
END_TEST

START_TEST(stopped_dialling_means_stopped)
{
	tunnel_pair_up();
	tunnel_stop_dialling(pair.relay.tunnel);
	ck_assert(RELAY_STREAM->up);
	tunnel_close(pair.relay.tunnel, 0, 0, "bye");
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	ck_assert_int_eq(event_pending(&pair.relay.tunnel->paths[0].dial.timer,
				       EV_TIMEOUT, NULL),
			 0);
	ck_assert_uint_eq(FIGURE(pair.relay, dialled), 1);
}
END_TEST

START_TEST(a_reset_is_told_as_one)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	int fd;

	tunnel_pair_up();
	fd = dup(half_fd(&pair.peer, 0, 0));
	ck_assert_int_eq(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	/* Keeps the descriptor, takes the connection away below it. */
	ck_assert_int_eq(connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC},
				 sizeof(struct sockaddr)),
			 0);
	rig_until(pair.base, tunnel_pair_is_down, NULL);
	ck_assert_str_eq(RELAY_STREAM->reason,
			 "connection lost: Connection reset by peer");
	close(fd);
}
END_TEST

START_TEST(certificates_are_read_again)
{
	struct half *r = &pair.relay;
	int64_t before;

	tunnel_pair_up();
	before = gauge_get(&tunnel_figures(r->tunnel)->certificate_expires_s);
	ck_assert_int_gt(before, clock_now().utc.ns / NS_PER_S + 364 * 86400LL);

	/* From files that are no good: the old ones stay. */
	r->tls.key = (char *)rig_file("vpc-a", "key");
	ck_assert_int_lt(rig_renew(r->tunnel, r->error, sizeof(r->error)), 0);
	ck_assert_ptr_nonnull(strstr(r->error, "does not belong to certificate"));
	ck_assert_int_eq(gauge_get(&tunnel_figures(r->tunnel)->certificate_expires_s),
			 before);

	/* From one the peer does not know: the session stands. */
	r->tls = rig_tls("short", "ca");
	ck_assert_int_eq(rig_renew(r->tunnel, r->error, sizeof(r->error)), 0);
	ck_assert_int_lt(gauge_get(&tunnel_figures(r->tunnel)->certificate_expires_s),
			 before);
	half_send(r, 0, 0, 1000);
	rig_until(pair.base, all_arrived, NULL);

	/* A new handshake uses it, and is refused. */
	tunnel_close(r->tunnel, 0, 0, "for the test");
	while (FIGURE(pair.peer, refused_name) == 0)
		ck_assert_int_eq(event_base_loop(pair.base, EVLOOP_ONCE), 0);

	/* And back again. */
	r->tls = rig_tls("colo-a", "ca");
	ck_assert_int_eq(rig_renew(r->tunnel, r->error, sizeof(r->error)), 0);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
}
END_TEST

START_TEST(the_pause_between_attempts_doubles_with_jitter)
{
	struct dial d = {.backoff_ns = BACKOFF_MIN_NS};
	int64_t least = BACKOFF_MIN_NS;

	tunnel_pair_start(); /* for the teardown */
	for (int i = 0; i < 10; i++) {
		int64_t low, high;

		d.backoff_ns = least;
		low = dial_backoff(&d, 0);
		d.backoff_ns = least;
		high = dial_backoff(&d, (uint64_t)(least / 4 * 2));
		ck_assert_int_eq(low, least - least / 4);
		ck_assert_int_eq(high, least + least / 4);
		least = least * 2 < BACKOFF_MAX_NS ? least * 2 : BACKOFF_MAX_NS;
		ck_assert_int_eq(d.backoff_ns, least);
	}
	ck_assert_int_eq(least, BACKOFF_MAX_NS);
}
END_TEST

/* ---- ops that call back ---- */

static long
close_from_input(struct half *h, unsigned int remote, unsigned int slot, size_t len)
{
	tunnel_kick(h->tunnel, remote, slot);
	tunnel_resume(h->tunnel);
	tunnel_close(h->tunnel, remote, slot, "closed in input");
	tunnel_close(h->tunnel, remote, slot, "closed twice");
	tunnel_kick(h->tunnel, remote, slot);
	ck_assert_uint_eq(h->streams[remote][slot].downs, 0);
	return (long)len;
}

static void
close_from_fill(struct half *h, unsigned int remote, unsigned int slot)
{
	tunnel_kick(h->tunnel, remote, slot);
	tunnel_kick_all(h->tunnel);
	tunnel_close(h->tunnel, remote, slot, "closed in fill");
}

static void
close_from_turn_end(struct half *h)
{
	tunnel_close(h->tunnel, 0, 0, "closed in turn_end");
}

static void
close_from_up(struct half *h, unsigned int remote, unsigned int slot)
{
	tunnel_close(h->tunnel, remote, slot, "closed in up");
}

static void
kick_from_down(struct half *h, unsigned int remote, unsigned int slot)
{
	tunnel_kick(h->tunnel, remote, slot);
	tunnel_kick_all(h->tunnel);
	tunnel_close(h->tunnel, remote, slot, "closed in down");
}

/* Each hook of the peer closes the path, in turn. */
START_TEST(ops_may_close_their_own_path)
{
	static const struct {
		struct half_hooks hooks;
		const char *reason;
	} cases[] = {
		{{.input = close_from_input}, "closed in input"},
		{{.fill = close_from_fill}, "closed in fill"},
		{{.turn_end = close_from_turn_end}, "closed in turn_end"},
		{{.up = close_from_up}, "closed in up"},
	};

	pair.peer.hooks = cases[_i].hooks;
	pair.peer.hooks.down = kick_from_down;
	RELAY_STREAM->to_send = 50;
	PEER_STREAM->to_send = 50;
	tunnel_pair_start();
	rig_until(pair.base, tunnel_pair_peer_went_down, NULL);
	ck_assert_str_eq(PEER_STREAM->reason, cases[_i].reason);
	ck_assert_uint_eq(PEER_STREAM->downs, 1);
	ck_assert_uint_eq(PEER_STREAM->ups, 1);
}
END_TEST

static long
answer_in_turn(struct half *h, unsigned int remote, unsigned int slot, size_t len)
{
	(void)len;
	half_send(h, remote, slot, 1);
	return LONG_MIN;
}

START_TEST(input_may_kick_its_own_path)
{
	pair.peer.hooks.input = answer_in_turn;
	tunnel_pair_up();
	half_send(&pair.relay, 0, 0, 5000);
	rig_until(pair.base, all_arrived, NULL);
	ck_assert_uint_gt(RELAY_STREAM->received, 10);
}
END_TEST

static long
refuse_input(struct half *h, unsigned int remote, unsigned int slot, size_t len)
{
	(void)h;
	(void)remote;
	(void)slot;
	(void)len;
	return -1;
}

static long
take_nothing(struct half *h, unsigned int remote, unsigned int slot, size_t len)
{
	(void)h;
	(void)remote;
	(void)slot;
	(void)len;
	return 0;
}

START_TEST(a_broken_protocol_ends_the_path)
{
	pair.peer.hooks.input = _i == 0 ? refuse_input : take_nothing;
	RELAY_STREAM->to_send = 10000;
	tunnel_pair_start();
	rig_until(pair.base, tunnel_pair_peer_went_down, NULL);
	ck_assert_ptr_nonnull(
		strstr(PEER_STREAM->reason, "the remote broke the protocol"));
	ck_assert_int_eq(strstr(PEER_STREAM->reason, "a frame longer") != NULL,
			 _i == 1);
}
END_TEST

/* ---- several paths ---- */

static bool
three_arrived(void *unused)
{
	const struct stream *a = pair.relay.streams[0], *b = pair.peer.streams[0];

	(void)unused;
	for (int i = 0; i < 3; i++)
		if (!a[i].up || a[i].to_send > 0 || !b[i].up)
			return false;
	return b[0].received + b[1].received + b[2].received == 6000;
}

START_TEST(paths_of_one_remote_have_slots_of_their_own)
{
	struct remote_settings *r = &pair.relay.remotes[0];

	tunnel_pair_start_peer();
	r->path_count = 3;
	r->paths[1] = r->paths[2] = r->paths[0];
	r->paths[1].bind = 0x7f000003; /* 127.0.0.3 */
	for (int i = 0; i < 3; i++)
		pair.relay.streams[0][i].to_send = 2000;
	tunnel_pair_start_relay();
	rig_until(pair.base, three_arrived, NULL);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "from=127.0.0.3:"), 1);
	ck_assert_uint_eq(FIGURE(pair.relay, established), 3);
}
END_TEST

static Suite *
tunnel_suite(void)
{
	Suite *s = suite_create("tunnel");
	TCase *tc = tunnel_pair_case(s, "bytes", TRANSPORT_TLS);

	tcase_add_test(tc, frames_of_random_size_both_ways);
	tcase_add_test(tc, only_frames_longer_than_a_record);
	tcase_add_test(tc, a_key_update_for_every_small_record);
	tcase_add_test(tc, a_key_update_when_there_is_no_room);
	tcase_add_test(tc, a_key_update_for_every_long_frame);
	tcase_add_test(tc, keys_are_updated_by_count);
	tcase_add_test(tc, a_reader_that_does_not_read_holds_the_sender);
	tcase_add_test(tc, paths_of_one_remote_have_slots_of_their_own);

	tc = tunnel_pair_case(s, "ends", TRANSPORT_TLS);
	tcase_add_test(tc, a_peer_that_vanishes_is_dialled_until_it_is_back);
	tcase_add_test(tc, the_log_counts_the_attempts);
	tcase_add_test(tc, a_path_that_does_not_work_is_a_warning);
	tcase_add_test(tc, close_flushes_what_was_filled);
	tcase_add_test(tc, close_of_a_blocked_path_does_not_wait);
	tcase_add_test(tc, what_was_written_arrives_though_we_did_not_read);
	tcase_add_test(tc, stopped_dialling_means_stopped);
	tcase_add_test(tc, a_reset_is_told_as_one);
	tcase_add_test(tc, certificates_are_read_again);
	tcase_add_test(tc, the_pause_between_attempts_doubles_with_jitter);

	tc = tunnel_pair_case(s, "ops", TRANSPORT_TLS);
	tcase_add_loop_test(tc, ops_may_close_their_own_path, 0, 4);
	tcase_add_test(tc, input_may_kick_its_own_path);
	tcase_add_loop_test(tc, a_broken_protocol_ends_the_path, 0, 2);
	return s;
}

int
main(void)
{
	const char *given = getenv("TOMBOLO_SEED");
	unsigned int seed = given != NULL ? (unsigned int)strtoul(given, NULL, 0)
					  : (unsigned int)clock_now().mono.ns;
	int status;

	srandom(seed);
	status = suite_run(tunnel_suite());
	if (status != EXIT_SUCCESS)
		fprintf(stderr, "TOMBOLO_SEED=%u\n", seed);
	return status;
}
