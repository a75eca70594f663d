/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HTTP_RIG_H
#define TOMBOLO_HTTP_RIG_H
/*
 * An HTTP server and its clients in one thread: http_rig_turn() lets the server do
 * what it can, so every test waits for a state and none for a time.
 */
#include <check.h>
#include <event2/event.h>

#include "base/clock.h"
#include "client.h"
#include "ops/http.h"
#include "path/endpoint.h"

/* Of the test that runs: Check's fixtures take no argument. */
struct http_rig {
	struct event_base *base;
	struct http *server; /* NULL: the test has freed it */
	struct endpoint tcp;
	char directory[64], path[96]; /* of the control socket */
	char error[512];
	size_t calls; /* of the handlers */
};
extern struct http_rig http_rig;

/* A test case of this name, whose tests each have a server with /metrics, /failure and
 * the action /act. */
TCase *http_rig_case(Suite *s, const char *name);
/* Handlers: "up 1"; 503 and the text that is their argument. */
void http_rig_serve_metrics(void *arg, struct evbuffer *out, const char **content_type,
			    int *status);
void http_rig_serve_failure(void *arg, struct evbuffer *out, const char **content_type,
			    int *status);

/* Before the test has ended. */
void http_rig_free_server(void);

void http_rig_turn(void);
/* Connections that the server has. */
size_t http_rig_connections(void);

#define HTTP_RIG_UNTIL(condition)                                                 \
	do {                                                                      \
		mono_t give_up_ = mono_add(clock_now().mono, CLIENT_PATIENCE_NS); \
		while (!(condition)) {                                            \
			ck_assert_msg(mono_before(clock_now().mono, give_up_),    \
				      "never came: " #condition);                 \
			http_rig_turn();                                          \
		}                                                                 \
	} while (0)

/* Connected over TCP. */
int http_rig_dial(void);
/* Sends all, reads to the end, closes. */
struct client_answer http_rig_talk(int fd, const char *data, size_t len);
/* The same over a connection of its own. */
struct client_answer http_rig_ask(const char *request);

void http_rig_expect_status(const struct client_answer *a, int status);
void http_rig_expect_header(const struct client_answer *a, const char *line);
void http_rig_expect_still_serving(void);

#endif
