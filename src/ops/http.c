/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "ops/etag.h"
#include "ops/settings.h"
#include "ops/stream.h"

#define LISTENERS     2
#define INPUT_BYTES   (2 * HTTP_HEADER_BYTES_MAX) /* read ahead of the parser */
#define ACCEPT_REST_S 1
#define DEFAULT_TYPE  "text/plain; charset=utf-8"

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

/* A place for a connection. It is taken when bev is set; evcon follows at once. */
struct place {
	struct http *http;
	struct bufferevent *bev;
	struct evhttp_connection *evcon;
	struct event *timer;
	struct stream *stream; /* or NULL */
};

struct http {
	struct event_base *base;
	struct evhttp *server;
	struct evconnlistener *listeners[LISTENERS];
	size_t listener_count;
	struct event *resume;
	struct route routes[HTTP_ROUTES_MAX];
	size_t route_count;
	struct place places[HTTP_CONNECTIONS_MAX];
	struct timeval timeout;
	char *socket_path;
	struct stat socket_stat;
	struct http_figures figures;
};

/* ---- answers ---- */

static size_t
pending_bytes(const struct http *h)
{
	size_t sum = 0;

	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (h->places[i].bev)
			sum += evbuffer_get_length(
				bufferevent_get_output(h->places[i].bev));
	return sum;
}

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

static struct place *
place_of(struct http *h, struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	size_t i = 0;

	while (i < HTTP_CONNECTIONS_MAX && h->places[i].evcon != evcon)
		i++;
	assert(i < HTTP_CONNECTIONS_MAX);
	return &h->places[i];
}

static void
stream_moved(void *arg)
{
	struct place *p = arg;

	event_add(p->timer, &p->http->timeout);
}

static void
stream_ended(void *arg)
{
	struct place *p = arg;

	p->stream = NULL;
	event_add(p->timer, &p->http->timeout);
}

/* False: it is not to be, and status and out say why. */
static bool
start_stream(struct http *h, struct evhttp_request *req, const struct route *route,
	     struct evbuffer *out, int *status)
{
	struct stream_watcher watcher = {.moved = stream_moved, .ended = stream_ended};
	struct place *p = place_of(h, req);
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

	if (status == HTTP_OK && pending_bytes(h) > HTTP_PENDING_BYTES_MAX)
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

/* ---- places ---- */

static void
pause_accepting(struct http *h)
{
	for (size_t i = 0; i < h->listener_count; i++)
		evconnlistener_disable(h->listeners[i]);
}

static void
resume_accepting(struct http *h)
{
	for (size_t i = 0; i < h->listener_count; i++)
		evconnlistener_enable(h->listeners[i]);
}

static void
free_place(struct place *p)
{
	event_del(p->timer);
	if (p->stream)
		stream_cancel(p->stream);
	p->stream = NULL;
	p->bev = NULL;
	p->evcon = NULL;
	gauge_add(&p->http->figures.connections, -1);
	resume_accepting(p->http);
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
adopt(struct place *p)
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
	bufferevent_setwatermark(p->bev, EV_READ, 0, INPUT_BYTES);
	event_add(p->timer, &p->http->timeout);
}

/* Runs at once for a place just taken, and again when its time is up. */
static void
place_due(evutil_socket_t fd, short what, void *arg)
{
	struct place *p = arg;

	(void)fd;
	(void)what;
	if (!p->evcon) {
		adopt(p);
		return;
	}
	counter_inc(&p->http->figures.timeouts);
	evhttp_connection_free(p->evcon);
}

static size_t
count_free(const struct http *h, size_t *first)
{
	size_t n = 0;

	for (size_t i = HTTP_CONNECTIONS_MAX; i-- > 0;) {
		if (h->places[i].bev)
			continue;
		*first = i;
		n++;
	}
	return n;
}

/* evhttp has accepted, and wants a bufferevent. A place is free, for we stop to
 * accept when the last one is taken. */
static struct bufferevent *
take_place(struct event_base *base, void *arg)
{
	struct http *h = arg;
	size_t first = 0, free_places = count_free(h, &first);
	struct place *p = &h->places[first];
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

	assert(free_places > 0);
	if (!bev)
		return NULL;
	bufferevent_incref(bev);
	p->bev = bev;
	counter_inc(&h->figures.accepted);
	gauge_add(&h->figures.connections, 1);
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
	struct http *h = arg;
	size_t first;

	(void)fd;
	(void)what;
	if (count_free(h, &first) > 0)
		resume_accepting(h);
}

/* ---- listening ---- */

LOG_FORMAT(3, 4)
static bool
fail(char *error, size_t error_bytes, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, error_bytes, fmt, ap);
	va_end(ap);
	return false;
}

/* Takes over fd. */
static bool
serve(struct http *h, int fd)
{
	struct evconnlistener *l;

	l = evconnlistener_new(h->base, NULL, NULL,
			       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
			       HTTP_CONNECTIONS_MAX, fd);
	if (!l) {
		close(fd);
		return false;
	}
	if (!evhttp_bind_listener(h->server, l)) {
		evconnlistener_free(l);
		return false;
	}
	evconnlistener_set_error_cb(l, accept_failed);
	h->listeners[h->listener_count++] = l;
	return true;
}

static bool
listen_tcp(struct http *h, const struct endpoint *tcp, char *error, size_t error_bytes)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(tcp->port),
				 .sin_addr = {htonl(tcp->addr)}};
	char text[INET_ADDRSTRLEN];
	int fd, on = 1;

	inet_ntop(AF_INET, &sa.sin_addr, text, sizeof(text));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(error, error_bytes, "http: socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		fail(error, error_bytes, "http: cannot listen on %s:%u: %s", text,
		     tcp->port, strerror(errno));
		close(fd);
		return false;
	}
	if (!serve(h, fd))
		return fail(error, error_bytes, "http: cannot listen on %s:%u: %s",
			    text, tcp->port, strerror(errno));
	return true;
}

/* 0 when the path is free now: nothing was there, or a socket nobody answers on. */
static int
clear_path(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, rc = 0;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* with EAGAIN, too, there is somebody: whose queue is full */
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0)
		rc = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		rc = errno == EAGAIN ? -EADDRINUSE : -errno;
	else if (unlink(sa->sun_path) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* A bound socket whose file has mode 0660 and never had a wider one: the file takes
 * the mode of the socket, less the umask. Returns it, or a negative errno. */
static int
bind_path(const struct sockaddr_un *sa)
{
	int fd, rc = clear_path(sa);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0660) == 0 &&
	    bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 &&
	    chmod(sa->sun_path, 0660) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static bool
listen_path(struct http *h, const char *path, char *error, size_t error_bytes)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return fail(error, error_bytes,
			    "http: %s: a socket's path has at most "
			    "%zu bytes",
			    path, sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = bind_path(&sa);
	if (fd < 0)
		return fail(error, error_bytes, "http: cannot listen on %s: %s", path,
			    fd == -EEXIST ? "the file there is not a socket"
					  : strerror(-fd));
	h->socket_path = strdup(path);
	if (!h->socket_path || lstat(path, &h->socket_stat) < 0 || !serve(h, fd))
		return fail(error, error_bytes, "http: cannot listen on %s: %s", path,
			    strerror(errno));
	return true;
}

/* Another process may have replaced it; that one is not ours to remove. */
static void
remove_path(const struct http *h)
{
	struct stat st;

	if (h->socket_path && lstat(h->socket_path, &st) == 0 &&
	    st.st_dev == h->socket_stat.st_dev && st.st_ino == h->socket_stat.st_ino)
		unlink(h->socket_path);
}

/* ---- life ---- */

static bool
make_server(struct http *h)
{
	const struct timeval rest = {.tv_sec = ACCEPT_REST_S};

	h->server = evhttp_new(h->base);
	h->resume = event_new(h->base, -1, EV_PERSIST, resume_due, h);
	if (!h->server || !h->resume || event_add(h->resume, &rest) < 0)
		return false;
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		h->places[i].http = h;
		h->places[i].timer = evtimer_new(h->base, place_due, &h->places[i]);
		if (!h->places[i].timer)
			return false;
	}
	evhttp_set_max_headers_size(h->server, HTTP_HEADER_BYTES_MAX);
	evhttp_set_max_body_size(h->server, 0);
	/* all, even those it does not know: we say 405 where it would say 501 */
	evhttp_set_allowed_methods(h->server, UINT16_MAX);
	evhttp_set_bevcb(h->server, take_place, h);
	evhttp_set_gencb(h->server, answer, h);
	return true;
}

struct http *
http_new(struct event_base *base, const struct endpoint *tcp, const char *socket_path,
	 char *error, size_t error_bytes)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		goto out_of_memory;
	h->base = base;
	h->timeout.tv_sec = HTTP_TIMEOUT_S;
	if (!make_server(h))
		goto out_of_memory;
	if (tcp && tcp->port && !listen_tcp(h, tcp, error, error_bytes))
		goto failed;
	if (socket_path && !listen_path(h, socket_path, error, error_bytes))
		goto failed;
	return h;
out_of_memory:
	fail(error, error_bytes, "http: out of memory");
failed:
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
	remove_path(h);
	h->listener_count = 0; /* evhttp_free() frees them before the connections */
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (h->places[i].bev && !h->places[i].evcon)
			adopt(&h->places[i]);
	if (h->server)
		evhttp_free(h->server);
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX && h->places[i].timer; i++)
		event_free(h->places[i].timer);
	if (h->resume)
		event_free(h->resume);
	free(h->socket_path);
	free(h);
}

const struct http_figures *
http_figures(const struct http *h)
{
	return &h->figures;
}
