/* SPDX-License-Identifier: Apache-2.0 */
#include "path/dtls_bio.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "path/dtls.h"

#define SEND_TRIES    4
#define RECORD_HEADER 13
#define RECORD_ALERT  21
#define RECORD_DATA   23

/* ---- in: what OpenSSL reads ---- */

static void
drop(struct connection *c)
{
	counter_inc(&c->tunnel->figures.dtls_dropped);
}

static void
note_alert(struct connection *c, uint8_t description)
{
	c->alerted = true;
	c->refusal = REFUSAL_ALERT;
	snprintf(c->detail, sizeof(c->detail),
		 "the remote sent alert \"%s\": its log says why",
		 SSL_alert_desc_string_long(description));
}

/* How much of a datagram stands before an alert that is not authenticated. */
static size_t
before_alert(struct connection *c, const uint8_t *bytes, size_t len)
{
	struct rd r = rd_init(bytes, len);

	while (rd_left(&r) >= RECORD_HEADER) {
		size_t at = len - rd_left(&r);
		uint8_t type = rd_u8(&r);
		uint16_t epoch, length;

		rd_skip(&r, 2); /* version */
		epoch = rd_u16(&r);
		rd_skip(&r, 6); /* sequence */
		length = rd_u16(&r);
		if (type == RECORD_ALERT && epoch == 0) {
			rd_skip(&r, 1); /* level */
			note_alert(c, rd_u8(&r));
			return at;
		}
		rd_skip(&r, length);
		if (r.failed)
			break;
	}
	return len;
}

/* ICMP says that there is nobody, or that the path is narrower than it was. It is
 * not authenticated: a path that is up does not end by the first, and the second
 * is believed by the kernel alone, which tells us its verdict when we send. */
static bool
is_of_icmp(int err)
{
	return err == -ECONNREFUSED || err == -EMSGSIZE || err == -EHOSTUNREACH ||
	       err == -ENETUNREACH || err == -EINTR;
}

static void
receive(struct connection *c)
{
	struct dtls *d = c->tunnel->dtls;
	uint32_t before = c->udp.overflow;
	int n = -EINTR;

	d->owner = c;
	for (int i = 0; i < SEND_TRIES && n < 0 && is_of_icmp(n); i++) {
		n = udp_receive(&d->in, c->fd, &c->udp.overflow);
		if (n == -ECONNREFUSED)
			c->udp.error = ECONNREFUSED;
	}
	counter_add(&c->tunnel->figures.dtls_overflowed, c->udp.overflow - before);
}

void
dtls_bio_count_overflow(struct connection *c)
{
	uint32_t now;

	if (!udp_overflow(c->fd, &now))
		return;
	counter_add(&c->tunnel->figures.dtls_overflowed, now - c->udp.overflow);
	c->udp.overflow = now;
}

void
dtls_bio_spend(struct connection *c, size_t len)
{
	uint64_t blocks = (len + DTLS_BLOCK_BYTES - 1) / DTLS_BLOCK_BYTES + 1;

	c->udp.blocks_left -= blocks < c->udp.blocks_left ? blocks : c->udp.blocks_left;
}

/* Others' are what came between bind(2) and connect(2): they send them again. */
static bool
is_good(const struct connection *c, const struct udp_datagram *d)
{
	return !d->cut && d->len >= RECORD_HEADER && d->from.addr == c->address.addr &&
	       d->from.port == c->address.port;
}

/* The next datagram of this turn's batch; false when the turn is over. */
static bool
take(struct connection *c, struct udp_datagram *d)
{
	struct dtls *shared = c->tunnel->dtls;

	if (c->udp.fed)
		drop(c);
	c->udp.fed = false;
	if (shared->owner != c)
		receive(c);
	while (udp_in_next(&shared->in, d)) {
		if (is_good(c, d) && c->stage != CONNECTION_UP)
			d->len = before_alert(c, d->bytes, d->len);
		else if (is_good(c, d))
			dtls_bio_spend(c, d->len);
		else
			d->len = 0;
		if (d->len > 0)
			return true;
		drop(c);
	}
	shared->owner = NULL;
	return false;
}

static int
bio_read(BIO *bio, char *buf, int size)
{
	struct connection *c = BIO_get_data(bio);
	struct udp_datagram d;

	BIO_clear_retry_flags(bio);
	if (!take(c, &d)) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (d.len > (size_t)size)
		d.len = (size_t)size;
	memcpy(buf, d.bytes, d.len);
	c->udp.fed = c->stage == CONNECTION_UP;
	return (int)d.len;
}

/* ---- out: what OpenSSL writes ---- */

int
dtls_bio_send(struct connection *c)
{
	struct udp_out *out = &c->udp.out;
	int err = 0;

	for (int tries = 0; out->count > 0 && tries < SEND_TRIES;) {
		err = udp_out_send(out, c->fd);
		if (err == -EAGAIN || err == -ENOBUFS)
			return -EAGAIN;
		if (err == -ECONNREFUSED)
			c->udp.error = ECONNREFUSED;
		else if (err == -EMSGSIZE &&
			 udp_payload(c->fd, c->udp.mtu) < c->udp.payload)
			return -EMSGSIZE;
		/* Partly sent; or an error of an earlier one, told now; else its own. */
		if (err == -EINTR)
			continue;
		if (err < 0 && ++tries == SEND_TRIES) {
			udp_out_drop(out);
			counter_inc(&c->tunnel->figures.dtls_unsent);
			tries = 0;
		}
	}
	return 0;
}

static void
put(struct connection *c, const char *bytes, size_t len)
{
	if (!udp_out_fits(&c->udp.out, len))
		(void)dtls_bio_send(c);
	/* In the handshake only; there it is as good as lost, and repeated. */
	if (!udp_out_put(&c->udp.out, bytes, len))
		counter_inc(&c->tunnel->figures.dtls_unsent);
}

static int
bio_write(BIO *bio, const char *buf, int len)
{
	struct connection *c = BIO_get_data(bio);
	/* When up: the end of the handshake, or close_notify. */
	bool is_repeat =
		c->stage == CONNECTION_UP ? buf[0] != RECORD_DATA : c->udp.repeating;

	BIO_clear_retry_flags(bio);
	put(c, buf, (size_t)len);
	if (is_repeat)
		put(c, buf, (size_t)len);
	return len;
}

static long
bio_ctrl(BIO *bio, int command, long value, void *pointer)
{
	(void)bio;
	(void)value;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP: return 1;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return UDP_HEADER_BYTES;
	default: return 0;
	}
}

BIO_METHOD *
dtls_bio_make(const char *name, const struct dtls_bio_calls *calls)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, name);

	if (m != NULL && BIO_meth_set_read(m, calls->read) == 1 &&
	    BIO_meth_set_write(m, calls->write) == 1 &&
	    BIO_meth_set_ctrl(m, calls->ctrl) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

BIO_METHOD *
dtls_bio_method(void)
{
	static const struct dtls_bio_calls calls = {bio_read, bio_write, bio_ctrl};

	return dtls_bio_make("datagrams by the batch", &calls);
}
