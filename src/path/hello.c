/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLSv1_listen(3) does the judging, one datagram at a time, on one SSL that is
 * cleared each time. What a flood can cost is a bounded batch a turn: an HMAC and
 * an answer that is shorter than the question for each datagram of it.
 *
 * A datagram of a remote that has its own socket does not get here (udp.h). One that
 * arrived before that socket was connected can only be the ClientHello again, whose
 * handshake is under way. A half that starts over does so from a new port; should it
 * have an old one, its ClientHello reaches the old association's socket, where it is
 * of no epoch and is dropped, until that has been silent for session.path_timeout.
 */
#include "path/hello.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "path/connection.h"
#include "path/dtls.h"
#include "path/dtls_bio.h"
#include "path/endpoint.h"

#define HELLOS_PER_TURN 16
#define HELLO_BYTES_MAX 2048
#define REPLY_BYTES_MAX 128

#define RECORD_HANDSHAKE 22
#define VERSION_MAJOR    0xfe
#define CLIENT_HELLO     1

struct reply {
	size_t len;
	struct endpoint to;
	uint32_t from;
	uint8_t bytes[REPLY_BYTES_MAX];
};

struct hello {
	struct udp_in in;
	SSL *ssl; /* NULL: used up, the next one needs another */
	BIO_METHOD *method;
	BIO_ADDR *unused;
	struct connection stranger; /* what the cookies' callbacks see */
	struct bucket handshakes;
	struct udp_datagram datagram;
	bool given; /* to OpenSSL */
	uint16_t port;
	unsigned int reply_count;
	struct reply replies[HELLOS_PER_TURN];
};

/* ---- what DTLSv1_listen() reads and writes ---- */

static int
bio_read(BIO *bio, char *buf, int size)
{
	struct hello *h = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (h->given || h->datagram.len > (size_t)size) {
		BIO_set_retry_read(bio);
		return -1;
	}
	h->given = true;
	memcpy(buf, h->datagram.bytes, h->datagram.len);
	return (int)h->datagram.len;
}

static int
bio_write(BIO *bio, const char *buf, int len)
{
	struct hello *h = BIO_get_data(bio);
	struct reply *r = &h->replies[h->reply_count];

	BIO_clear_retry_flags(bio);
	if (h->reply_count == HELLOS_PER_TURN || (size_t)len > sizeof(r->bytes))
		return len;
	*r = (struct reply){
		.len = (size_t)len, .to = h->datagram.from, .from = h->datagram.local};
	memcpy(r->bytes, buf, r->len);
	h->reply_count++;
	return len;
}

static long
bio_ctrl(BIO *bio, int command, long value, void *pointer)
{
	(void)bio;
	(void)value;
	(void)pointer;
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static const struct dtls_bio_calls bio_calls = {bio_read, bio_write, bio_ctrl};

static bool
make_ssl(struct hello *h)
{
	SSL *ssl = dtls_ssl_new(h->stranger.tunnel->dtls, &h->stranger);
	BIO *bio = BIO_new(h->method);

	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		ERR_clear_error();
		return false;
	}
	BIO_set_data(bio, h);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	h->ssl = ssl;
	return true;
}

/* ---- a turn ---- */

/* Cheap, before anything that is not. */
static bool
is_hello(const struct udp_datagram *d)
{
	struct rd r = rd_init(d->bytes, d->len);
	uint8_t type = rd_u8(&r), major = rd_u8(&r);
	uint16_t epoch;
	uint8_t message;

	rd_skip(&r, 1); /* minor */
	epoch = rd_u16(&r);
	rd_skip(&r, 8); /* sequence, length */
	message = rd_u8(&r);
	return !r.failed && !d->cut && type == RECORD_HANDSHAKE &&
	       major == VERSION_MAJOR && epoch == 0 && message == CLIENT_HELLO;
}

static void
refuse(struct listener *l, struct endpoint from, const char *why)
{
	struct tunnel *t = l->tunnel;

	refusal_count(&t->figures, REFUSAL_LIMIT);
	refusal_log(&t->limits, REFUSAL_LIMIT, from, why);
}

/* It can receive where it says that it is: from here on it costs something. */
static void
accept_remote(struct listener *l)
{
	struct tunnel *t = l->tunnel;
	struct hello *h = l->hello;
	struct endpoint from = h->datagram.from;
	SSL *ssl = h->ssl;
	int fd;

	if (connection_is_pending(t, from)) {
		counter_inc(&t->figures.dtls_dropped);
		return;
	}
	if (t->unauthenticated >= UNAUTHENTICATED_MAX) {
		refuse(l, from, "");
		return;
	}
	if (!bucket_take(&h->handshakes, clock_now().mono, 1)) {
		refuse(l, from, "more handshakes per second than are allowed");
		return;
	}
	fd = udp_answer((struct endpoint){h->datagram.local, h->port}, from);
	if (fd < 0) {
		refuse(l, from, strerror(-fd));
		return;
	}
	h->ssl = NULL;
	connection_accept(t, l->ops, fd, from, ssl);
}

static void
judge(struct listener *l)
{
	struct hello *h = l->hello;
	unsigned int replies = h->reply_count;
	int verdict;

	if (!is_hello(&h->datagram) || (h->ssl == NULL && !make_ssl(h))) {
		counter_inc(&l->tunnel->figures.dtls_dropped);
		return;
	}
	h->given = false;
	h->stranger.address = h->datagram.from;
	ERR_clear_error();
	verdict = DTLSv1_listen(h->ssl, h->unused);
	ERR_clear_error();
	if (verdict == 1)
		accept_remote(l);
	else if (h->reply_count > replies)
		counter_inc(&l->tunnel->figures.dtls_hello_retries);
	else
		counter_inc(&l->tunnel->figures.dtls_dropped);
}

struct envelope {
	struct sockaddr_in to;
	struct iovec part;
	union udp_control control;
};

/* From the address that was asked: with 0.0.0.0, the kernel might choose another. */
static void
address(struct envelope *e, struct msghdr *m, struct reply *r)
{
	const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(r->from)};
	struct cmsghdr *c;

	*e = (struct envelope){.to = endpoint_sockaddr(r->to),
			       .part = {.iov_base = r->bytes, .iov_len = r->len}};
	*m = (struct msghdr){.msg_name = &e->to,
			     .msg_namelen = sizeof(e->to),
			     .msg_iov = &e->part,
			     .msg_iovlen = 1,
			     .msg_control = &e->control,
			     .msg_controllen = CMSG_SPACE(sizeof(info))};
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

/* What the kernel does not take is lost: the remote asks again. */
static void
send_replies(struct listener *l)
{
	struct hello *h = l->hello;
	struct envelope envelopes[HELLOS_PER_TURN];
	struct mmsghdr headers[HELLOS_PER_TURN] = {0};
	unsigned int n = h->reply_count;

	for (unsigned int i = 0; i < n; i++)
		address(&envelopes[i], &headers[i].msg_hdr, &h->replies[i]);
	for (unsigned int i = 0; i < n;) {
		int sent = sendmmsg(l->fd, headers + i, n - i, MSG_DONTWAIT);

		if (sent < 0)
			counter_inc(&l->tunnel->figures.dtls_unsent);
		i += sent > 0 ? (unsigned int)sent : 1;
	}
	h->reply_count = 0;
}

void
hello_serve(struct listener *l)
{
	struct hello *h = l->hello;
	uint32_t unused = 0;

	/* An error is of some earlier answer, by ICMP. */
	if (udp_receive(&h->in, l->fd, &unused) <= 0)
		return;
	while (l->open && udp_in_next(&h->in, &h->datagram))
		judge(l);
	if (l->open)
		send_replies(l);
}

/* ---- open and close ---- */

static uint16_t
port_of(int fd)
{
	struct sockaddr_in sa = {0};
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return 0;
	return endpoint_from(&sa).port;
}

static struct hello *
make(struct tunnel *t)
{
	struct hello *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->stranger = (struct connection){.tunnel = t, .fd = -1, .found = -1};
	h->method = dtls_bio_make("one datagram", &bio_calls);
	h->unused = BIO_ADDR_new();
	bucket_init(&h->handshakes, clock_now().mono, HELLO_HANDSHAKES_PER_S,
		    HELLO_HANDSHAKES_BURST);
	if (h->method != NULL && h->unused != NULL &&
	    udp_in_init(&h->in, HELLOS_PER_TURN, HELLO_BYTES_MAX) == 0)
		return h;
	BIO_meth_free(h->method);
	BIO_ADDR_free(h->unused);
	free(h);
	return NULL;
}

int
hello_open(struct listener *l)
{
	int fd = udp_listen(l->address);

	if (fd < 0)
		return fd;
	l->hello = make(l->tunnel);
	if (l->hello == NULL) {
		close(fd);
		return -ENOMEM;
	}
	l->hello->port = port_of(fd);
	return fd;
}

void
hello_renew(struct listener *l)
{
	SSL_free(l->hello->ssl);
	l->hello->ssl = NULL;
}

void
hello_close(struct listener *l)
{
	struct hello *h = l->hello;

	SSL_free(h->ssl);
	BIO_meth_free(h->method);
	BIO_ADDR_free(h->unused);
	udp_in_fini(&h->in);
	free(h);
	l->hello = NULL;
}
