/* SPDX-License-Identifier: Apache-2.0 */
#include "path/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/dial.h"
#include "path/endpoint.h"
#include "path/flow.h"

static void on_ready(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_repeat(evutil_socket_t fd, short what, void *arg);

/* Over UDP anybody can send the alert of a handshake: it only makes us wait less. */
#define ALERT_PATIENCE_NS NS_PER_S

/* There is one for every slot and every place among the unauthenticated. */
static struct connection *
take(struct tunnel *t, const struct transport_ops *ops)
{
	struct connection *c = t->free_connections;

	assert(c != NULL);
	t->free_connections = c->next_free;
	*c = (struct connection){.ops = ops, .tunnel = t, .fd = -1, .found = -1};
	c->refusal = REFUSAL_OTHER;
	return c;
}

static void
give_back(struct connection *c)
{
	c->stage = CONNECTION_FREE;
	c->next_free = c->tunnel->free_connections;
	c->tunnel->free_connections = c;
}

static void
watch(struct event *e, bool *added, bool wanted)
{
	if (wanted == *added)
		return;
	*added = wanted;
	if (wanted)
		event_add(e, NULL);
	else
		event_del(e);
}

void
connection_watch(struct connection *c)
{
	bool paused = c->stage == CONNECTION_UP && c->path->paused;
	bool read = c->read_waits == WAITS_READ && !paused;
	bool write = c->read_waits == WAITS_WRITE && !paused;

	watch(&c->readable, &c->reading, read || c->write_waits == WAITS_READ);
	watch(&c->writable, &c->writing, write || c->write_waits == WAITS_WRITE);
}

void
connection_again(struct connection *c)
{
	struct timeval at_once = {0, 0};

	event_add(&c->timer, &at_once);
}

/* A dark line answers nothing, and the kernel's own repeats come ever later: a new
 * attempt each second finds it sooner when it is back. */
#define CONNECT_LIMIT_NS NS_PER_S

static void
limit(struct connection *c, bool connecting)
{
	struct timeval tv;

	c->limit_ns = c->tunnel->settings.tls->handshake_timeout_ns;
	if (connecting && c->limit_ns > CONNECT_LIMIT_NS)
		c->limit_ns = CONNECT_LIMIT_NS;
	tv = path_timeval(c->limit_ns);
	event_add(&c->timer, &tv);
}

/* The socket exists from here on. */
static void
set_up_events(struct connection *c)
{
	struct tunnel *t = c->tunnel;

	event_assign(&c->readable, t->base, c->fd, EV_READ | EV_PERSIST, on_ready, c);
	event_assign(&c->writable, t->base, c->fd, EV_WRITE | EV_PERSIST, on_ready, c);
	event_assign(&c->timer, t->base, -1, 0, on_timer, c);
	event_assign(&c->repeat, t->base, -1, 0, on_repeat, c);
	limit(c, c->dialled);
}

void
connection_discard(struct connection *c, bool politely)
{
	if (c->path == NULL)
		c->tunnel->unauthenticated--;
	else
		c->path->connection = NULL;
	event_del(&c->readable);
	event_del(&c->writable);
	event_del(&c->timer);
	event_del(&c->repeat);
	c->ops->close(c, politely);
	give_back(c);
}

void
connection_discard_pending(struct tunnel *t)
{
	for (size_t i = 0; i < t->connection_count; i++) {
		struct connection *c = &t->connections[i];

		if (c->stage == CONNECTION_CONNECTING ||
		    c->stage == CONNECTION_HANDSHAKE)
			connection_discard(c, false);
	}
}

static void
refuse(struct connection *c, enum refusal why)
{
	struct tunnel *t = c->tunnel;
	struct path *p = c->path;
	char detail[REASON_BYTES];

	snprintf(detail, sizeof(detail), "%s", c->detail);
	refusal_count(&t->figures, why);
	if (p == NULL) {
		gauge_set(&t->figures.refused_last, 1 + (int64_t)why);
		refusal_log(&t->limits, why, c->address, detail);
	}
	connection_discard(c, false);
	if (p != NULL)
		dial_failed(p, why, detail);
}

static struct path *
find_free_slot(struct tunnel *t, unsigned int remote)
{
	struct path *slots = &t->paths[remote * PATHS_MAX];

	for (size_t i = t->settings.remotes[remote].path_count; i < PATHS_MAX; i++)
		if (slots[i].connection == NULL && !slots[i].doomed)
			return &slots[i];
	return NULL;
}

/* The handshake is done, so the transport has found who it is. */
static void
establish(struct connection *c)
{
	struct tunnel *t = c->tunnel;
	struct path *p = c->path;

	if (c->found < 0) {
		refuse(c, REFUSAL_OTHER);
		return;
	}
	if (p == NULL) {
		p = find_free_slot(t, (unsigned int)c->found);
		if (p == NULL) {
			snprintf(c->detail, sizeof(c->detail), "remote %s has %d",
				 t->settings.remotes[c->found].name, PATHS_MAX);
			refuse(c, REFUSAL_SLOTS);
			return;
		}
		t->unauthenticated--;
		gauge_set(&t->figures.refused_last, 0);
		c->path = p;
		p->connection = c;
	}
	event_del(&c->timer);
	event_del(&c->repeat);
	c->stage = CONNECTION_UP;
	flow_up(p);
	/* What came in one batch with the handshake's end has no other turn. */
	if (c->ops->datagrams)
		flow_serve(p, EV_READ);
}

static void
arm_repeat(struct connection *c)
{
	int64_t ns = c->ops->repeat_ns != NULL ? c->ops->repeat_ns(c) : -1;
	struct timeval tv = path_timeval(ns);

	if (ns >= 0)
		event_add(&c->repeat, &tv);
}

static void
hurry(struct connection *c)
{
	struct timeval tv;

	if (!c->alerted || c->limit_ns <= ALERT_PATIENCE_NS)
		return;
	c->limit_ns = ALERT_PATIENCE_NS;
	tv = path_timeval(c->limit_ns);
	event_add(&c->timer, &tv);
}

static void
shake(struct connection *c)
{
	c->write_waits = WAITS_NOTHING;
	switch (c->ops->handshake(c)) {
	case PROGRESS_DONE: establish(c); return;
	case PROGRESS_WANT_READ: c->read_waits = WAITS_READ; break;
	case PROGRESS_WANT_WRITE: c->read_waits = WAITS_WRITE; break;
	case PROGRESS_ENDED:
	case PROGRESS_FAILED: refuse(c, c->refusal); return;
	}
	arm_repeat(c);
	hurry(c);
	connection_watch(c);
}

static void
begin_handshake(struct connection *c)
{
	int err = c->ops->begin(c);

	if (err < 0) {
		snprintf(c->detail, sizeof(c->detail), "%s", strerror(-err));
		refuse(c, REFUSAL_OTHER);
		return;
	}
	c->stage = CONNECTION_HANDSHAKE;
	shake(c);
}

static void
finish_connect(struct connection *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0) {
		snprintf(c->detail, sizeof(c->detail), "%s", strerror(err));
		refuse(c, REFUSAL_CONNECT);
		return;
	}
	limit(c, false);
	begin_handshake(c);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	struct tunnel *t = c->tunnel;

	(void)fd;
	flow_enter(t);
	switch (c->stage) {
	case CONNECTION_CONNECTING: finish_connect(c); break;
	case CONNECTION_HANDSHAKE: shake(c); break;
	case CONNECTION_UP: flow_serve(c->path, what); break;
	case CONNECTION_FREE: break;
	}
	flow_leave(t);
}

static void
on_repeat(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	struct tunnel *t = c->tunnel;

	(void)fd;
	(void)what;
	flow_enter(t);
	shake(c);
	flow_leave(t);
}

static void
time_out(struct connection *c)
{
	if (c->alerted) {
		refuse(c, REFUSAL_ALERT);
		return;
	}
	snprintf(c->detail, sizeof(c->detail), "%s for %lld ms",
		 c->stage == CONNECTION_CONNECTING ? "no answer to connect"
		 : c->hello_seen || c->dialled     ? "handshake not finished"
						   : "said nothing of TLS",
		 (long long)(c->limit_ns / NS_PER_MS));
	refuse(c, REFUSAL_TIMEOUT);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	struct tunnel *t = c->tunnel;

	(void)fd;
	(void)what;
	flow_enter(t);
	if (c->stage == CONNECTION_UP)
		flow_serve(c->path, EV_TIMEOUT);
	else
		time_out(c);
	flow_leave(t);
}

void
connection_accept(struct tunnel *t, const struct transport_ops *ops, int fd,
		  struct endpoint from, struct ssl_st *ssl)
{
	struct connection *c;

	counter_inc(&t->figures.accepted);
	if (t->unauthenticated >= UNAUTHENTICATED_MAX) {
		refusal_count(&t->figures, REFUSAL_LIMIT);
		refusal_log(&t->limits, REFUSAL_LIMIT, from, "");
		close(fd);
		return;
	}
	c = take(t, ops);
	t->unauthenticated++;
	c->fd = fd;
	c->ssl = ssl;
	c->address = from;
	c->candidates = t->settings.remotes;
	c->candidate_count = t->settings.remote_count;
	set_up_events(c);
	flow_enter(t);
	begin_handshake(c);
	flow_leave(t);
}

bool
connection_is_pending(const struct tunnel *t, struct endpoint from)
{
	for (size_t i = 0; i < t->connection_count; i++) {
		const struct connection *c = &t->connections[i];

		if (c->stage == CONNECTION_HANDSHAKE && !c->dialled &&
		    c->ops->datagrams && c->address.addr == from.addr &&
		    c->address.port == from.port)
			return true;
	}
	return false;
}

int
connection_dial(struct path *p)
{
	struct tunnel *t = p->tunnel;
	struct connection *c;
	int err;

	c = take(t, path_transport(p->dial.settings->transport));
	c->dialled = true;
	c->address = p->dial.settings->connect;
	c->candidates = &t->settings.remotes[p->remote];
	c->candidate_count = 1;
	err = c->ops->connect(c, p->dial.settings);
	if (err < 0) {
		give_back(c);
		return err;
	}
	c->path = p;
	p->connection = c;
	set_up_events(c);
	c->stage = CONNECTION_CONNECTING;
	c->write_waits = WAITS_WRITE;
	connection_watch(c);
	return 0;
}
