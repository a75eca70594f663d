/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_OFFLOAD_H
#define TOMBOLO_OFFLOAD_H
/*
 * Is a named offload of an interface on? As `ethtool -k` tells it: SIOCETHTOOL,
 * no privilege needed, nothing is changed.
 */
#include <stdbool.h>

/* Names as in ethtool(8)'s kernel strings: "rx-gro", "rx-gro-list",
 * "rx-udp-gro-forwarding". False also when the kernel does not know the name. */
bool offload_is_on(const char *interface, const char *name);

/* Logs once, naming the remedy, when the interface merges UDP datagrams, or could:
 * merged, they have lost their boundaries before anyone can see them. */
void offload_warn_of_merging(const char *subsystem, const char *interface);

#endif
