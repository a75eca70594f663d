/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SOCKETS_H
#define TOMBOLO_SOCKETS_H
/* Who listens, by the text of /proc/net/tcp and /proc/net/udp. Pure. */
#include <stdbool.h>

#include "ops/settings.h"

/* A socket has the port, on that address or on all of them; for tls one that listens.
 * An address of 0 stands for any. */
bool sockets_has(const char *text, enum transport transport, struct endpoint at);

#endif
