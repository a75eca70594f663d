/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/http.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ops/etag.h"
#include "ops/http_listen.h"
#include "ops/http_places.h"
#include "ops/settings.h"
#include "ops/stream.h"

#define DEFAULT_TYPE "text/plain; charset=utf-8"

struct route {
	const char *path;
	http_handler *handler;
	bool document; /* what the handler says never changes */
	http_act *act; /* or this: POST on the control socket */
	/* or these: a long answer, on the control socket */
	http_begin *begin;
	const struct stream_source *source;
	const char *content_type;
	void *arg;
};

struct http {
	struct event_base *base;
	struct evhttp *server;
	struct route routes[HTTP_ROUTES_MAX];
	size_t route_count;
	struct http_places places;
	struct http_path socket;
	struct http_figures figures;
};

/* ---- answers ---- */

/* What a browser may keep, and has to ask for again; 304 when it has it. */
static int
present(struct evhttp_request *req, struct evbuffer *out)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	size_t len = evbuffer_get_length(out);
	char tag[ETAG_BYTES];

	if (!etag_make(evbuffer_pullup(out, -1), len, tag))
		return HTTP_OK;
	evhttp_add_header(headers, "ETag", tag);
	evhttp_add_header(headers, "Cache-Control", "no-cache");
	if (!etag_is_known(tag,
			   evhttp_find_header(evhttp_request_get_input_headers(req),
					      "If-None-Match")))
		return HTTP_OK;
	evbuffer_drain(out, len);
	return HTTP_NOTMODIFIED;
}

/* Length and type are of what was asked for, which a 304 does not have. */
static void
describe(struct evkeyvalq *headers, const char *type, const struct evbuffer *out)
{
	char length[24];

	/* for HEAD libevent leaves out the length, and sends the body */
	snprintf(length, sizeof(length), "%zu", evbuffer_get_length(out));
	evhttp_add_header(headers, "Content-Length", length);
	evhttp_add_header(headers, "Content-Type", type);
}

static void
reply(struct evhttp_request *req, int status, const char *type, const char *allowed,
      struct evbuffer *out)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

	if (status != HTTP_NOTMODIFIED)
		describe(headers, type, out);
	if (evhttp_find_header(headers, "Cache-Control") == NULL)
		evhttp_add_header(headers, "Cache-Control", "no-store");
	/* A document cannot forbid that by its own <meta>: CSP3, section 6.4.2. */
	evhttp_add_header(headers, "Content-Security-Policy", "frame-ancestors 'none'");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(headers, "Connection", "close");
	if (status == HTTP_BADMETHOD)
		evhttp_add_header(headers, "Allow", allowed);
	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD)
		evbuffer_drain(out, evbuffer_get_length(out));
	evhttp_send_reply(req, status, NULL, out);
}

static bool
is_on_socket(struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));

	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       sa.ss_family == AF_UNIX;
}

static const struct route *
find_route(const struct http *h, struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	for (size_t i = 0; path && i < h->route_count; i++)
		if (strcmp(path, h->routes[i].path) == 0)
			return &h->routes[i];
	return NULL;
}

static const char *
query_of(struct evhttp_request *req)
{
	return evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
}

static void
list_routes(const struct http *h, struct evbuffer *out)
{
	evbuffer_add_printf(out, "Not here. There are:\n");
	for (size_t i = 0; i < h->route_count; i++)
		if (h->routes[i].handler)
			evbuffer_add_printf(out, "%s\n", h->routes[i].path);
}

/* 200 when the route may be asked so. */
static int
admit(const struct route *route, struct evhttp_request *req)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(req);

	if (route && !route->handler && !is_on_socket(req))
		return 403;
	if (route && route->begin)
		return method == EVHTTP_REQ_GET ? HTTP_OK : HTTP_BADMETHOD;
	if (route && route->act)
		return method == EVHTTP_REQ_POST ? HTTP_OK : HTTP_BADMETHOD;
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD)
		return HTTP_BADMETHOD;
	return route ? HTTP_OK : HTTP_NOTFOUND;
}

static void
explain(const struct http *h, int status, struct evbuffer *out)
{
	if (status == HTTP_NOTFOUND)
		list_routes(h, out);
	if (status == 403)
		evbuffer_add_printf(out, "Only on the control socket.\n");
}

/* ---- long answers ---- */

static void
stream_moved(void *arg)
{
	http_place_moved(arg);
}

static void
stream_ended(void *arg)
{
	struct http_place *p = arg;

	p->stream = NULL;
	http_place_moved(p);
}

/* False: it is not to be, and status and out say why. */
static bool
start_stream(struct http *h, struct evhttp_request *req, const struct route *route,
	     struct evbuffer *out, int *status)
{
	struct stream_watcher watcher = {.moved = stream_moved, .ended = stream_ended};
	struct http_place *p =
		http_places_find(&h->places, evhttp_request_get_connection(req));
	void *state = route->begin(route->arg, query_of(req), out, status);

	if (state == NULL)
		return false;
	watcher.arg = p;
	p->stream = stream_start(h->base, req, route->content_type, route->source,
				 state, &watcher);
	if (p->stream == NULL)
		*status = HTTP_INTERNAL;
	return p->stream != NULL;
}

/* ---- all answers ---- */

static int
compose(struct http *h, struct evhttp_request *req, const struct route *route,
	struct evbuffer *out, const char **type)
{
	int status = admit(route, req);

	if (status == HTTP_OK &&
	    http_places_pending_bytes(&h->places) > HTTP_PENDING_BYTES_MAX)
		status = HTTP_SERVUNAVAIL;
	if (status != HTTP_OK) {
		counter_inc(&h->figures.refused);
		explain(h, status, out);
		return status;
	}
	if (route->act)
		route->act(route->arg, query_of(req), out, &status);
	else if (route->handler)
		route->handler(route->arg, out, type, &status);
	counter_inc(&h->figures.answered);
	return status;
}

static const char *
allowed(const struct route *route)
{
	if (route && route->begin)
		return "GET";
	return route && route->act ? "POST" : "GET, HEAD";
}

static void
answer(struct evhttp_request *req, void *arg)
{
	struct http *h = arg;
	struct evbuffer *out = evbuffer_new();
	const struct route *route = find_route(h, req);
	const char *type = DEFAULT_TYPE;
	int status;

	if (!out) {
		evhttp_send_error(req, HTTP_INTERNAL, NULL);
		return;
	}
	status = compose(h, req, route, out, &type);
	if (status == HTTP_OK && route->document)
		status = present(req, out);
	if (status != HTTP_OK || !route->begin ||
	    !start_stream(h, req, route, out, &status))
		reply(req, status, type, allowed(route), out);
	evbuffer_free(out);
}

/* ---- life ---- */

static bool
make_server(struct http *h)
{
	h->server = evhttp_new(h->base);
	if (!h->server || !http_places_init(&h->places, h->base, &h->figures))
		return false;
	evhttp_set_max_headers_size(h->server, HTTP_HEADER_BYTES_MAX);
	evhttp_set_max_body_size(h->server, 0);
	/* all, even those it does not know: we say 405 where it would say 501 */
	evhttp_set_allowed_methods(h->server, UINT16_MAX);
	evhttp_set_bevcb(h->server, http_places_take, &h->places);
	evhttp_set_gencb(h->server, answer, h);
	return true;
}

/* Takes over l, which may be NULL: then error says why. */
static bool
serve(struct http *h, struct evconnlistener *l, char *error, size_t error_bytes)
{
	if (!l)
		return false;
	if (!evhttp_bind_listener(h->server, l)) {
		evconnlistener_free(l);
		snprintf(error, error_bytes, "http: out of memory");
		return false;
	}
	http_places_listen(&h->places, l);
	return true;
}

static bool
listen_all(struct http *h, const struct endpoint *tcp, const char *socket_path,
	   char *error, size_t error_bytes)
{
	if (tcp && tcp->port &&
	    !serve(h, http_listen_tcp(h->base, tcp, error, error_bytes), error,
		   error_bytes))
		return false;
	return !socket_path || serve(h,
				     http_listen_path(h->base, socket_path, &h->socket,
						      error, error_bytes),
				     error, error_bytes);
}

struct http *
http_new(struct event_base *base, const struct endpoint *tcp, const char *socket_path,
	 char *error, size_t error_bytes)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h)
		h->base = base;
	if (!h || !make_server(h))
		snprintf(error, error_bytes, "http: out of memory");
	else if (listen_all(h, tcp, socket_path, error, error_bytes))
		return h;
	http_free(h);
	return NULL;
}

void
http_route(struct http *h, const char *path, http_handler *handler, void *arg)
{
	assert(h->route_count < HTTP_ROUTES_MAX);
	h->routes[h->route_count++] =
		(struct route){.path = path, .handler = handler, .arg = arg};
}

void
http_document(struct http *h, const char *path, http_handler *handler, void *arg)
{
	http_route(h, path, handler, arg);
	h->routes[h->route_count - 1].document = true;
}

void
http_action(struct http *h, const char *path, http_act *act, void *arg)
{
	assert(h->route_count < HTTP_ROUTES_MAX);
	h->routes[h->route_count++] =
		(struct route){.path = path, .act = act, .arg = arg};
}

void
http_stream(struct http *h, const char *path, const char *content_type,
	    http_begin *begin, const struct stream_source *source, void *arg)
{
	assert(h->route_count < HTTP_ROUTES_MAX);
	h->routes[h->route_count++] = (struct route){.path = path,
						     .begin = begin,
						     .source = source,
						     .content_type = content_type,
						     .arg = arg};
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	http_path_fini(&h->socket);
	http_places_close(&h->places);
	if (h->server)
		evhttp_free(h->server);
	http_places_fini(&h->places);
	free(h);
}

const struct http_figures *
http_figures(const struct http *h)
{
	return &h->figures;
}
