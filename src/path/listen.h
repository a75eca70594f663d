/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LISTEN_H
#define TOMBOLO_LISTEN_H
/* Listening sockets; of TCP: accept, a few a turn, and what to do when no descriptor
 * is left. */
#include "path/path.h"

/* Binds and listens; accepts nothing yet. On error negative errno, and a line
 * for the operator in error. */
int listen_open(struct listener *l, struct tunnel *t, const struct listen_settings *s,
		char *error, size_t error_bytes);
void listen_start(struct listener *l);
/* Stops accepting for good and closes the socket. */
void listen_close(struct listener *l);

/* For a transport over TCP. */
int listen_tcp(struct listener *l);
void listen_accept_tcp(struct listener *l);

#endif
