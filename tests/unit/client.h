/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CLIENT_H
#define TOMBOLO_CLIENT_H
/*
 * The client's side of a test whose server runs in the same thread: nothing here
 * waits, so the test can give the server its turns in between.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_PATIENCE_NS (30 * NS_PER_S) /* for what must come */

/* What a server said so far; all zeros at first. */
struct client_answer {
	char *text; /* head and body, NUL-terminated; to be freed */
	size_t len, room;
	bool reset;
};

/* A connected socket: at this port of loopback, at this path. */
int client_dial(uint16_t port);
int client_dial_path(const char *path);
/* Sends what can be sent now, and says in *len how much; false when the server has
 * closed. */
bool client_push(int fd, const char *data, size_t *len);
/* Reads what is there now; true at the end of the answer. */
bool client_pull(int fd, struct client_answer *a);
/* Behind the head, which must be there. */
const char *client_body(const struct client_answer *a);

#endif
