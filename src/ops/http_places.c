/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/http_places.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <string.h>

#include "base/log.h"
#include "ops/stream.h"

#define ACCEPT_REST_S 1

static void
pause_accepting(struct http_places *h)
{
	for (size_t i = 0; i < h->listener_count; i++)
		evconnlistener_disable(h->listeners[i]);
}

static void
resume_accepting(struct http_places *h)
{
	for (size_t i = 0; i < h->listener_count; i++)
		evconnlistener_enable(h->listeners[i]);
}

static void
free_place(struct http_place *p)
{
	event_del(p->timer);
	if (p->stream)
		stream_cancel(p->stream);
	p->stream = NULL;
	p->bev = NULL;
	p->evcon = NULL;
	gauge_add(&p->places->figures->connections, -1);
	resume_accepting(p->places);
}

static void
connection_closed(struct evhttp_connection *evcon, void *arg)
{
	(void)evcon;
	free_place(arg);
}

/*
 * libevent 2.1 tells us of a connection only when it asks for its bufferevent, and
 * there the connection does not exist yet. It is the argument of the bufferevent's
 * callbacks as soon as evhttp is done with the accept, which is when this runs.
 * (2.2 has evhttp_set_newreqcb() for it.) If evhttp gave up in between, the
 * callbacks are gone.
 */
static void
adopt(struct http_place *p)
{
	bufferevent_event_cb on_event;
	void *evcon;

	bufferevent_getcb(p->bev, NULL, NULL, &on_event, &evcon);
	bufferevent_decref(p->bev);
	if (!on_event) {
		free_place(p);
		return;
	}
	p->evcon = evcon;
	assert(evhttp_connection_get_bufferevent(p->evcon) == p->bev);
	evhttp_connection_set_closecb(p->evcon, connection_closed, p);
	/* evhttp goes on reading while it answers, into memory without bound */
	bufferevent_setwatermark(p->bev, EV_READ, 0, HTTP_INPUT_BYTES);
	event_add(p->timer, &p->places->timeout);
}

/* Runs at once for a place just taken, and again when its time is up. */
static void
place_due(evutil_socket_t fd, short what, void *arg)
{
	struct http_place *p = arg;

	(void)fd;
	(void)what;
	if (!p->evcon) {
		adopt(p);
		return;
	}
	counter_inc(&p->places->figures->timeouts);
	evhttp_connection_free(p->evcon);
}

static size_t
count_free(const struct http_places *h, size_t *first)
{
	size_t n = 0;

	for (size_t i = HTTP_CONNECTIONS_MAX; i-- > 0;) {
		if (h->all[i].bev)
			continue;
		*first = i;
		n++;
	}
	return n;
}

/* evhttp has accepted, and wants a bufferevent. A place is free, for we stop to
 * accept when the last one is taken. */
struct bufferevent *
http_places_take(struct event_base *base, void *places)
{
	struct http_places *h = places;
	size_t first = 0, free_places = count_free(h, &first);
	struct http_place *p = &h->all[first];
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

	assert(free_places > 0);
	if (!bev)
		return NULL;
	bufferevent_incref(bev);
	p->bev = bev;
	counter_inc(&h->figures->accepted);
	gauge_add(&h->figures->connections, 1);
	event_active(p->timer, EV_TIMEOUT, 0);
	if (free_places == 1)
		pause_accepting(h);
	return bev;
}

/* Out of descriptors, or memory: the connection stays in the queue, and the loop
 * would do nothing but fail to take it. resume_due() puts an end to the rest. (The
 * argument is evhttp's, not ours.) */
static void
accept_failed(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	log_warn("http", "cannot accept reason=\"%s\"", strerror(errno));
	evconnlistener_disable(listener);
}

static void
resume_due(evutil_socket_t fd, short what, void *arg)
{
	struct http_places *h = arg;
	size_t first;

	(void)fd;
	(void)what;
	if (count_free(h, &first) > 0)
		resume_accepting(h);
}

/* ---- for http.c ---- */

void
http_places_listen(struct http_places *h, struct evconnlistener *l)
{
	assert(h->listener_count < HTTP_LISTENERS);
	evconnlistener_set_error_cb(l, accept_failed);
	h->listeners[h->listener_count++] = l;
}

struct http_place *
http_places_find(struct http_places *h, const struct evhttp_connection *evcon)
{
	size_t i = 0;

	while (i < HTTP_CONNECTIONS_MAX && h->all[i].evcon != evcon)
		i++;
	assert(i < HTTP_CONNECTIONS_MAX);
	return &h->all[i];
}

void
http_place_moved(struct http_place *p)
{
	event_add(p->timer, &p->places->timeout);
}

size_t
http_places_pending_bytes(const struct http_places *h)
{
	size_t sum = 0;

	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (h->all[i].bev)
			sum += evbuffer_get_length(
				bufferevent_get_output(h->all[i].bev));
	return sum;
}

bool
http_places_init(struct http_places *h, struct event_base *base,
		 struct http_figures *figures)
{
	const struct timeval rest = {.tv_sec = ACCEPT_REST_S};

	h->figures = figures;
	h->timeout.tv_sec = HTTP_TIMEOUT_S;
	h->resume = event_new(base, -1, EV_PERSIST, resume_due, h);
	if (!h->resume || event_add(h->resume, &rest) < 0)
		return false;
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		h->all[i].places = h;
		h->all[i].timer = evtimer_new(base, place_due, &h->all[i]);
		if (!h->all[i].timer)
			return false;
	}
	return true;
}

void
http_places_close(struct http_places *h)
{
	h->listener_count = 0; /* evhttp_free() frees them before the connections */
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (h->all[i].bev && !h->all[i].evcon)
			adopt(&h->all[i]);
}

void
http_places_fini(struct http_places *h)
{
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX && h->all[i].timer; i++)
		event_free(h->all[i].timer);
	if (h->resume)
		event_free(h->resume);
}
