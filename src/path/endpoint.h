/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ENDPOINT_H
#define TOMBOLO_ENDPOINT_H
/* An IPv4 address and port, to and from the kernel and for people to read. */
#include "ops/settings.h"

struct sockaddr_in;

#define ENDPOINT_TEXT_BYTES 24

struct sockaddr_in endpoint_sockaddr(struct endpoint e);
struct endpoint endpoint_from(const struct sockaddr_in *a);

/* Ours of a connected socket; zeroes when it is not connected any more. */
struct endpoint endpoint_local(int fd);

/* "10.9.0.5:7443" into out (ENDPOINT_TEXT_BYTES), which is returned. */
const char *endpoint_text(struct endpoint e, char *out);

#endif
