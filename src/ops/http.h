/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HTTP_H
#define TOMBOLO_HTTP_H
/*
 * HTTP for the control thread: /metrics on a TCP endpoint, the control socket on a
 * Unix path. GET and HEAD of registered paths, and on the control socket alone POST
 * of actions; one request to a connection. Who may act is who may open the socket:
 * its mode and its group decide, nothing here.
 *
 * Whatever a client does, it costs at most one of HTTP_CONNECTIONS_MAX places for
 * at most HTTP_TIMEOUT_S. When all places are taken the kernel queues, and who
 * waits there is served when one becomes free.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"

#define HTTP_CONNECTIONS_MAX   64
#define HTTP_HEADER_BYTES_MAX  8192 /* request line and headers */
#define HTTP_ROUTES_MAX        16
#define HTTP_TIMEOUT_S         5 /* from accept to the last byte, or piece to piece */
#define HTTP_PENDING_BYTES_MAX (64 * 1024 * 1024) /* answers not yet read by clients */

struct endpoint;
struct event_base;
struct evbuffer;
struct http;
struct stream_source;

/* Fills out and, if they are not to be "text/plain; charset=utf-8" and 200, sets
 * content_type (a string that outlives the call) and status. */
typedef void http_handler(void *arg, struct evbuffer *out, const char **content_type,
			  int *status);

/* The same for what changes something; query is what follows "?", or NULL. */
typedef void http_act(void *arg, const char *query, struct evbuffer *out, int *status);

/*
 * Listens on tcp (NULL or port 0: not) and on socket_path (NULL: not; mode 0660; a
 * socket that nobody answers on is replaced). All calls and handlers run on the
 * thread that runs the base. On error NULL, with a line for the operator in error.
 */
struct http *http_new(struct event_base *base, const struct endpoint *tcp,
		      const char *socket_path, char *error, size_t error_bytes);

/* Before the loop runs; path is borrowed until http_free(). */
void http_route(struct http *h, const char *path, http_handler *handler, void *arg);

/* The same for a page that is the same for as long as the process runs: who has it is
 * told so (ETag, If-None-Match, 304). */
void http_document(struct http *h, const char *path, http_handler *handler, void *arg);

/* The same for POST on the control socket. On tcp the path is refused (403). */
void http_action(struct http *h, const char *path, http_act *act, void *arg);

/*
 * A long answer, made piece by piece (ops/stream.h), to GET on the control socket; on tcp
 * it is refused (403). begin returns the state that source goes on with; or NULL, with
 * out and status as an act has them. A client that takes no piece for HTTP_TIMEOUT_S is
 * closed.
 */
typedef void *http_begin(void *arg, const char *query, struct evbuffer *out,
			 int *status);
void http_stream(struct http *h, const char *path, const char *content_type,
		 http_begin *begin, const struct stream_source *source, void *arg);

/* Closes everything and removes the socket's file, if it is still ours. */
void http_free(struct http *h);

#define HTTP_COUNTERS(X)                                                              \
	X(accepted, "connections", "Connections accepted")                            \
	X(answered, "requests", "Requests answered by a handler")                     \
	X(refused, "requests", "Requests refused: path, method, or too much pending") \
	X(timeouts, "connections", "Connections closed for taking too long")

struct http_figures {
#define X(id, unit, help) counter_t id;
	HTTP_COUNTERS(X)
#undef X
	gauge_t connections;
};
const struct http_figures *http_figures(const struct http *h);

#endif
