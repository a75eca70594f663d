/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel as the one that dials: which servers it refuses, what it learns when
 * it is refused, how rarely it says so. And what does not even start.
 */
#include <arpa/inet.h>
#include <check.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/identity.h"
#include "tunnel_rig.h"
#include "suite.h"

/* The configuration knows no other. */
#define NO_TRANSPORT ((enum transport)(TRANSPORT_DTLS + 1))

static struct {
	struct event_base *base;
	struct half server, client;
	uint64_t attempts;
} dialling;

#define CLIENT(id) half_counter(&dialling.client, COUNTER(id))

static void
start_dialling(const char *server_certificate, const char *client_certificate)
{
	rig_log_clear();
	dialling.base = event_base_new();
	half_init(&dialling.server, server_certificate, "ca");
	half_expects(&dialling.server, "colo-a");
	half_start(&dialling.server, dialling.base, true);
	half_init(&dialling.client, client_certificate, "ca");
	half_dials(&dialling.client, "vpc-a", half_port(&dialling.server));
	half_start(&dialling.client, dialling.base, false);
}

static void
stop_dialling(void)
{
	half_free(&dialling.client);
	half_free(&dialling.server);
	event_base_free(dialling.base);
}

static bool
four_attempts_failed(void *unused)
{
	(void)unused;
	return half_refused(&dialling.client) >= 4;
}

START_TEST(a_server_of_another_name_is_refused)
{
	static const struct {
		const char *certificate, *reason, *detail;
		size_t counter;
	} cases[] = {
		{"vpc-b", "wrong name", "carries vpc-b; expected vpc-a",
		 COUNTER(refused_name)},
		{"impostor", "untrusted certificate", "its own certificate",
		 COUNTER(refused_untrusted)},
		{"expired", "expired certificate", "names vpc-a",
		 COUNTER(refused_expired)},
	};

	start_dialling(cases[_i].certificate, "colo-a");
	rig_until(dialling.base, four_attempts_failed, NULL);
	ck_assert_uint_eq(half_counter(&dialling.client, cases[_i].counter),
			  half_refused(&dialling.client));
	ck_assert_uint_eq(CLIENT(established), 0);
	/* One line for four attempts. */
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "path not up"), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, cases[_i].detail), 1);
	ck_assert_uint_ge(rig_log_count(LOG_LEVEL_WARN, "the remote refused us"), 3);
	stop_dialling();
}
END_TEST

static bool
four_times_down(void *unused)
{
	(void)unused;
	return dialling.client.streams[0][0].downs >= 4;
}

/* In TLS 1.3 the client is done before the server has seen its certificate. */
START_TEST(a_client_that_is_refused_learns_why_and_backs_off)
{
	static const struct {
		const char *certificate, *alert;
	} cases[] = {
		{"expired", "the remote sent alert \"certificate expired\""},
		{"impostor", "the remote sent alert \"unknown CA\""},
		{"unlisted", "the remote sent alert \"bad certificate\""},
	};
	struct stream *s = &dialling.client.streams[0][0];

	/* With frames at once: what is written must not hide the alert. */
	start_dialling("vpc-a", cases[_i].certificate);
	s->to_send = 100000;
	rig_until(dialling.base, four_times_down, NULL);
	ck_assert_ptr_nonnull(strstr(s->reason, cases[_i].alert));
	ck_assert_uint_eq(s->ups, s->downs);
	ck_assert_int_ge(dialling.client.tunnel->paths[0].dial.backoff_ns,
			 800 * NS_PER_MS);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_INFO, "path up"), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "path down"), 1);
	ck_assert_uint_eq(half_counter(&dialling.server, COUNTER(established)), 0);
	stop_dialling();
}
END_TEST

/* ---- a server that is something else ---- */

struct imitation {
	int listener, fd;
	const char *banner; /* NULL: TLS 1.2; "": silence */
	SSL_CTX *ctx;
	SSL *ssl;
	struct half client;
};

static void
serve_imitation(struct imitation *s)
{
	if (s->fd < 0) {
		s->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
		if (s->fd < 0)
			return;
		if (s->banner != NULL) {
			(void)!write(s->fd, s->banner, strlen(s->banner));
		} else {
			s->ssl = SSL_new(s->ctx);
			SSL_set_fd(s->ssl, s->fd);
			SSL_set_accept_state(s->ssl);
		}
	}
	if (s->ssl != NULL)
		SSL_do_handshake(s->ssl);
	ERR_clear_error();
}

static bool
imitation_is_refused(void *arg)
{
	struct imitation *s = arg;

	serve_imitation(s);
	return half_refused(&s->client) > 0;
}

static void
open_imitation(struct imitation *s)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	s->fd = -1;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(s->listener, 5), 0);
	s->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_max_proto_version(s->ctx, TLS1_2_VERSION);
	SSL_CTX_use_certificate_file(s->ctx, rig_file("vpc-a", "crt"),
				     SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(s->ctx, rig_file("vpc-a", "key"), SSL_FILETYPE_PEM);
}

static void
close_imitation(struct imitation *s)
{
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	close(s->fd);
	close(s->listener);
}

START_TEST(a_server_that_is_something_else_is_refused)
{
	static const struct {
		const char *banner, *reason;
		size_t counter;
	} cases[] = {
		{"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "not TLS at all",
		 COUNTER(refused_protocol)},
		{NULL, "not TLS 1.3", COUNTER(refused_protocol)},
		{"", "timed out", COUNTER(refused_timeout)},
	};
	struct imitation s = {.banner = cases[_i].banner};
	struct event_base *base = event_base_new();

	rig_log_clear();
	open_imitation(&s);
	half_init(&s.client, "colo-a", "ca");
	s.client.tls.handshake_timeout_ns = NS_PER_S / 2;
	half_dials(&s.client, "vpc-a", rig_local_port(s.listener));
	half_start(&s.client, base, false);
	rig_until(base, imitation_is_refused, &s);
	ck_assert_uint_eq(half_counter(&s.client, cases[_i].counter), 1);
	ck_assert_uint_eq(half_refused(&s.client), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, cases[_i].reason), 1);
	half_free(&s.client);
	close_imitation(&s);
	event_base_free(base);
}
END_TEST

/* ---- what does not start ---- */

static struct half stillborn;

static void
check_does_not_start(const char *needle, const char *remedy)
{
	struct event_base *base = event_base_new();
	static const struct tunnel_ops none;

	stillborn.tunnel = tunnel_new(base, &stillborn.settings, &none, NULL,
				      stillborn.error, sizeof(stillborn.error));
	ck_assert_msg(stillborn.tunnel == NULL, "started without %s", needle);
	ck_assert_msg(strstr(stillborn.error, needle) != NULL, "%s", stillborn.error);
	ck_assert_msg(strstr(stillborn.error, remedy) != NULL, "%s", stillborn.error);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	event_base_free(base);
}

START_TEST(files_that_are_no_good)
{
	const char *absent = rig_file("absent", "pem"),
		   *noise = rig_file("noise", "pem");
	struct tls_settings good = rig_tls("vpc-a", "ca");

	half_init(&stillborn, "vpc-a", "ca");

	stillborn.tls.certificate = (char *)absent;
	check_does_not_start("absent.pem: No such file or directory",
			     "correct the name");
	stillborn.tls.certificate = (char *)noise;
	check_does_not_start("noise.pem: ", "must hold a PEM certificate");
	stillborn.tls.certificate = (char *)".";
	check_does_not_start("tls: certificate .: is a directory", "name a PEM file");

	stillborn.tls = good;
	stillborn.tls.key = (char *)absent;
	check_does_not_start("tls: key ", "correct the name");
	stillborn.tls.key = (char *)noise;
	check_does_not_start("noise.pem: ", "without a pass phrase");
	stillborn.tls.key = (char *)rig_file("vpc-b", "key");
	check_does_not_start("vpc-b.key does not belong to certificate", "vpc-a.crt");

	stillborn.tls = good;
	stillborn.tls.ca = (char *)absent;
	check_does_not_start("tls: ca ", "correct the name");
	stillborn.tls.ca = (char *)noise;
	check_does_not_start("noise.pem: ", "those who sign the remotes'");
	stillborn.tls.ca = (char *)rig_file("oldca", "crt");
	check_does_not_start("oldca.crt: 1 certificates, none valid now", "renew");
	stillborn.tls = good;
	stillborn.tls.crl = (char *)absent;
	check_does_not_start("tls: crl ", "correct the name");
	stillborn.tls.crl = (char *)noise;
	check_does_not_start("noise.pem: ", "the PEM revocation list of each CA");
	stillborn.tls.crl = (char *)rig_file("late", "crl");
	check_does_not_start("late.crl: a revocation list", "fetch the newest");
	stillborn.tls = good;
	stillborn.tls.ca = NULL;
	check_does_not_start("tls: no ca", "name a PEM file");
}
END_TEST

START_TEST(addresses_that_are_no_good)
{
	struct half first;
	struct event_base *base = event_base_new();

	half_init(&first, "vpc-a", "ca");
	half_start(&first, base, true);
	half_init(&stillborn, "vpc-b", "ca");
	stillborn.settings.listen_count = 1;
	stillborn.listen.address =
		(struct endpoint){INADDR_LOOPBACK, half_port(&first)};
	check_does_not_start(": Address already in use", "choose another port");
	half_free(&first);
	event_base_free(base);

	stillborn.listen.address = (struct endpoint){0xc0000201, 7443}; /* TEST-NET-1 */
	check_does_not_start("192.0.2.1:7443: Cannot assign",
			     "does not have that address");

	stillborn.listen.transport = NO_TRANSPORT;
	check_does_not_start("192.0.2.1:7443: this transport", "use tls");
	stillborn.settings.listen_count = 0;
	half_dials(&stillborn, "vpc-a", 7443);
	stillborn.remotes[0].paths[0].transport = NO_TRANSPORT;
	check_does_not_start("remote vpc-a, path 1: this transport", "use tls");
}
END_TEST

START_TEST(files_that_are_unwise)
{
	struct event_base *base = event_base_new();
	struct half h;

	rig_log_clear();
	half_init(&h, "short", "ca");
	h.settings.node = "vpc-q";
	ck_assert_int_eq(chmod(h.tls.key, 0644), 0);
	half_start(&h, base, false);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "expires within 7 days"), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "can read our private key"), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, "node=vpc-q"), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, ""), 3);
	half_free(&h);

	rig_log_clear();
	half_init(&h, "expired", "ca");
	h.settings.node = "vpc-a";
	half_start(&h, base, false);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_ERROR, "our certificate has expired"),
			  1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, ""), 0);
	half_free(&h);
	event_base_free(base);
}
END_TEST

START_TEST(names_are_names_and_not_patterns)
{
	X509 *peer = rig_read_certificate("vpc-a");
	X509 *wild = rig_read_certificate("wildcard");
	X509 *bare = rig_read_certificate("cn-only");
	char names[16];

	ck_assert(identity_carries(peer, "vpc-a"));
	ck_assert(identity_carries(peer, "other.example"));
	ck_assert(!identity_carries(peer, "vpc"));
	ck_assert(!identity_carries(peer, "peer")); /* its common name */
	ck_assert(!identity_carries(peer, ".example"));
	ck_assert(!identity_carries(peer, ""));
	ck_assert(!identity_carries(wild, "vpc-a"));
	ck_assert(!identity_carries(wild, "x.vpc-a"));
	ck_assert(!identity_carries(wild, "x.vpc.example"));
	ck_assert(!identity_carries(wild, ".vpc-a"));
	ck_assert(!identity_carries(bare, "vpc-a"));
	ck_assert_str_eq(identity_names(peer, names, sizeof(names)), "other.exampl...");
	ck_assert_str_eq(identity_names(bare, names, sizeof(names)), "");
	X509_free(peer);
	X509_free(wild);
	X509_free(bare);
}
END_TEST

static Suite *
dial_suite(void)
{
	Suite *s = suite_create("dial");
	TCase *tc = rig_case(s, "dialling", NULL, NULL);

	tcase_add_loop_test(tc, a_server_of_another_name_is_refused, 0, 3);
	tcase_add_loop_test(tc, a_client_that_is_refused_learns_why_and_backs_off, 0,
			    3);
	tcase_add_loop_test(tc, a_server_that_is_something_else_is_refused, 0, 3);

	tc = rig_case(s, "start", NULL, NULL);
	tcase_add_test(tc, files_that_are_no_good);
	tcase_add_test(tc, addresses_that_are_no_good);
	tcase_add_test(tc, files_that_are_unwise);
	tcase_add_test(tc, names_are_names_and_not_patterns);
	return s;
}

int
main(void)
{
	return suite_run(dial_suite());
}
