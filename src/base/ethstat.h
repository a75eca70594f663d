/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ETHSTAT_H
#define TOMBOLO_ETHSTAT_H
/*
 * The figures that an interface's driver keeps of its own, by name: "ethtool -S"
 * (SIOCETHTOOL, linux/ethtool.h). Reading them asks the driver, which may ask the
 * hardware under a lock: never from a lane.
 */
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#define ETHSTAT_NAME_BYTES 32 /* ETH_GSTRING_LEN */

struct ethtool_stats;

/* Zero-initialise. */
struct ethstat {
	char interface[IF_NAMESIZE];
	size_t count;                      /* 0: not open */
	char (*names)[ETHSTAT_NAME_BYTES]; /* NUL-padded; the last byte may be in use */
	struct ethtool_stats *raw;
	uint64_t *values; /* of the last ethstat_read(), in the order of the names */
};

/* Reads the names. fd: any socket. 0, or a negative errno: -EOPNOTSUPP when the driver
 * has none, -ENODEV, -ENOMEM. */
int ethstat_open(struct ethstat *s, int fd, const char *interface);
/* 0, or a negative errno: -ESTALE when the driver has other figures than it had (its
 * queues have changed): close, and open again. */
int ethstat_read(struct ethstat *s, int fd);
void ethstat_close(struct ethstat *s);

/* Where a name is among the names, or -1. Pure. */
int ethstat_place(const char (*names)[ETHSTAT_NAME_BYTES], size_t count,
		  const char *name);

#endif
