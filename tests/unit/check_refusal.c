/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tunnel refuses: each stranger gives one line in the log, with where
 * from, why and the remedy, and moves one counter, while a path that is up goes
 * on carrying frames.
 */
#include <check.h>
#include <malloc.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tunnel_rig.h"
#include "suite.h"

/* The relay listens and expects vpc-a (the strangers) and vpc-b (up). */
static struct {
	struct event_base *base;
	struct half relay, friend;
	struct stream before;
} world;

#define RELAY(id)   half_counter(&world.relay, COUNTER(id))
#define VPC_A       0
#define VPC_B       1
#define FRIEND_PATH (&world.friend.streams[0][0])

static bool
friend_is_up(void *unused)
{
	(void)unused;
	return FRIEND_PATH->up && world.relay.streams[VPC_B][0].up;
}

/* Every turn is answered by a frame: traffic without end, and without haste. */
static void
answer_as_relay(struct half *h)
{
	h->streams[VPC_B][0].to_send++;
	tunnel_kick_all(h->tunnel);
}

static void
answer_as_friend(struct half *h)
{
	h->streams[0][0].to_send++;
	tunnel_kick_all(h->tunnel);
}

static void
start_relay(int64_t handshake_timeout_ns)
{
	rig_log_clear();
	world.base = event_base_new();
	half_init(&world.relay, "colo-a", "ca");
	world.relay.tls.crl = (char *)rig_file("list", "crl");
	world.relay.tls.handshake_timeout_ns = handshake_timeout_ns;
	world.relay.hooks.turn_end = answer_as_relay;
	half_expects(&world.relay, "vpc-a");
	half_expects(&world.relay, "vpc-b");
	half_start(&world.relay, world.base, true);
	half_init(&world.friend, "vpc-b", "ca");
	world.friend.hooks.turn_end = answer_as_friend;
	half_dials(&world.friend, "colo-a", half_port(&world.relay));
	half_start(&world.friend, world.base, false);
	rig_until(world.base, friend_is_up, NULL);
	FRIEND_PATH->frame_bytes = world.relay.streams[VPC_B][0].frame_bytes = 500;
	half_send(&world.friend, 0, 0, 1);
}

static void
setup(void)
{
	start_relay(20 * NS_PER_S);
}

static bool
frames_flowed(void *unused)
{
	(void)unused;
	return FRIEND_PATH->received > world.before.received + 20 &&
	       world.relay.streams[VPC_B][0].received > world.before.sent + 20;
}

/* Both ways, as if nothing had happened. */
static void
check_undisturbed(void)
{
	world.before.received = FRIEND_PATH->received;
	world.before.sent = world.relay.streams[VPC_B][0].received;
	rig_until(world.base, frames_flowed, NULL);
	ck_assert_uint_eq(FRIEND_PATH->downs, 0);
	ck_assert_uint_eq(world.relay.streams[VPC_B][0].downs, 0);
}

static void
teardown(void)
{
	half_free(&world.friend);
	half_free(&world.relay);
	event_base_free(world.base);
}

/* ---- strangers ---- */

struct stranger {
	const char *certificate; /* "": none; NULL: not TLS */
	int max_version;
	const char *says; /* not TLS: this */
	bool hangs_up, verifies;
	size_t counter;
	const char *reason, *detail;
};

static const struct stranger strangers[] = {
	{.says = "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	 .counter = COUNTER(refused_protocol),
	 .reason = "not TLS at all",
	 .detail = "http request"},
	{.says = "\x80\x2e\x01\x03\x01 something from long ago, SSLv2 by its looks ....",
	 .counter = COUNTER(refused_protocol),
	 .reason = "not TLS at all",
	 .detail = ""},
	{.says = "\xff\xfe\xfd\xfc random bytes \x01\x02\x03\x04",
	 .counter = COUNTER(refused_protocol),
	 .reason = "not TLS at all",
	 .detail = ""},
	{.says = "\x16\x03\x01\x02\x01\x01 a record that begins like a ClientHello",
	 .hangs_up = true,
	 .counter = COUNTER(refused_other),
	 .reason = "ended in mid-handshake",
	 .detail = "closed"},
	{.says = "",
	 .hangs_up = true,
	 .counter = COUNTER(refused_other),
	 .reason = "ended in mid-handshake",
	 .detail = "closed"},
	{.says = "",
	 .counter = COUNTER(refused_timeout),
	 .reason = "timed out",
	 .detail = "said nothing of TLS for 500 ms"},
	{.certificate = "vpc-a",
	 .max_version = TLS1_2_VERSION,
	 .counter = COUNTER(refused_protocol),
	 .reason = "not TLS 1.3",
	 .detail = "unsupported protocol"},
	{.certificate = "",
	 .counter = COUNTER(refused_no_certificate),
	 .reason = "no certificate",
	 .detail = "peer did not return a certificate"},
	{.certificate = "impostor",
	 .counter = COUNTER(refused_untrusted),
	 .reason = "untrusted certificate",
	 .detail = "its own certificate (depth 0)"},
	{.certificate = "forged",
	 .counter = COUNTER(refused_untrusted),
	 .reason = "untrusted certificate",
	 .detail = "certificate signature failure"},
	{.certificate = "expired",
	 .counter = COUNTER(refused_expired),
	 .reason = "expired certificate",
	 .detail = "certificate has expired"},
	{.certificate = "not-yet",
	 .counter = COUNTER(refused_expired),
	 .reason = "not yet valid",
	 .detail = "certificate is not yet valid"},
	{.certificate = "revoked",
	 .counter = COUNTER(refused_revoked),
	 .reason = "revoked certificate",
	 .detail = "certificate revoked, its own certificate (depth 0)"},
	{.certificate = "unlisted",
	 .counter = COUNTER(refused_name),
	 .reason = "wrong name",
	 .detail = "carries vpc-z, ?[2Jbell??; listed vpc-a, vpc-b"},
	{.certificate = "cn-only",
	 .counter = COUNTER(refused_name),
	 .reason = "wrong name",
	 .detail = "carries no DNS name; listed vpc-a, vpc-b"},
	{.certificate = "wildcard",
	 .counter = COUNTER(refused_name),
	 .reason = "wrong name",
	 .detail = "carries *, *.vpc-a, .vpc-a, *.vpc.example; listed"},
	{.certificate = "vpc-a",
	 .verifies = true,
	 .counter = COUNTER(refused_other),
	 .reason = "the remote refused us",
	 .detail = "alert \"unknown CA\""},
};

#define STRANGERS ((int)(sizeof(strangers) / sizeof(strangers[0])))

struct visit {
	const struct stranger *who;
	SSL *ssl;
	int fd;
	uint64_t refused_before;
};

static void
begin_visit(struct visit *v, const struct stranger *who)
{
	*v = (struct visit){.who = who, .refused_before = half_refused(&world.relay)};
	if (who->certificate == NULL) {
		v->fd = rig_connect(half_port(&world.relay));
		ck_assert_int_eq(send(v->fd, who->says, strlen(who->says), 0),
				 (ssize_t)strlen(who->says));
		if (who->hangs_up)
			shutdown(v->fd, SHUT_WR);
		return;
	}
	v->ssl = rig_client(half_port(&world.relay),
			    who->certificate[0] == '\0' ? NULL : who->certificate,
			    who->max_version);
	v->fd = SSL_get_fd(v->ssl);
	if (who->verifies)
		SSL_set_verify(v->ssl, SSL_VERIFY_PEER, NULL);
}

static void
end_visit(struct visit *v)
{
	if (v->ssl != NULL)
		rig_client_free(v->ssl);
	else
		close(v->fd);
}

static bool
is_refused(void *arg)
{
	struct visit *v = arg;

	if (v->ssl != NULL)
		SSL_do_handshake(v->ssl);
	ERR_clear_error();
	return half_refused(&world.relay) > v->refused_before;
}

START_TEST(every_stranger_is_refused_once_and_told_why)
{
	const struct stranger *who = &strangers[_i];
	struct visit v;
	char from[64];

	start_relay(NS_PER_S / 2);
	rig_log_clear();
	begin_visit(&v, who);
	snprintf(from, sizeof(from), "from=127.0.0.1:%u ", rig_local_port(v.fd));
	rig_until(world.base, is_refused, &v);
	check_undisturbed();
	if (rig_log_count(LOG_LEVEL_WARN, who->detail) != 1)
		rig_log_show();
	ck_assert_uint_eq(half_refused(&world.relay), 1);
	ck_assert_uint_eq(half_counter(&world.relay, who->counter), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, ""), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, who->reason), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, who->detail), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, from), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "remedy=\""), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "remedy=\"\""), 0);
	ck_assert_uint_eq(world.relay.streams[VPC_A][0].ups, 0);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	end_visit(&v);
}
END_TEST

/* ---- lists of revoked certificates, renewed ---- */

static int
reload_list(const char *file, char error[256])
{
	world.relay.tls.crl = (char *)rig_file(file, "crl");
	return rig_renew(world.relay.tunnel, error, 256);
}

static void
visit_as_vpc_a(const char *reason)
{
	static const struct stranger vpc_a = {.certificate = "vpc-a"};
	struct visit v;

	begin_visit(&v, &vpc_a);
	rig_until(world.base, is_refused, &v);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, reason), 1);
	end_visit(&v);
}

/* One that is no good leaves the former in use; one that is good is asked from then on,
 * and whoever is here stays. */
START_TEST(lists_are_renewed)
{
	char error[256];

	rig_log_clear();
	ck_assert_int_lt(reload_list("late", error), 0);
	ck_assert_msg(strstr(error, "renewed 3 days ago; fetch") != NULL, "%s", error);
	ck_assert_int_eq(reload_list("soon", error), 0);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "must be renewed within"), 1);
	visit_as_vpc_a("revoked certificate");
	ck_assert_int_eq(reload_list("alien", error), 0);
	visit_as_vpc_a("no valid revocation list");
	ck_assert_uint_eq(half_counter(&world.relay, COUNTER(refused_revoked)), 2);
	check_undisturbed();
}
END_TEST

/* ---- many ---- */

#define CROWD 200

static bool
crowd_is_judged(void *unused)
{
	(void)unused;
	return RELAY(refused_limit) == CROWD - UNAUTHENTICATED_MAX &&
	       world.relay.tunnel->unauthenticated == UNAUTHENTICATED_MAX;
}

static bool
nobody_waits(void *unused)
{
	(void)unused;
	return world.relay.tunnel->unauthenticated == 0;
}

static bool
vpc_a_is_up(void *arg)
{
	SSL_do_handshake(arg);
	ERR_clear_error();
	return world.relay.streams[VPC_A][0].up;
}

START_TEST(a_crowd_is_held_to_the_limit)
{
	int fds[CROWD];
	SSL *ssl;

	for (int i = 0; i < CROWD; i++)
		fds[i] = rig_connect(half_port(&world.relay));
	rig_until(world.base, crowd_is_judged, NULL);
	check_undisturbed();
	ck_assert_uint_eq(RELAY(accepted), CROWD + 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "limit: too many"),
			  CROWD - UNAUTHENTICATED_MAX);
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
	rig_until(world.base, nobody_waits, NULL);
	ck_assert_uint_eq(RELAY(refused_other), UNAUTHENTICATED_MAX);

	ssl = rig_client(half_port(&world.relay), "vpc-a", 0);
	rig_until(world.base, vpc_a_is_up, ssl);
	rig_client_free(ssl);
	check_undisturbed();
}
END_TEST

static bool
eight_up_one_refused(void *arg)
{
	SSL **ssl = arg;

	for (int i = 0; i <= PATHS_MAX; i++)
		SSL_do_handshake(ssl[i]);
	ERR_clear_error();
	return RELAY(established) == 1 + PATHS_MAX && RELAY(refused_other) == 1;
}

START_TEST(a_remote_has_so_many_slots_and_no_more)
{
	SSL *ssl[PATHS_MAX + 1];

	for (int i = 0; i <= PATHS_MAX; i++)
		ssl[i] = rig_client(half_port(&world.relay), "vpc-a", 0);
	rig_until(world.base, eight_up_one_refused, ssl);
	for (int i = 0; i < PATHS_MAX; i++)
		ck_assert(world.relay.streams[VPC_A][i].up);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "too many paths"), 1);
	for (int i = 0; i <= PATHS_MAX; i++)
		rig_client_free(ssl[i]);
	check_undisturbed();
}
END_TEST

static bool
went_down(void *unused)
{
	(void)unused;
	return world.relay.streams[VPC_A][0].downs == world.relay.streams[VPC_A][0].ups;
}

static void
come_and_go(int i)
{
	static const int kinds[] = {0, 2, 6, 7, 8, 9, 12};
	struct visit v;
	SSL *ssl;

	begin_visit(&v, &strangers[kinds[i % 7]]);
	rig_until(world.base, is_refused, &v);
	end_visit(&v);
	if (i % 7 != 0)
		return;
	ssl = rig_client(half_port(&world.relay), "vpc-a", 0);
	rig_until(world.base, vpc_a_is_up, ssl);
	rig_client_free(ssl);
	rig_until(world.base, went_down, NULL);
}

/* Once the allocator's own caches are warm. (A sanitiser's allocator answers
 * nothing here, but counts leaks itself.) */
START_TEST(memory_does_not_grow)
{
	size_t before, after;

	for (int i = 0; i < 300; i++)
		come_and_go(i);
	before = mallinfo2().uordblks;
	for (int i = 0; i < 500; i++)
		come_and_go(i);
	after = mallinfo2().uordblks;
	ck_assert_uint_le(after, before + 16384);
	check_undisturbed();
}
END_TEST

/* ---- an authenticated remote that does nothing but update its key ---- */

#define FLOOD 5000

struct flood {
	SSL *ssl;
	unsigned int updates;
	bool asked;
};

static bool
flood_is_over(void *arg)
{
	struct flood *f = arg;
	uint8_t frame[2048];
	char scratch[256];

	for (int i = 0; i < 50 && f->updates < FLOOD; i++) {
		if (!f->asked)
			ck_assert_int_eq(
				SSL_key_update(f->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		f->asked = SSL_do_handshake(f->ssl) != 1;
		if (f->asked)
			break;
		f->updates++;
	}
	SSL_read(f->ssl, scratch, sizeof(scratch));
	ERR_clear_error();
	if (f->updates < FLOOD)
		return false;
	if (f->updates == FLOOD) {
		int len = (int)rig_frame(&world.relay.streams[VPC_A][0], 0, frame,
					 sizeof(frame));

		f->updates += SSL_write(f->ssl, frame, len) == len;
	}
	return world.relay.streams[VPC_A][0].received == 1;
}

START_TEST(a_flood_of_key_updates_disturbs_nobody)
{
	struct flood f = {.ssl = rig_client(half_port(&world.relay), "vpc-a", 0)};
	uint64_t before;

	world.relay.streams[VPC_A][0].frame_bytes = 500;
	rig_until(world.base, vpc_a_is_up, f.ssl);
	/* To have something to answer with. */
	half_send(&world.relay, VPC_A, 0, 10);
	before = FRIEND_PATH->received;
	rig_until(world.base, flood_is_over, &f);
	ck_assert_uint_gt(FRIEND_PATH->received, before);
	ck_assert(world.relay.streams[VPC_A][0].up);
	half_send(&world.relay, VPC_A, 0, 10);
	check_undisturbed();
	ck_assert(world.relay.streams[VPC_A][0].up);
	rig_client_free(f.ssl);
}
END_TEST

static bool
all_is_read(int fd)
{
	int bytes = -1;

	ck_assert_int_eq(ioctl(fd, FIONREAD, &bytes), 0);
	return bytes == 0;
}

START_TEST(key_updates_are_taken_one_a_turn)
{
	SSL *ssl = rig_client(half_port(&world.relay), "vpc-a", 0);
	unsigned int turns = 0;

	rig_until(world.base, vpc_a_is_up, ssl);
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(ssl), 1);
	}
	while (!all_is_read(half_fd(&world.relay, VPC_A, 0))) {
		ck_assert_int_eq(event_base_loop(world.base, EVLOOP_ONCE), 0);
		turns++;
	}
	ck_assert_uint_ge(turns, 500);
	ck_assert(world.relay.streams[VPC_A][0].up);
	rig_client_free(ssl);
}
END_TEST

/* ---- out of descriptors ---- */

static bool
accepting_paused(void *unused)
{
	(void)unused;
	return world.relay.tunnel->listeners[0].paused;
}

static bool
all_three_accepted(void *unused)
{
	(void)unused;
	return RELAY(accepted) == 4 && !world.relay.tunnel->listeners[0].paused;
}

START_TEST(accepting_waits_for_descriptors)
{
	struct rlimit old, low;
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = rig_connect(half_port(&world.relay));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	rig_until(world.base, accepting_paused, NULL);
	check_undisturbed();
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_ERROR, "accepting paused"), 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	rig_until(world.base, all_three_accepted, NULL);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "accepting again"), 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

static Suite *
refusal_suite(void)
{
	Suite *s = suite_create("refusal");
	TCase *tc = rig_case(s, "strangers", NULL, teardown);

	tcase_add_loop_test(tc, every_stranger_is_refused_once_and_told_why, 0,
			    STRANGERS);

	tc = rig_case(s, "many", setup, teardown);
	tcase_add_test(tc, lists_are_renewed);
	tcase_add_test(tc, a_crowd_is_held_to_the_limit);
	tcase_add_test(tc, a_remote_has_so_many_slots_and_no_more);
	tcase_add_test(tc, memory_does_not_grow);
	tcase_add_test(tc, key_updates_are_taken_one_a_turn);
	tcase_add_test(tc, a_flood_of_key_updates_disturbs_nobody);
	tcase_add_test(tc, accepting_waits_for_descriptors);
	return s;
}

int
main(void)
{
	return suite_run(refusal_suite());
}
