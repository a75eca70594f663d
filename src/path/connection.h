/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONNECTION_H
#define TOMBOLO_CONNECTION_H
/*
 * From a socket to an authenticated remote, or to one of the refusals; and, for
 * the whole life of a connection, what the event loop is asked to watch for.
 */
#include "path/path.h"

/* Takes over fd, and ssl if not NULL: a handshake, or closed and counted at once. */
void connection_accept(struct tunnel *t, const struct transport_ops *ops, int fd,
		       struct endpoint from, struct ssl_st *ssl);

/* A handshake with this stranger is under way. */
bool connection_is_pending(const struct tunnel *t, struct endpoint from);

/* Begins to connect p. Returns 0 (what follows is told to dial.h) or negative
 * errno. */
int connection_dial(struct path *p);

/* Asks the event loop for what read_waits and write_waits say; no more. */
void connection_watch(struct connection *c);

/* Another turn of this connection, after everybody else has had one. */
void connection_again(struct connection *c);

void connection_discard(struct connection *c, bool politely);

/* Drops every connection that is not up. */
void connection_discard_pending(struct tunnel *t);

#endif
