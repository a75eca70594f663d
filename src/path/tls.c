/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection in TLS 1.3 over TCP, never blocking. What OpenSSL may answer
 * to any call is judged in answer.c; every call empties the thread's error queue
 * before and after, as a stale entry would be taken for its own.
 *
 * Three facts of OpenSSL 3.0 that shape this file (SSL_key_update(3)):
 * - A key update may only be asked for when no write is pending (issue #12485).
 * - While our key update waits for the socket, SSL_read() insists on writing it
 *   first. Two halves with full socket buffers would wait for one another for
 *   ever. So an update is begun only when poll(2) says that the socket takes it.
 * - The number of updates a remote may send is not limited (since 1.1.1b), and
 *   with SSL_MODE_AUTO_RETRY one SSL_read() eats any number of them. Without
 *   that mode it returns after each one, and others have their turn.
 */
#include "path/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/answer.h"
#include "path/credentials.h"
#include "path/endpoint.h"
#include "path/identity.h"
#include "path/listen.h"
#include "path/path.h"

#define RECORD_BYTES         16384
#define NOTSENT_BYTES        (128 * 1024) /* more than this stays in the core */
#define USER_TIMEOUT_MS      30000        /* unacknowledged: the core is quicker */
#define CHAIN_BYTES_MAX      (32 * 1024)  /* of an unauthenticated remote */
#define FAREWELL_DRAIN_BYTES (256 * 1024)
#define OVERHEAD_BYTES       22 /* header, content type, tag */

/* ---- context ---- */

static int
note_hello(SSL *ssl, int *alert, void *unused)
{
	struct connection *c = SSL_get_app_data(ssl);

	(void)alert;
	(void)unused;
	c->hello_seen = true;
	return SSL_CLIENT_HELLO_SUCCESS;
}

static void
restrict_context(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
					 SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_recv_max_early_data(ctx, 0);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_BYTES_MAX);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	SSL_CTX_set_cert_verify_callback(ctx, identity_verify, NULL);
	SSL_CTX_set_client_hello_cb(ctx, note_hello, NULL);
}

SSL_CTX *
tls_context_new(const struct tls_settings *s, const char *node, int64_t *expires_s,
		char *error, size_t error_bytes)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (ctx == NULL) {
		snprintf(error, error_bytes, "tls: OpenSSL cannot make a context: %s",
			 ERR_reason_error_string(ERR_get_error()));
		return NULL;
	}
	restrict_context(ctx);
	if (credentials_read(ctx, s, node, expires_s, error, error_bytes) < 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* ---- TCP ---- */

/* Failures are of no consequence: the connection works without, only worse. */
static void
tune(int fd)
{
	const int one = 1, notsent = NOTSENT_BYTES, timeout = USER_TIMEOUT_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent, sizeof(notsent));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

static int
bind_local(int fd, uint32_t addr)
{
	struct sockaddr_in sa = endpoint_sockaddr((struct endpoint){.addr = addr});
	const int one = 1;

	if (addr == 0)
		return 0;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&sa, sizeof(sa));
}

static int
connect_tcp(struct connection *c, const struct path_settings *to)
{
	struct sockaddr_in sa = endpoint_sockaddr(to->connect);
	int err;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind_local(fd, to->bind) < 0 ||
	    (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 &&
	     errno != EINPROGRESS)) {
		err = errno;
		close(fd);
		return -err;
	}
	c->fd = fd;
	return 0;
}

/* ---- the transport ---- */

static uint64_t
records_per_key(const struct connection *c)
{
	uint64_t n = c->tunnel->settings.tls->rekey_records;

	return n > 0 ? n : UINT64_MAX;
}

static int
begin(struct connection *c)
{
	tune(c->fd);
	c->records_left = records_per_key(c);
	c->overhead = OVERHEAD_BYTES;
	ERR_clear_error();
	c->ssl = SSL_new(c->tunnel->tls);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
	    SSL_set_app_data(c->ssl, c) != 1) {
		ERR_clear_error();
		return -ENOMEM;
	}
	if (c->dialled)
		SSL_set_connect_state(c->ssl);
	else
		SSL_set_accept_state(c->ssl);
	return 0;
}

static enum progress
handshake(struct connection *c)
{
	ERR_clear_error();
	return answer_judge(c, SSL_do_handshake(c->ssl));
}

static enum progress
read_some(struct connection *c, uint8_t *buf, size_t cap, size_t *got)
{
	int ret;

	ERR_clear_error();
	ret = SSL_read_ex(c->ssl, buf, cap, got);
	if (ret != 1)
		return answer_judge(c, ret);
	if (SSL_pending(c->ssl) == 0)
		counter_inc(&c->tunnel->figures.records_received);
	return PROGRESS_DONE;
}

/* epoll(7) and poll(2) call a socket writable when a third of its buffer is
 * free: a key update's 27 bytes fit, whole. */
static bool
takes_bytes_now(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static enum progress
update_key(struct connection *c)
{
	enum progress progress;

	if (!c->updating && !takes_bytes_now(c->fd))
		return PROGRESS_WANT_WRITE;
	ERR_clear_error();
	if (!c->updating && SSL_key_update(c->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1) {
		/* Refused, not failed: the old key serves until it is granted. */
		ERR_clear_error();
		return PROGRESS_DONE;
	}
	c->updating = true;
	progress = answer_judge(c, SSL_do_handshake(c->ssl));
	if (progress != PROGRESS_DONE)
		return progress;
	c->updating = false;
	c->records_left = records_per_key(c);
	counter_inc(&c->tunnel->figures.key_updates);
	return PROGRESS_DONE;
}

static void
count_records(struct connection *c, size_t len)
{
	uint64_t records = (len + RECORD_BYTES - 1) / RECORD_BYTES;

	c->records_left -= records < c->records_left ? records : c->records_left;
	counter_add(&c->tunnel->figures.records_sent, records);
}

static enum progress
write_all(struct connection *c, const uint8_t *buf, size_t len)
{
	enum progress progress;
	size_t written;

	if (c->updating || (c->records_left == 0 && !c->mid_write)) {
		progress = update_key(c);
		if (progress != PROGRESS_DONE)
			return progress;
	}
	ERR_clear_error();
	progress = answer_judge(c, SSL_write_ex(c->ssl, buf, len, &written));
	c->mid_write =
		progress == PROGRESS_WANT_READ || progress == PROGRESS_WANT_WRITE;
	if (progress == PROGRESS_DONE)
		count_records(c, len);
	return progress;
}

/* Closing with bytes unread makes the kernel send a reset, which would overtake
 * our alert or last frames at the other end: read them away, so far as they are
 * here (MSG_TRUNC: without a copy, tcp(7)). */
static void
close_socket(int fd)
{
	if (fd < 0)
		return;
	shutdown(fd, SHUT_WR);
	(void)!recv(fd, NULL, FAREWELL_DRAIN_BYTES, MSG_DONTWAIT | MSG_TRUNC);
	close(fd);
}

static void
close_tls(struct connection *c, bool politely)
{
	if (c->ssl != NULL && politely && !c->mid_write && !c->updating)
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	c->ssl = NULL;
	ERR_clear_error();
	close_socket(c->fd);
	c->fd = -1;
}

const struct transport_ops tls_transport = {
	.transport = TRANSPORT_TLS,
	.name = "tls",
	.listen = listen_tcp,
	.accept = listen_accept_tcp,
	.connect = connect_tcp,
	.begin = begin,
	.handshake = handshake,
	.read = read_some,
	.write = write_all,
	.close = close_tls,
};
