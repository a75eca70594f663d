/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_JOIN_H
#define TOMBOLO_JOIN_H
/*
 * Memberships: what makes the kernel speak IGMP, and the NIC and the switch pass the
 * groups. On sockets of their own that are bound to no port and so receive nothing;
 * the frames are the ring's. The kernel leaves the groups when they are closed.
 */
#include <stddef.h>

#include "ops/settings.h"

/* Memberships of one socket; net.ipv4.igmp_max_memberships allows 20. */
#define JOIN_PER_SOCKET 16

struct join;

/* Works out what to join: each group once, or once for every source (SSM, RFC 4607)
 * when all its channels have one. Joins nothing yet. NULL: no memory. */
struct join *join_new(const struct channel_settings *channels, size_t count);

/* Joins all on the interface of that index. What is joined there already stays, for
 * a leave and a join would make a switch cut the groups; what is joined on another
 * is left. 0, or a negative errno with a line for the operator in error, nothing
 * being joined. */
int join_enter(struct join *j, unsigned int index, char *error, size_t error_bytes);

void join_leave(struct join *j);

/* After the interface was down: the kernel remembers the groups then and speaks for them
 * again, but forgets the sources of those that have one, and so asks for nothing of
 * them. If it has, these are joined anew; 0, or as join_enter(). */
int join_renew(struct join *j, char *error, size_t error_bytes);

/* How many memberships it is about. */
size_t join_count(const struct join *j);

/* Leaves too. */
void join_free(struct join *j);

#endif
