/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage 8 of 10 (relay: sends, from wire to the line; peer: receives, from the
 * line to wire). gets frames from the lane by ops.fill, hands what arrived to
 * ops.input; runs on the lane's thread.
 */
#include "path/flow.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "path/connection.h"
#include "path/dial.h"
#include "path/endpoint.h"

/* max_rate: what a pause saves up. */
#define DEPTH_NS (2 * NS_PER_MS)

bool
flow_is_live(const struct path *p)
{
	return p->connection != NULL && p->connection->stage == CONNECTION_UP &&
	       !p->doomed;
}

bool
flow_is_flushed(const struct path *p)
{
	return !flow_is_live(p) ||
	       (p->out_len == 0 && p->connection->udp.out.count == 0);
}

void
flow_doom(struct path *p, const char *fmt, ...)
{
	va_list ap;

	if (!flow_is_live(p))
		return;
	p->doomed = true;
	p->tunnel->doomed++;
	va_start(ap, fmt);
	vsnprintf(p->reason, sizeof(p->reason), fmt, ap);
	va_end(ap);
}

/* ---- out ---- */

/* Reading goes on: what arrived before the end, and the alert that tells why
 * the remote ended it, are still to be read. */
static void
break_off(struct path *p)
{
	struct connection *c = p->connection;

	p->broken = true;
	c->write_waits = WAITS_NOTHING;
	snprintf(p->reason, sizeof(p->reason), "%s", c->detail);
	if (p->paused)
		flow_doom(p, "%s", c->detail);
	else
		connection_again(c);
}

/* Datagrams have no end of stream that would still come. */
static void
give_way(struct path *p, enum progress progress)
{
	struct connection *c = p->connection;

	c->write_waits = WAITS_NOTHING;
	p->renew = progress == PROGRESS_ENDED;
	p->broken = progress == PROGRESS_FAILED;
	p->out_len = 0;
	flow_doom(p, "%s", c->detail);
}

/* False when the path can take no more for now. */
static bool
answer(struct path *p, enum progress progress)
{
	struct connection *c = p->connection;

	switch (progress) {
	case PROGRESS_DONE: return true;
	case PROGRESS_WANT_READ: c->write_waits = WAITS_READ; break;
	case PROGRESS_WANT_WRITE: c->write_waits = WAITS_WRITE; break;
	case PROGRESS_ENDED:
	case PROGRESS_FAILED:
		if (c->ops->datagrams)
			give_way(p, progress);
		else
			break_off(p);
		return false;
	}
	counter_inc(&p->tunnel->figures.blocked);
	return false;
}

static bool
write_out(struct path *p)
{
	struct connection *c = p->connection;
	size_t records = (p->out_len + FILL_BYTES - 1) / FILL_BYTES;

	if (!answer(p, c->ops->write(c, p->out, p->out_len)))
		return false;
	counter_add(&p->tunnel->figures.bytes_sent, p->out_len);
	pace_charge(&p->pace, p->out_len + records * c->overhead);
	p->out_len = 0;
	return true;
}

/* What was gathered goes out, as far as it can. */
static void
send_off(struct path *p)
{
	struct connection *c = p->connection;

	if (c->ops->flush != NULL && !p->broken && c->write_waits == WAITS_NOTHING)
		(void)answer(p, c->ops->flush(c));
}

static bool
fill_up(struct path *p)
{
	struct tunnel *t = p->tunnel;

	p->out_len = t->ops->fill(t->arg, p->remote, p->slot, p->out, p->cap);
	assert(p->out_len <= p->cap);
	return p->out_len > 0;
}

/* max_rate; the timer goes on when it allows. */
static bool
must_pause(struct path *p)
{
	mono_t now;
	int64_t ns;

	if (!pace_is_limited(&p->pace))
		return false;
	now = clock_now().mono;
	ns = pace_wait_ns(&p->pace, now);
	if (ns == 0)
		return false;
	alarm_set(&p->paced, mono_add(now, ns));
	return true;
}

void
flow_pump(struct path *p)
{
	size_t written = 0;

	if (!flow_is_live(p) || p->pumping || p->broken ||
	    p->connection->write_waits != WAITS_NOTHING)
		return;
	p->pumping = true;
	while (flow_is_live(p)) {
		size_t len;

		if (p->out_len == 0 && written >= WRITE_TURN_BYTES) {
			connection_again(p->connection);
			break;
		}
		if (p->out_len == 0 && (must_pause(p) || !fill_up(p)))
			break;
		len = p->out_len;
		if (!flow_is_live(p) || !write_out(p))
			break;
		written += len;
	}
	if (flow_is_live(p))
		send_off(p);
	p->pumping = false;
	if (p->connection != NULL)
		connection_watch(p->connection);
}

/* ---- in ---- */

static bool
may_read(const struct path *p)
{
	const struct tunnel *t = p->tunnel;

	return t->ops->may_read == NULL || t->ops->may_read(t->arg, p->remote, p->slot);
}

/* Hands the lane what is there, keeps what it does not take yet. */
static void
digest(struct path *p)
{
	struct tunnel *t = p->tunnel;
	long used = t->ops->input(t->arg, p->remote, p->slot, p->in, p->in_len);

	if (used < 0) {
		flow_doom(p, "the remote broke the protocol");
		return;
	}
	assert((size_t)used <= p->in_len);
	if (p->connection->ops->datagrams && (size_t)used < p->in_len) {
		flow_doom(p, "the remote broke the protocol: part of a frame");
		return;
	}
	p->in_len -= (size_t)used;
	p->heard = true;
	memmove(p->in, p->in + used, p->in_len);
	if (p->in_len == INPUT_BYTES_MAX && may_read(p))
		flow_doom(p,
			  "the remote broke the protocol: a frame longer than %d bytes",
			  INPUT_BYTES_MAX);
}

static void
end_of_input(struct path *p)
{
	struct connection *c = p->connection;
	/* After a write that failed, that is the better story, unless the remote
	 * told us its own. */
	const char *why = p->broken && !c->alerted ? p->reason : c->detail;
	char reason[REASON_BYTES];

	p->broken = true;
	snprintf(reason, sizeof(reason), "%s", why);
	flow_doom(p, "%s", reason);
}

/* False when there is nothing more to read for now. */
static bool
read_in(struct path *p, size_t *taken)
{
	struct connection *c = p->connection;
	size_t got = 0;

	switch (c->ops->read(c, p->in + p->in_len, INPUT_BYTES_MAX - p->in_len, &got)) {
	case PROGRESS_DONE:
		c->read_waits = WAITS_READ;
		p->in_len += got;
		*taken += got;
		counter_add(&p->tunnel->figures.bytes_received, got);
		return true;
	case PROGRESS_WANT_READ: c->read_waits = WAITS_READ; return false;
	case PROGRESS_WANT_WRITE: c->read_waits = WAITS_WRITE; return false;
	case PROGRESS_ENDED:
	case PROGRESS_FAILED: end_of_input(p); return false;
	}
	return false;
}

static void
take_input(struct path *p)
{
	struct tunnel *t = p->tunnel;
	bool resumed = p->resumed && p->in_len > 0;
	/* Their transport bounds its turns itself. */
	bool datagrams = p->connection->ops->datagrams;
	size_t taken = 0;

	/* What came before a pause may be whole frames that had to wait. */
	if (resumed)
		digest(p);
	p->resumed = false;
	while (flow_is_live(p)) {
		if (taken >= READ_TURN_BYTES && !datagrams) {
			connection_again(p->connection);
			break;
		}
		p->paused = !datagrams && !may_read(p);
		if (p->paused || !read_in(p, &taken))
			break;
		digest(p);
	}
	if (taken > 0 || resumed)
		t->ops->turn_end(t->arg);
}

void
flow_serve(struct path *p, short what)
{
	struct connection *c = p->connection;
	bool again = what == EV_TIMEOUT;

	if ((what & EV_WRITE && c->write_waits == WAITS_WRITE) ||
	    (what & EV_READ && c->write_waits == WAITS_READ)) {
		c->write_waits = WAITS_NOTHING;
		flow_pump(p);
	} else if (again) {
		flow_pump(p);
	}
	if (!p->paused && (again || (what & EV_READ && c->read_waits == WAITS_READ) ||
			   (what & EV_WRITE && c->read_waits == WAITS_WRITE)))
		take_input(p);
	/* Reading may have had to repeat the end of the handshake. */
	if (flow_is_live(p))
		send_off(p);
	connection_watch(c);
}

void
flow_resume(struct path *p)
{
	if (!flow_is_live(p) || !p->paused || !may_read(p))
		return;
	p->paused = false;
	p->resumed = true;
	connection_again(p->connection);
	connection_watch(p->connection);
}

/* ---- up and down ---- */

static void
on_paced(void *arg)
{
	struct path *p = arg;

	flow_enter(p->tunnel);
	flow_pump(p);
	flow_leave(p->tunnel);
}

int
flow_init(struct path *p)
{
	uint64_t bps = p->dial.settings != NULL ? p->dial.settings->max_rate_bps : 0;

	pace_init(&p->pace, clock_now().mono, bps, DEPTH_NS);
	if (!pace_is_limited(&p->pace))
		return 0;
	return alarm_init(&p->paced, p->tunnel->base, on_paced, p);
}

void
flow_fini(struct path *p)
{
	alarm_fini(&p->paced);
}

void
flow_up(struct path *p)
{
	struct tunnel *t = p->tunnel;
	struct connection *c = p->connection;
	char address[ENDPOINT_TEXT_BYTES];

	p->in_len = p->out_len = 0;
	p->paused = p->resumed = p->broken = p->heard = false;
	p->ours = p->failed = false;
	p->renew = false;
	p->cap = c->ops->datagrams ? c->udp.frames : FILL_BYTES_MAX;
	p->reason[0] = '\0';
	c->read_waits = WAITS_READ;
	c->write_waits = WAITS_NOTHING;
	counter_inc(&t->figures.established);
	if (p->dial.settings != NULL)
		dial_up(p);
	else
		log_info("tunnel", "path up remote=%s slot=%u transport=%s from=%s",
			 path_remote_name(p), p->slot, c->ops->name,
			 endpoint_text(c->address, address));
	gauge_set(&t->figures.local[p->remote][p->slot], endpoint_local(c->fd).addr);
	t->ops->up(t->arg, p->remote, p->slot, c->ops->transport,
		   p->cap < FILL_BYTES ? p->cap : FILL_BYTES);
	flow_pump(p);
	connection_watch(c);
}

/* One more try for a record that was filled; it may not wait. */
static bool
flush(struct path *p)
{
	if (p->broken)
		return false;
	return p->out_len == 0 || write_out(p);
}

static void
bury(struct path *p)
{
	struct tunnel *t = p->tunnel;
	char reason[REASON_BYTES];

	snprintf(reason, sizeof(reason), "%s", p->reason);
	if (pace_is_limited(&p->pace))
		alarm_set(&p->paced, MONO_NEVER);
	connection_discard(p->connection, flush(p));
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	p->in_len = p->out_len = 0;
	p->doomed = false;
	t->doomed--;
	if (p->dial.settings != NULL)
		dial_down(p);
	else
		path_log_down(p);
	t->ops->down(t->arg, p->remote, p->slot, reason);
}

void
flow_enter(struct tunnel *t)
{
	t->depth++;
}

void
flow_leave(struct tunnel *t)
{
	for (size_t i = 0; t->depth == 1 && t->doomed > 0; i = (i + 1) % t->path_count)
		if (t->paths[i].doomed)
			bury(&t->paths[i]);
	t->depth--;
}
