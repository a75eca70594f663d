/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HTTP_PLACES_H
#define TOMBOLO_HTTP_PLACES_H
/*
 * The places of connections: each has its time, and while all are taken nothing is
 * accepted. Used by http.c. Control thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>

#include "ops/http.h"

struct bufferevent;
struct event;
struct evconnlistener;
struct evhttp_connection;
struct http_places;
struct stream;

#define HTTP_LISTENERS   2
#define HTTP_INPUT_BYTES (2 * HTTP_HEADER_BYTES_MAX) /* read ahead of the parser */

/* It is taken when bev is set; evcon follows at once. */
struct http_place {
	struct http_places *places;
	struct bufferevent *bev;
	struct evhttp_connection *evcon;
	struct event *timer;
	struct stream *stream; /* or NULL: cancelled when the connection goes */
};

struct http_places {
	struct http_figures *figures;
	struct timeval timeout;
	struct evconnlistener *listeners[HTTP_LISTENERS];
	size_t listener_count;
	struct event *resume;
	struct http_place all[HTTP_CONNECTIONS_MAX];
};

/* Into zeroes; figures are borrowed. False: no memory, and http_places_fini() is due
 * all the same. */
bool http_places_init(struct http_places *h, struct event_base *base,
		      struct http_figures *figures);

/* Accepts from it, but for when all places are taken. It is borrowed until
 * http_places_close(). */
void http_places_listen(struct http_places *h, struct evconnlistener *l);

/* For evhttp_set_bevcb(), with the places as its argument. */
struct bufferevent *http_places_take(struct event_base *base, void *places);

/* The one of a connection, which has one. */
struct http_place *http_places_find(struct http_places *h,
				    const struct evhttp_connection *evcon);
/* Its time begins anew. */
void http_place_moved(struct http_place *p);

/* Answers that clients have not read yet. */
size_t http_places_pending_bytes(const struct http_places *h);

/* In front of evhttp_free(), which frees listeners and connections; and behind it. */
void http_places_close(struct http_places *h);
void http_places_fini(struct http_places *h);

#endif
