/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection in DTLS 1.2 over UDP, never blocking. The listening side is in
 * hello.c.
 *
 * A record is a datagram is one SSL_write_ex(). OpenSSL reads and writes through
 * dtls_bio.c: what it writes is gathered and sent by the batch, what it reads comes
 * from a batch. One batch a turn: what still waits in the socket wakes the event
 * loop again, after everybody else has had a turn.
 *
 * Facts of OpenSSL 3.0 that shape this file:
 * - A BIO_read() is a datagram. A record that is garbage, of another epoch, repeated
 *   or not authentic is dropped without a word, and the next is read.
 * - An alert is believed in the handshake, where anybody may have sent it, and ends
 *   it. So we take it out, and only wait less long.
 * - A handshake that was finished is not when the last flight was lost: SSL_read_ex()
 *   sends it again. So reading may leave something to be sent.
 * - It repeats a flight as it was. On a line that loses every second packet the same
 *   one could be lost each time: what is repeated is sent twice.
 * - In the handshake it gathers records in a buffer of 4,096 bytes, and would cut
 *   them there: flights are sent in datagrams that are shorter (HANDSHAKE_BYTES).
 * - There is no key update. After as many bytes as the records of tls.rekey hold at
 *   their longest, the path ends and is dialled again.
 */
#include "path/dtls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path/answer.h"
#include "path/dtls_bio.h"
#include "path/hello.h"
#include "path/identity.h"

#define CHAIN_BYTES_MAX (32 * 1024) /* of an unauthenticated remote */
#define HANDSHAKE_BYTES (1280 - UDP_HEADER_BYTES)
#define REPEAT_MIN_US   50000
#define REPEAT_MAX_US   1000000
#define BLOCKS_A_RECORD (16384 / DTLS_BLOCK_BYTES + 1)

#define CIPHERS                                                      \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"

/* ---- context ---- */

static int
make_cookie(SSL *ssl, unsigned char *out, unsigned int *len)
{
	const struct connection *c = SSL_get_app_data(ssl);

	*len = COOKIE_BYTES;
	return cookie_make(&c->tunnel->dtls->cookie, c->address, clock_now().mono, out);
}

static int
check_cookie(SSL *ssl, const unsigned char *bytes, unsigned int len)
{
	const struct connection *c = SSL_get_app_data(ssl);

	return cookie_check(&c->tunnel->dtls->cookie, c->address, clock_now().mono,
			    bytes, len);
}

static bool
restrict_context(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
					 SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_BYTES_MAX);
	/* So that a read ends when the batch does, and not before. */
	SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	SSL_CTX_set_cert_verify_callback(ctx, identity_verify, NULL);
	SSL_CTX_set_cookie_generate_cb(ctx, make_cookie);
	SSL_CTX_set_cookie_verify_cb(ctx, check_cookie);
	return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1;
}

/* What was read from the files for TLS serves here too: the two cannot differ. */
static bool
copy_credentials(SSL_CTX *to, SSL_CTX *from)
{
	STACK_OF(X509) *chain = NULL;

	return SSL_CTX_use_certificate(to, SSL_CTX_get0_certificate(from)) == 1 &&
	       SSL_CTX_get0_chain_certs(from, &chain) == 1 &&
	       SSL_CTX_set1_chain(to, chain) == 1 &&
	       SSL_CTX_use_PrivateKey(to, SSL_CTX_get0_privatekey(from)) == 1 &&
	       (SSL_CTX_set1_cert_store(to, SSL_CTX_get_cert_store(from)), true);
}

static SSL_CTX *
make_context(const struct tunnel *t, char *error, size_t error_bytes)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());

	if (ctx != NULL && restrict_context(ctx) && copy_credentials(ctx, t->tls))
		return ctx;
	snprintf(error, error_bytes, "dtls: OpenSSL cannot make a context: %s",
		 ERR_reason_error_string(ERR_peek_error()));
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

int
dtls_renew(struct tunnel *t, char *error, size_t error_bytes)
{
	SSL_CTX *fresh;

	if (t->dtls == NULL)
		return 0;
	fresh = make_context(t, error, error_bytes);
	if (fresh == NULL)
		return -EINVAL;
	SSL_CTX_free(t->dtls->context);
	t->dtls->context = fresh;
	for (size_t i = 0; i < t->listener_count; i++)
		if (t->listeners[i].hello != NULL)
			hello_renew(&t->listeners[i]);
	return 0;
}

/* ---- open and close ---- */

static bool
is_wanted(const struct half_settings *s)
{
	for (size_t i = 0; i < s->listen_count; i++)
		if (s->listen[i].transport == TRANSPORT_DTLS)
			return true;
	for (size_t i = 0; i < s->remote_count; i++)
		for (size_t j = 0; j < s->remotes[i].path_count; j++)
			if (s->remotes[i].paths[j].transport == TRANSPORT_DTLS)
				return true;
	return false;
}

/* Untouched buffers cost address space, not memory. */
static bool
allocate(struct tunnel *t, struct dtls *d)
{
	d->out = calloc(t->connection_count, UDP_OUT_BYTES);
	d->bio = dtls_bio_method();
	return d->out != NULL && d->bio != NULL && cookie_init(&d->cookie) == 0 &&
	       udp_in_init(&d->in, UDP_BATCH, UDP_BYTES_MAX) == 0;
}

int
dtls_open(struct tunnel *t, char *error, size_t error_bytes)
{
	if (!is_wanted(&t->settings))
		return 0;
	t->dtls = calloc(1, sizeof(*t->dtls));
	if (t->dtls == NULL || !allocate(t, t->dtls)) {
		snprintf(error, error_bytes, "tunnel: out of memory");
		return -ENOMEM;
	}
	t->dtls->context = make_context(t, error, error_bytes);
	return t->dtls->context != NULL ? 0 : -EINVAL;
}

void
dtls_close(struct tunnel *t)
{
	struct dtls *d = t->dtls;

	if (d == NULL)
		return;
	SSL_CTX_free(d->context);
	BIO_meth_free(d->bio);
	cookie_fini(&d->cookie);
	udp_in_fini(&d->in);
	free(d->out);
	free(d);
	t->dtls = NULL;
}

/* ---- the transport ---- */

SSL *
dtls_ssl_new(const struct dtls *d, struct connection *c)
{
	SSL *ssl = SSL_new(d->context);

	if (ssl == NULL)
		return NULL;
	if (SSL_set_app_data(ssl, c) == 1 && SSL_set_mtu(ssl, HANDSHAKE_BYTES) != 0)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

static int
connect_udp(struct connection *c, const struct path_settings *to)
{
	int fd = udp_dial(to->bind, to->connect);

	if (fd < 0)
		return fd;
	c->fd = fd;
	c->udp.mtu = to->mtu;
	return 0;
}

/* OpenSSL begins with a second, which is long for a line of milliseconds. */
static unsigned int
next_repeat(SSL *ssl, unsigned int us)
{
	(void)ssl;
	if (us == 0)
		return REPEAT_MIN_US;
	return us * 2 < REPEAT_MAX_US ? us * 2 : REPEAT_MAX_US;
}

static void
set_up_end(struct connection *c)
{
	const struct tunnel *t = c->tunnel;
	uint64_t records = t->settings.tls->rekey_records;

	c->udp.out.room = t->dtls->out + (size_t)(c - t->connections) * UDP_OUT_BYTES;
	c->udp.payload = udp_payload(c->fd, c->udp.mtu);
	c->udp.blocks_left = records > 0 ? records * BLOCKS_A_RECORD : UINT64_MAX;
}

static int
begin(struct connection *c)
{
	BIO *bio = BIO_new(c->tunnel->dtls->bio);

	set_up_end(c);
	ERR_clear_error();
	/* Accepted, it brings the SSL that has seen its cookie. */
	if (c->ssl == NULL) {
		c->ssl = dtls_ssl_new(c->tunnel->dtls, c);
		if (c->ssl != NULL)
			SSL_set_connect_state(c->ssl);
	}
	if (c->ssl == NULL || bio == NULL || SSL_set_app_data(c->ssl, c) != 1) {
		BIO_free(bio);
		ERR_clear_error();
		return -ENOMEM;
	}
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->ssl, bio, bio);
	if (c->udp.payload < HANDSHAKE_BYTES)
		SSL_set_mtu(c->ssl, (long)c->udp.payload);
	DTLS_set_timer_cb(c->ssl, next_repeat);
	c->hello_seen = true;
	return 0;
}

/* The path got narrower than a flight: the next one is cut to fit. */
static void
shrink(struct connection *c)
{
	c->udp.payload = udp_payload(c->fd, c->udp.mtu);
	SSL_set_mtu(c->ssl, (long)c->udp.payload);
	udp_out_clear(&c->udp.out);
}

static enum progress
nobody_there(struct connection *c)
{
	if (!c->alerted) {
		c->refusal = c->dialled ? REFUSAL_CONNECT : REFUSAL_LOST;
		snprintf(c->detail, sizeof(c->detail), "%s", strerror(c->udp.error));
	}
	return PROGRESS_FAILED;
}

static void
finish(struct connection *c)
{
	SSL_set_mtu(c->ssl, (long)c->udp.payload);
	c->udp.frames = DTLS_get_data_mtu(c->ssl);
	c->overhead = c->udp.payload - c->udp.frames;
	c->alerted = false;
}

static enum progress
handshake(struct connection *c)
{
	enum progress progress;

	ERR_clear_error();
	/* Too many repeats is the one error; the time-out tells it better. */
	c->udp.repeating = true;
	(void)DTLSv1_handle_timeout(c->ssl);
	c->udp.repeating = false;
	ERR_clear_error();
	progress = answer_judge(c, SSL_do_handshake(c->ssl));
	if (dtls_bio_send(c) == -EMSGSIZE)
		shrink(c);
	if (progress == PROGRESS_DONE)
		finish(c);
	else if (progress != PROGRESS_FAILED && c->udp.error != 0)
		return nobody_there(c);
	return progress == PROGRESS_WANT_WRITE ? PROGRESS_WANT_READ : progress;
}

static int64_t
repeat_ns(struct connection *c)
{
	struct timeval tv;

	if (DTLSv1_get_timeout(c->ssl, &tv) != 1)
		return -1;
	return tv.tv_sec * NS_PER_S + tv.tv_usec * NS_PER_US;
}

static enum progress
read_record(struct connection *c, uint8_t *buf, size_t cap, size_t *got)
{
	int ret;

	ERR_clear_error();
	ret = SSL_read_ex(c->ssl, buf, cap, got);
	if (ret != 1)
		return answer_judge(c, ret);
	c->udp.fed = false;
	counter_inc(&c->tunnel->figures.records_received);
	return PROGRESS_DONE;
}

static enum progress
flush(struct connection *c)
{
	switch (dtls_bio_send(c)) {
	case 0: return PROGRESS_DONE;
	case -EMSGSIZE:
		snprintf(c->detail, sizeof(c->detail),
			 "the path takes %zu bytes at a time, no longer %zu",
			 udp_payload(c->fd, c->udp.mtu) + UDP_HEADER_BYTES,
			 c->udp.payload + UDP_HEADER_BYTES);
		udp_out_clear(&c->udp.out);
		return PROGRESS_ENDED;
	default: return PROGRESS_WANT_WRITE;
	}
}

static enum progress
write_record(struct connection *c, const uint8_t *buf, size_t len)
{
	enum progress progress;
	size_t written;

	if (c->udp.blocks_left == 0) {
		snprintf(c->detail, sizeof(c->detail),
			 "its keys have been used enough");
		return PROGRESS_ENDED;
	}
	if (!udp_out_fits(&c->udp.out, c->udp.payload)) {
		progress = flush(c);
		if (progress != PROGRESS_DONE)
			return progress;
	}
	ERR_clear_error();
	progress = answer_judge(c, SSL_write_ex(c->ssl, buf, len, &written));
	if (progress != PROGRESS_DONE)
		return progress;
	dtls_bio_spend(c, len);
	counter_inc(&c->tunnel->figures.records_sent);
	return PROGRESS_DONE;
}

static void
close_dtls(struct connection *c, bool politely)
{
	struct dtls *d = c->tunnel->dtls;

	if (d->owner == c)
		d->owner = NULL;
	if (c->ssl != NULL && politely)
		SSL_shutdown(c->ssl);
	if (c->ssl != NULL)
		(void)dtls_bio_send(c);
	SSL_free(c->ssl);
	c->ssl = NULL;
	ERR_clear_error();
	if (c->fd >= 0) {
		dtls_bio_count_overflow(c);
		close(c->fd);
	}
	c->fd = -1;
}

const struct transport_ops dtls_transport = {
	.transport = TRANSPORT_DTLS,
	.name = "dtls",
	.datagrams = true,
	.listen = hello_open,
	.accept = hello_serve,
	.unlisten = hello_close,
	.connect = connect_udp,
	.begin = begin,
	.handshake = handshake,
	.read = read_record,
	.write = write_record,
	.flush = flush,
	.repeat_ns = repeat_ns,
	.close = close_dtls,
};
