/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"
#include "path/tls.h"

#define LOG_LINES    4096
#define PATIENCE_S   120
#define HEADER_BYTES 4
#define NUMBER_BYTES 8

static struct {
	struct {
		enum log_level level;
		char text[640];
	} lines[LOG_LINES];
	size_t line_count;
} rig;

/* ---- the log ---- */

/* In place of base/log.c. No limit here: the tests count lines. */
void
log_line(enum log_level level, const char *subsystem, struct log_limit *limit,
	 const char *fmt, ...)
{
	va_list ap;

	ck_assert_str_eq(subsystem, "tunnel");
	ck_assert_ptr_nonnull(limit);
	if (rig.line_count == LOG_LINES)
		return;
	rig.lines[rig.line_count].level = level;
	va_start(ap, fmt);
	vsnprintf(rig.lines[rig.line_count].text, sizeof(rig.lines[0].text), fmt, ap);
	va_end(ap);
	rig.line_count++;
}

void
rig_log_clear(void)
{
	rig.line_count = 0;
}

unsigned int
rig_log_count(enum log_level level, const char *text)
{
	unsigned int n = 0;

	for (size_t i = 0; i < rig.line_count; i++)
		n += rig.lines[i].level == level &&
		     strstr(rig.lines[i].text, text) != NULL;
	return n;
}

void
rig_log_show(void)
{
	for (size_t i = 0; i < rig.line_count; i++)
		fprintf(stderr, "<%d>%s\n", (int)rig.lines[i].level, rig.lines[i].text);
}

/* ---- frames: length, then bytes that follow from their number ---- */

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint32_t
frame_length(const struct stream *s, uint64_t number)
{
	uint64_t r = mix(number * 3 + 1);

	if (s->frame_bytes > 0)
		return 1 + (uint32_t)(r % s->frame_bytes);
	if (s->datagrams)
		return 1 + (uint32_t)(r % 500);
	if (r % 97 == 0)
		return 70000;
	return 1 + (uint32_t)(r >> 8) % 1500;
}

static void
frame_bytes(uint64_t number, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t r = mix(number << 20 ^ i);

		memcpy(out + i, &r, len - i < 8 ? len - i : 8);
	}
}

static struct stream *
stream_of(struct half *h, unsigned int remote, unsigned int slot)
{
	ck_assert_uint_lt(remote, h->remote_count);
	ck_assert_uint_lt(slot, PATHS_MAX);
	return &h->streams[remote][slot];
}

static void
on_up(void *arg, unsigned int remote, unsigned int slot, enum transport transport,
      size_t mtu)
{
	struct half *h = arg;
	struct stream *s = stream_of(h, remote, slot);

	ck_assert_int_eq(transport, h->transport);
	if (transport == TRANSPORT_TLS)
		ck_assert_uint_eq(mtu, FILL_BYTES);
	ck_assert(!s->up);
	s->datagrams = transport == TRANSPORT_DTLS;
	s->mtu = mtu;
	s->up = true;
	s->ups++;
	s->sent = s->received = s->missed = 0;
	h->ops++;
	if (h->hooks.up != NULL)
		h->hooks.up(h, remote, slot);
	h->ops--;
}

static void
on_down(void *arg, unsigned int remote, unsigned int slot, const char *reason)
{
	struct half *h = arg;
	struct stream *s = stream_of(h, remote, slot);

	ck_assert_uint_eq(h->ops, 0); /* never inside another op */
	ck_assert(s->up);
	s->up = false;
	s->downs++;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
	if (h->hooks.down != NULL)
		h->hooks.down(h, remote, slot);
}

static bool
take_frame(struct stream *s, struct rd *r)
{
	static uint8_t expected[FILL_BYTES_MAX];
	struct rd peek = *r;
	uint32_t len = rd_u32(&peek);
	uint64_t number = s->datagrams ? rd_u64(&peek) : s->received;
	const uint8_t *bytes = rd_bytes(&peek, len);

	if (bytes == NULL)
		return false;
	/* Neither twice nor out of order: nothing here repeats or overtakes. */
	ck_assert_uint_ge(number, s->received);
	s->missed += number - s->received;
	s->received = number;
	ck_assert_uint_eq(len, frame_length(s, s->received));
	frame_bytes(s->received, expected, len);
	ck_assert(memcmp(bytes, expected, len) == 0);
	s->received++;
	*r = peek;
	return true;
}

static long
on_input(void *arg, unsigned int remote, unsigned int slot, const uint8_t *bytes,
	 size_t len)
{
	struct half *h = arg;
	struct stream *s = stream_of(h, remote, slot);
	struct rd r = rd_init(bytes, len);
	long answer = LONG_MIN;

	ck_assert(s->up && len > 0 && len <= INPUT_BYTES_MAX);
	h->ops++;
	if (h->hooks.input != NULL)
		answer = h->hooks.input(h, remote, slot, len);
	while (answer == LONG_MIN && take_frame(s, &r))
		;
	h->ops--;
	return answer != LONG_MIN ? answer : (long)(len - rd_left(&r));
}

size_t
rig_frame(const struct stream *s, uint64_t number, uint8_t *out, size_t cap)
{
	struct wr w = wr_init(out, cap);
	uint32_t len = frame_length(s, number);
	uint8_t *room;

	wr_u32(&w, len);
	if (s->datagrams)
		wr_u64(&w, number);
	room = wr_room(&w, len);
	ck_assert_ptr_nonnull(room);
	frame_bytes(number, room, len);
	return cap - wr_left(&w);
}

static size_t
on_fill(void *arg, unsigned int remote, unsigned int slot, uint8_t *buf, size_t cap)
{
	struct half *h = arg;
	struct stream *s = stream_of(h, remote, slot);
	size_t used = 0;

	ck_assert(s->up);
	h->ops++;
	if (h->hooks.fill != NULL)
		h->hooks.fill(h, remote, slot);
	h->ops--;
	while (s->to_send > 0) {
		size_t len = HEADER_BYTES + frame_length(s, s->sent);

		if (s->datagrams)
			len += NUMBER_BYTES;
		if (used > 0 && (s->one_a_record || used + len > s->mtu))
			break;
		used += rig_frame(s, s->sent, buf + used, cap - used);
		s->sent++;
		s->to_send--;
	}
	return used;
}

static void
on_turn_end(void *arg)
{
	struct half *h = arg;

	h->turns++;
	h->ops++;
	if (h->hooks.turn_end != NULL)
		h->hooks.turn_end(h);
	h->ops--;
}

static bool
on_may_read(void *arg, unsigned int remote, unsigned int slot)
{
	struct half *h = arg;

	ck_assert(stream_of(h, remote, slot)->up);
	return !h->closed_ears;
}

static const struct tunnel_ops half_ops = {
	.up = on_up,
	.down = on_down,
	.input = on_input,
	.fill = on_fill,
	.turn_end = on_turn_end,
	.may_read = on_may_read,
};

/* ---- a half ---- */

void
half_init(struct half *h, const char *file, const char *ca)
{
	*h = (struct half){.tls = rig_tls(file, ca)};
	h->session.path_timeout_ns = 3 * NS_PER_S;
	h->settings = (struct half_settings){
		.tls = &h->tls,
		.listen = &h->listen,
		.remotes = h->remotes,
		.session = &h->session,
	};
}

void
half_expects(struct half *h, const char *name)
{
	struct remote_settings *r = &h->remotes[h->remote_count++];

	snprintf(r->name, sizeof(r->name), "%s", name);
	h->settings.remote_count = h->remote_count;
}

void
half_dials(struct half *h, const char *name, uint16_t port)
{
	struct remote_settings *r = &h->remotes[h->remote_count];

	half_expects(h, name);
	r->path_count = 1;
	r->paths[0] = (struct path_settings){.connect = {INADDR_LOOPBACK, port},
					     .transport = h->transport};
}

void
half_start(struct half *h, struct event_base *base, bool listens)
{
	h->listen.address = (struct endpoint){.addr = INADDR_LOOPBACK};
	h->listen.transport = h->transport;
	h->settings.listen_count = listens ? 1 : 0;
	half_restart(h, base);
	/* So that a restart comes back at the same place. */
	if (listens)
		h->listen.address.port = half_port(h);
}

void
half_restart(struct half *h, struct event_base *base)
{
	h->tunnel = tunnel_new(base, &h->settings, &half_ops, h, h->error,
			       sizeof(h->error));
	ck_assert_msg(h->tunnel != NULL, "%s", h->error);
	tunnel_start(h->tunnel);
}

void
half_free(struct half *h)
{
	tunnel_free(h->tunnel);
	h->tunnel = NULL;
	for (size_t i = 0; i < h->remote_count; i++)
		for (size_t j = 0; j < PATHS_MAX; j++)
			ck_assert_uint_eq(h->streams[i][j].ups, h->streams[i][j].downs);
}

uint16_t
half_port(const struct half *h)
{
	return rig_local_port(h->tunnel->listeners[0].fd);
}

void
half_send(struct half *h, unsigned int remote, unsigned int slot, uint64_t frames)
{
	stream_of(h, remote, slot)->to_send += frames;
	tunnel_kick(h->tunnel, remote, slot);
}

uint64_t
half_counter(const struct half *h, size_t offset)
{
	const char *f = (const char *)tunnel_figures(h->tunnel);

	return counter_get((const counter_t *)(f + offset));
}

uint64_t
half_refused(const struct half *h)
{
	static const size_t kinds[] = {
		COUNTER(refused_limit),     COUNTER(refused_timeout),
		COUNTER(refused_untrusted), COUNTER(refused_no_certificate),
		COUNTER(refused_expired),   COUNTER(refused_revoked),
		COUNTER(refused_name),      COUNTER(refused_protocol),
		COUNTER(refused_other),
	};
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		sum += half_counter(h, kinds[i]);
	return sum;
}

int
half_fd(const struct half *h, unsigned int remote, unsigned int slot)
{
	const struct connection *c =
		h->tunnel->paths[remote * PATHS_MAX + slot].connection;

	ck_assert_ptr_nonnull(c);
	return c->fd;
}

/* ---- the loop ---- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(unsigned int *)arg;
}

void
rig_until(struct event_base *base, rig_condition condition, void *arg)
{
	const struct timeval tick = {0, 2000};
	int64_t deadline = clock_now().mono.ns + PATIENCE_S * NS_PER_S;
	unsigned int ticks = 0;
	struct event *e = event_new(base, -1, EV_PERSIST, on_tick, &ticks);

	event_add(e, &tick);
	while (!condition(arg)) {
		if (clock_now().mono.ns > deadline) {
			rig_log_show();
			ck_abort_msg("waited in vain, %u ticks", ticks);
		}
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	}
	event_free(e);
}

/* ---- strangers ---- */

uint16_t
rig_local_port(int fd)
{
	struct sockaddr_in sa = {0};
	socklen_t len = sizeof(sa);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin_port);
}

int
rig_connect(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)),
			 0);
	return fd;
}

void
rig_use_certificate(SSL_CTX *ctx, const char *file)
{
	if (file == NULL)
		return;
	ck_assert_int_eq(SSL_CTX_use_certificate_file(ctx, rig_file(file, "crt"),
						      SSL_FILETYPE_PEM),
			 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, rig_file(file, "key"),
						     SSL_FILETYPE_PEM),
			 1);
}

SSL *
rig_client(uint16_t port, const char *file, int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	SSL_CTX_set_max_proto_version(ctx, max_version);
	rig_use_certificate(ctx, file);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, rig_connect(port));
	SSL_set_connect_state(ssl);
	return ssl;
}

void
rig_client_free(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
	ERR_clear_error();
}

int
rig_renew(struct tunnel *t, char *error, size_t error_bytes)
{
	int64_t expires_s;
	SSL_CTX *fresh = tls_context_new(t->settings.tls, t->settings.node, &expires_s,
					 error, error_bytes);

	if (fresh == NULL) {
		tunnel_renewal_failed(t);
		return -EINVAL;
	}
	SSL_CTX_free(tunnel_renew(t, fresh, expires_s));
	return 0;
}
