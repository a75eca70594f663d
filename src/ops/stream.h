/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_STREAM_H
#define TOMBOLO_STREAM_H
/*
 * One long answer over HTTP, made piece by piece: the next piece is asked for when the
 * client has taken the last one, and a moment later, so that neither memory nor the
 * thread is filled with it. Used by http.c. Control thread.
 */
#include <stdbool.h>

struct event_base;
struct evbuffer;
struct evhttp_request;
struct stream;

struct stream_source {
	/* Adds the next piece, or nothing yet; false: that was the last. */
	bool (*more)(void *state, struct evbuffer *out);
	/* The answer is complete, or the client is gone: releases state. */
	void (*end)(void *state);
};

/* moved(arg) is called for each piece that the client has taken, ended(arg) when the
 * last one was handed over: the stream is gone then. NULL: no memory, and state was
 * released. */
struct stream_watcher {
	void (*moved)(void *arg);
	void (*ended)(void *arg);
	void *arg;
};
struct stream *stream_start(struct event_base *base, struct evhttp_request *req,
			    const char *content_type,
			    const struct stream_source *source, void *state,
			    const struct stream_watcher *watcher);

/* The connection is going, and the request with it. */
void stream_cancel(struct stream *s);

#endif
