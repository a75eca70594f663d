/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CATALOG_H
#define TOMBOLO_CATALOG_H
/*
 * What tomboloctl check looks at: the numbers, which stay what they are, for manuals,
 * tickets and scripts refer to them. tomboloctl(8) has a line for each, and
 * doc/TROUBLESHOOTING.md an entry.
 */
#include <stddef.h>

#define CATALOG(X)                                            \
	X(CONFIGURATION, 1, "configuration", "host")          \
	X(DAEMON, 2, "daemon", "host")                        \
	X(CLOCK, 3, "clock", "host")                          \
	X(KEY, 10, "certificate and key", "identity")         \
	X(VALIDITY, 11, "validity", "identity")               \
	X(CHAIN, 12, "chain", "identity")                     \
	X(NAME, 13, "name in certificate", "identity")        \
	X(REVOCATION, 14, "revocation list", "identity")      \
	X(LISTEN, 20, "listening", "line")                    \
	X(NAMES, 21, "names", "line")                         \
	X(ROUTE, 22, "route", "line")                         \
	X(REACH, 23, "reachability", "line")                  \
	X(PATH_MTU, 24, "path MTU", "line")                   \
	X(CAPTURE, 30, "capture interface", "capture")        \
	X(OFFLOAD, 31, "offload", "capture")                  \
	X(RX_RING, 32, "receive ring", "capture")             \
	X(RP_FILTER, 33, "rp_filter", "capture")              \
	X(MEMBERSHIPS, 34, "memberships", "capture")          \
	X(IGMP_VERSION, 35, "IGMP version", "capture")        \
	X(JOINED, 36, "joined", "capture")                    \
	X(EMISSION, 40, "emission interface", "emission")     \
	X(MULTICAST_ROUTE, 41, "multicast route", "emission") \
	X(EMISSION_SIZE, 42, "emission MTU", "emission")      \
	X(QUOTA, 43, "quota", "emission")                     \
	X(ALLOWANCES, 50, "ENA allowances", "cloud")          \
	X(METADATA, 51, "instance metadata", "cloud")         \
	X(ACCESS, 52, "EC2 API", "cloud")                     \
	X(DOMAIN, 53, "multicast domain", "cloud")            \
	X(ASSOCIATION, 54, "association", "cloud")            \
	X(SOURCE_CHECK, 55, "source check", "cloud")          \
	X(MEMBERS, 56, "members", "cloud")                    \
	X(SOURCES, 57, "sources", "cloud")

enum check_id {
#define X(id, number, name, group) CHECK_##id,
	CATALOG(X)
#undef X
		CHECK_COUNT
};

struct catalog_entry {
	unsigned int number;
	const char *name, *group;
};

const struct catalog_entry *catalog_entry(enum check_id id);

#endif
