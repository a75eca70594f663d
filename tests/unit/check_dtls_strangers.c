/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have a DTLS path and who may not: certificates, versions, many at one port,
 * floods, and crowds that say nothing.
 */
#include <errno.h>
#include <malloc.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "tunnel_pair.h"

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
	tunnel_pair_start();
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
	tunnel_pair_start();
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
	rig_use_certificate(ctx, file);
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

	tunnel_pair_up();
	ssl = stranger_new(half_port(&pair.peer), cases[_i].file, cases[_i].version);
	rig_until(pair.base, stranger_failed, ssl);
	ck_assert_uint_eq(half_counter(&pair.peer, cases[_i].counter), 1);
	ck_assert_uint_eq(rig_log_count(LOG_LEVEL_WARN, cases[_i].reason), 1);
	SSL_free(ssl);
	ERR_clear_error();
	tunnel_pair_exchange(100);
}
END_TEST

START_TEST(only_good_ciphers_are_spoken)
{
	const SSL_CIPHER *cipher;
	SSL *ssl;

	tunnel_pair_up();
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

	tunnel_pair_up();
	r->tls = rig_tls("short", "ca"); /* names vpc-a */
	ck_assert_int_eq(rig_renew(r->tunnel, r->error, sizeof(r->error)), 0);
	ck_assert_int_eq(rig_renew(p->tunnel, p->error, sizeof(p->error)), 0);
	tunnel_pair_exchange(100);
	tunnel_close(r->tunnel, 0, 0, "for the test");
	rig_until(pair.base, peer_refused_the_name, NULL);
	r->tls = rig_tls("colo-a", "ca");
	ck_assert_int_eq(rig_renew(r->tunnel, r->error, sizeof(r->error)), 0);
	rig_until(pair.base, tunnel_pair_is_up, NULL);
	tunnel_pair_exchange(100);
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
	return received == CLIENTS * PATHS_MAX * PAIR_BURST;
}

START_TEST(many_share_a_port)
{
	static const char *const names[CLIENTS] = {"colo-a", "unlisted", "vpc-b"};
	static const char *const listed[CLIENTS] = {"colo-a", "vpc-z", "vpc-b"};

	for (int i = 1; i < CLIENTS; i++)
		half_expects(&pair.peer, listed[i]);
	/* A wildcard address, so that answers must come from the one that was asked. */
	pair.peer.listen.address.addr = 0;
	tunnel_pair_start();
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
			half_send(&clients[i], 0, j, PAIR_BURST);
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

	tunnel_pair_up();
	tunnel_pair_exchange(100);
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
		tunnel_pair_exchange(1);
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
	unsigned int seed = (unsigned int)_i;
	int fd = open_source(0);

	tunnel_pair_up();
	for (unsigned int i = 0; i < 2000; i++) {
		uint8_t copy[HELLO_BYTES_MAX];
		size_t cut = (size_t)rand_r(&seed) % (len + 1);

		memcpy(copy, bytes, len);
		for (int j = rand_r(&seed) % 4; j > 0; j--)
			copy[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		send_from(fd, half_port(&pair.peer), copy, i % 2 == 0 ? cut : len);
		tunnel_pair_exchange(1);
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
	tunnel_pair_up();
	for (int i = 0; i < IDLERS; i++) {
		crowd.ssl[i] =
			stranger_new(half_port(&pair.peer), "colo-a", DTLS1_2_VERSION);
		crowd.hellos[i] = 0;
		SSL_set_msg_callback(crowd.ssl[i], count_hellos);
		SSL_set_msg_callback_arg(crowd.ssl[i], &crowd.hellos[i]);
	}
	rig_until(pair.base, crowd_is_in, NULL);
	tunnel_pair_exchange(200);
	rig_until(pair.base, crowd_is_gone, NULL);
	ck_assert_uint_gt(FIGURE(pair.peer, refused_timeout), 0);
	for (int i = 0; i < IDLERS; i++)
		SSL_free(crowd.ssl[i]);
	ck_assert_uint_eq(RELAY_STREAM->downs, 0);
}
END_TEST

static Suite *
strangers_suite(void)
{
	Suite *s = suite_create("dtls");
	TCase *tc = tunnel_pair_case(s, "strangers", TRANSPORT_DTLS);

	tcase_add_loop_test(tc, wrong_certificates_are_refused, 0, 7);
	tcase_add_test(tc, a_server_of_another_name_is_refused);
	tcase_add_loop_test(tc, strangers_are_refused_with_a_reason, 0, 2);
	tcase_add_test(tc, only_good_ciphers_are_spoken);
	tcase_add_test(tc, certificates_are_read_again);
	tcase_add_test(tc, many_share_a_port);
	tcase_add_test(tc, a_flood_of_hellos_costs_no_state);
	tcase_add_loop_test(tc, garbage_at_the_listener_is_dropped, 0, 2);
	tcase_add_test(tc, handshakes_that_say_nothing_are_limited);
	return s;
}

int
main(void)
{
	return suite_run(strangers_suite());
}
