/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/stream.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

/* Between two pieces everybody else has his turn, here and on the lane. */
#define PAUSE_US 1000

struct stream {
	struct evhttp_request *req;
	const struct stream_source *source;
	void *state;
	struct stream_watcher watcher;
	struct event *pause;
	struct evbuffer *piece;
};

static void
release(struct stream *s)
{
	s->source->end(s->state);
	if (s->pause != NULL)
		event_free(s->pause);
	if (s->piece != NULL)
		evbuffer_free(s->piece);
	free(s);
}

static void
rest(struct stream *s)
{
	const struct timeval pause = {.tv_usec = PAUSE_US};

	event_add(s->pause, &pause);
}

static void
piece_taken(struct evhttp_connection *evcon, void *arg)
{
	struct stream *s = arg;

	(void)evcon;
	s->watcher.moved(s->watcher.arg);
	rest(s);
}

static void
finish(struct stream *s)
{
	struct stream_watcher watcher = s->watcher;
	struct evhttp_request *req = s->req;

	release(s);
	watcher.ended(watcher.arg);
	evhttp_send_reply_end(req);
}

static void
pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	bool more = s->source->more(s->state, s->piece);

	(void)fd, (void)what;
	if (evbuffer_get_length(s->piece) > 0)
		evhttp_send_reply_chunk_with_cb(s->req, s->piece,
						more ? piece_taken : NULL, s);
	else if (more)
		piece_taken(NULL, s); /* it is not the client who is slow */
	if (!more)
		finish(s);
}

struct stream *
stream_start(struct event_base *base, struct evhttp_request *req,
	     const char *content_type, const struct stream_source *source, void *state,
	     const struct stream_watcher *watcher)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		source->end(state);
		return NULL;
	}
	*s = (struct stream){
		.req = req, .source = source, .state = state, .watcher = *watcher};
	s->pause = evtimer_new(base, pause_over, s);
	s->piece = evbuffer_new();
	if (s->pause == NULL || s->piece == NULL) {
		release(s);
		return NULL;
	}
	evhttp_add_header(headers, "Content-Type", content_type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(headers, "Connection", "close");
	evhttp_send_reply_start(req, HTTP_OK, NULL);
	rest(s);
	return s;
}

/* When the client closes evhttp lets go of the request that is being answered, and only
 * its end frees it; when we close the connection it frees the request itself. */
void
stream_cancel(struct stream *s)
{
	struct evhttp_request *req = s->req;

	release(s);
	if (evhttp_request_get_connection(req) == NULL)
		evhttp_send_reply_end(req);
}
