/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections over the lines, as the tunnel would make them: one half dials and
 * uses the slot of its configuration, the other takes a free one. When one end
 * closes, the other one is told if the line lets it, or finds out by silence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define STREAM_LIMIT 16384
#define STREAM_CAP   (72 * 1024)
#define SEND_BUFFER  (128 * 1024)
#define FILLS        64 /* of a path at a time */
#define BACKOFF_NS   (50 * NS_PER_MS)

static enum half
other(enum half half)
{
	return half == RELAY ? PEER : RELAY;
}

static enum half
dialler(const struct world *w)
{
	return w->script.peer_dials ? PEER : RELAY;
}

static bool
is_stream(const struct world *w, const struct connection *c)
{
	return w->script.links[c->link].line.stream;
}

static void
redial_soon(struct world *w, unsigned int link)
{
	w->links[link].connect_at = mono_add(
		w->now.mono, NS_PER_MS + (int64_t)dice_below(&w->dice, BACKOFF_NS));
}

/* ---- the end of one end ---- */

static void
forget(struct world *w, struct connection *c, enum half half)
{
	struct end *e = &c->ends[half];

	e->up = false;
	free(e->inbox);
	e->inbox = NULL;
	e->len = e->room = 0;
	if (half == dialler(w))
		redial_soon(w, c->link);
	c->used = c->ends[RELAY].up || c->ends[PEER].up;
}

static void
leave(struct world *w, struct connection *c, enum half half)
{
	if (!c->ends[half].up)
		return;
	forget(w, c, half);
	trace_path(w, c->link, half, c->ends[half].slot, "down");
	if (half == RELAY)
		relay_path_down(w->relay, w->now, WORLD_REMOTE, c->ends[half].slot);
	else
		peer_path_down(w->peer, world_peer_now(w), WORLD_REMOTE,
			       c->ends[half].slot);
}

/* This end closes; the other one is told, if it can be. */
static void
close_end(struct world *w, struct connection *c, enum half half)
{
	struct link *l = &w->links[c->link];

	if (!c->dead && c->ends[other(half)].up)
		net_send_end(&l->net, w->now.mono, other(half), c->serial);
	leave(w, c, half);
}

void
wires_cut(struct world *w, unsigned int link, bool seen)
{
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		struct connection *c = &w->connections[i];

		if (!c->used || c->link != link || c->dead)
			continue;
		c->dead = true;
		if (!seen)
			continue;
		leave(w, c, RELAY);
		leave(w, c, PEER);
	}
}

/* The kernel closes its streams; of datagram paths nobody tells anything. */
void
wires_process_gone(struct world *w, enum half half)
{
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		struct connection *c = &w->connections[i];

		if (!c->used || !c->ends[half].up)
			continue;
		if (is_stream(w, c) && !c->dead && c->ends[other(half)].up)
			net_send_end(&w->links[c->link].net, w->now.mono, other(half),
				     c->serial);
		forget(w, c, half);
	}
}

static struct connection *
find(struct world *w, enum half half, unsigned int slot)
{
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		struct connection *c = &w->connections[i];

		if (c->used && c->ends[half].up && c->ends[half].slot == slot)
			return c;
	}
	return NULL;
}

void
wires_close(struct world *w, enum half half, unsigned int slot)
{
	struct connection *c = find(w, half, slot);

	if (c == NULL)
		FAIL(w, "the core closes slot %u, which is not up", slot);
	else
		c->ends[half].close = true;
}

void
wires_close_wanted(struct world *w)
{
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		struct connection *c = &w->connections[i];

		for (enum half h = RELAY; h < HALVES; h++) {
			if (c->used && c->ends[h].up && c->ends[h].close)
				close_end(w, c, h);
		}
	}
}

/* ---- the beginning ---- */

static struct connection *
find_unused(struct world *w)
{
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		if (!w->connections[i].used)
			return &w->connections[i];
	}
	return NULL;
}

/* The dialling half's slots are those of its paths; the other's all are free. */
static unsigned int
find_slot(struct world *w, enum half half, unsigned int link)
{
	unsigned int slot = 0;

	if (half == dialler(w))
		return link;
	while (slot < PATHS_MAX && find(w, half, slot) != NULL)
		slot++;
	return slot;
}

void
wires_connect(struct world *w, unsigned int link)
{
	const struct line *line = &w->script.links[link].line;
	enum path_kind kind = line->stream ? PATH_STREAM : PATH_DATAGRAM;
	size_t mtu = line->stream ? STREAM_LIMIT : line->mtu;
	struct connection *c = find_unused(w);
	unsigned int slots[HALVES] = {find_slot(w, RELAY, link),
				      find_slot(w, PEER, link)};

	if (c == NULL || slots[RELAY] == PATHS_MAX || slots[PEER] == PATHS_MAX) {
		redial_soon(w, link);
		return;
	}
	w->links[link].connect_at = MONO_NEVER;
	trace_path(w, link, RELAY, slots[RELAY], "up");
	trace_path(w, link, PEER, slots[PEER], "up");
	*c = (struct connection){.used = true,
				 .link = link,
				 .serial = ++w->serial,
				 .ends = {{.up = true, .slot = slots[RELAY]},
					  {.up = true, .slot = slots[PEER]}}};
	relay_path_up(w->relay, w->now, WORLD_REMOTE, slots[RELAY], kind, mtu);
	peer_path_up(w->peer, world_peer_now(w), WORLD_REMOTE, slots[PEER], kind, mtu);
}

void
wires_init(struct world *w)
{
	for (unsigned int i = 0; i < w->script.link_count; i++) {
		struct link *l = &w->links[i];

		l->net.line = w->script.links[i].line;
		l->net.dice.state = (w->script.seed ^ 0x5eed) + i * 7919;
		l->black_end = l->storm_at = l->storm_end = MONO_NEVER;
		l->connect_at = mono_add(
			w->now.mono,
			(int64_t)dice_below(&w->dice, (uint64_t)w->script.connect_ns));
	}
}

void
wires_fini(struct world *w)
{
	for (unsigned int i = 0; i < SCRIPT_LINKS; i++)
		net_clear(&w->links[i].net);
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		free(w->connections[i].ends[RELAY].inbox);
		free(w->connections[i].ends[PEER].inbox);
	}
}

/* ---- out ---- */

static bool
can_send(const struct world *w, const struct connection *c, enum half from)
{
	const struct end *to = &c->ends[other(from)];
	size_t on_the_way =
		w->links[c->link].net.in_flight_bytes[other(from)] + to->len;

	if (!is_stream(w, c))
		return true;
	return (c->dead ? c->ends[from].stuck : on_the_way) < SEND_BUFFER;
}

static size_t
fill(struct world *w, const struct connection *c, enum half from, uint8_t *buf)
{
	bool stream = is_stream(w, c);
	size_t mtu = w->script.links[c->link].line.mtu;
	size_t limit = stream ? STREAM_LIMIT : mtu, cap = stream ? STREAM_CAP : mtu, n;
	unsigned int slot = c->ends[from].slot;

	if (from == RELAY)
		n = relay_fill(w->relay, w->now, WORLD_REMOTE, slot, buf, limit, cap);
	else
		n = peer_fill(w->peer, world_peer_now(w), WORLD_REMOTE, slot, buf,
			      limit, cap);
	if (n > cap)
		FAIL(w, "fill overran");
	return n;
}

static void
send_packet(struct world *w, struct connection *c, enum half from, const uint8_t *bytes,
	    size_t len)
{
	bool carried = !c->dead && net_send(&w->links[c->link].net, w->now.mono,
					    other(from), c->serial, bytes, len);

	if (c->dead)
		c->ends[from].stuck += len;
	if (!carried && from == RELAY && !is_stream(w, c))
		audit_lost_packet(w, bytes, len);
	trace_packet(w, c->link, other(from), carried ? "sent" : "LOST", bytes, len);
}

static void
send_all(struct world *w, struct connection *c, enum half from)
{
	static uint8_t buf[STREAM_CAP];
	size_t n;

	for (int budget = FILLS; budget > 0 && can_send(w, c, from); budget--) {
		n = fill(w, c, from, buf);
		if (n == 0)
			return;
		send_packet(w, c, from, buf, n);
	}
}

void
wires_send(struct world *w)
{
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		struct connection *c = &w->connections[i];

		for (enum half h = RELAY; h < HALVES; h++) {
			if (c->used && c->ends[h].up && w->alive[h])
				send_all(w, c, h);
		}
	}
}

bool
wires_are_flushed(const struct world *w, enum half from)
{
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		const struct connection *c = &w->connections[i];

		if (c->used && c->ends[from].up && !c->dead && is_stream(w, c) &&
		    (c->ends[other(from)].len > 0 ||
		     w->links[c->link].net.in_flight_bytes[other(from)] > 0))
			return false;
	}
	return true;
}

/* ---- in ---- */

static long
input(struct world *w, const struct connection *c, enum half to, const uint8_t *bytes,
      size_t len)
{
	unsigned int slot = c->ends[to].slot;
	long used = to == PEER ? peer_input(w->peer, world_peer_now(w), WORLD_REMOTE,
					    slot, bytes, len)
			       : relay_input(w->relay, w->now, WORLD_REMOTE, slot,
					     bytes, len);

	if (used < 0)
		FAIL(w, "an honest half broke the protocol (to the %s)",
		     to == PEER ? "peer" : "relay");
	return used;
}

static bool
may_read(struct world *w, const struct connection *c, enum half to)
{
	return to == RELAY || peer_may_read(w->peer, WORLD_REMOTE, c->ends[to].slot);
}

/* A stream's bytes queue up until they are consumed, frame by whole frame. */
static void
read_stream(struct world *w, struct connection *c, enum half to)
{
	struct end *e = &c->ends[to];
	long used;

	if (e->len > 0 && may_read(w, c, to)) {
		used = input(w, c, to, e->inbox, e->len);
		if (used < 0)
			return;
		e->len -= (size_t)used;
		memmove(e->inbox, e->inbox + used, e->len);
	}
	if (e->ended && may_read(w, c, to))
		leave(w, c, to);
}

static void
queue(struct end *e, const struct packet *p)
{
	if (e->len + p->len > e->room) {
		e->room = 2 * (e->len + p->len);
		e->inbox = realloc(e->inbox, e->room);
	}
	memcpy(e->inbox + e->len, p->bytes, p->len);
	e->len += p->len;
}

static void
deliver(struct world *w, const struct packet *p)
{
	struct connection *c = NULL;

	for (size_t i = 0; i < WORLD_CONNECTIONS && c == NULL; i++) {
		if (w->connections[i].used && w->connections[i].serial == p->connection)
			c = &w->connections[i];
	}
	if (c == NULL || c->dead || !c->ends[p->to].up)
		return;
	if (p->end)
		c->ends[p->to].ended = true;
	else if (is_stream(w, c))
		queue(&c->ends[p->to], p);
	else
		(void)input(w, c, p->to, p->bytes, p->len);
	if (p->len > 0)
		trace_packet(w, c->link, p->to, "arrived", p->bytes, p->len);
}

void
wires_receive(struct world *w)
{
	struct packet p;

	for (unsigned int i = 0; i < w->script.link_count; i++) {
		while (net_take(&w->links[i].net, w->now.mono, &p)) {
			deliver(w, &p);
			free(p.bytes);
		}
	}
	for (size_t i = 0; i < WORLD_CONNECTIONS; i++) {
		struct connection *c = &w->connections[i];

		for (enum half h = RELAY; h < HALVES; h++) {
			if (c->used && c->ends[h].up)
				read_stream(w, c, h);
		}
	}
}

mono_t
wires_deadline(const struct world *w)
{
	mono_t due = MONO_NEVER;

	for (unsigned int i = 0; i < w->script.link_count; i++) {
		const struct link *l = &w->links[i];

		due = mono_min(due, net_deadline(&l->net));
		due = mono_min(due, mono_min(l->connect_at, l->black_end));
		due = mono_min(due, mono_min(l->next_cut, l->next_black));
		due = mono_min(due, mono_min(l->storm_at, l->storm_end));
	}
	return due;
}
