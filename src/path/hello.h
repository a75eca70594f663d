/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HELLO_H
#define TOMBOLO_HELLO_H
/*
 * A UDP socket that listens for DTLS. A ClientHello is answered with a cookie and
 * forgotten; one that brings its cookie back becomes a connection with a socket
 * and a handshake of its own. Everything else is dropped and counted.
 */
#include "path/path.h"

/* Of ClientHellos with a good cookie, each of which costs a handshake: */
#define HELLO_HANDSHAKES_PER_S 100
#define HELLO_HANDSHAKES_BURST UNAUTHENTICATED_MAX

/* Binds l->address. Returns the descriptor or negative errno. */
int hello_open(struct listener *l);
/* Readable: one batch, however many wait. */
void hello_serve(struct listener *l);
/* There is a new context: what listens is to use it. */
void hello_renew(struct listener *l);
void hello_close(struct listener *l);

#endif
