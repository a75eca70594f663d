/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ALLOWANCE_H
#define TOMBOLO_ALLOWANCE_H
/*
 * What an EC2 instance is allowed, by its network card: the figures of the ena driver
 * that tell packets which were queued or dropped because the instance was over its
 * bandwidth, its packet rate, its tracked connections or its rate to link-local
 * services. See AWS, "Monitor network performance for ENA settings". Pure: names and
 * values come from base/ethstat.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ethstat.h"

/* X(id, "name of the driver's figure"); the id is what people read. */
#define ALLOWANCES(X)                                \
	X(bw_in, "bw_in_allowance_exceeded")         \
	X(bw_out, "bw_out_allowance_exceeded")       \
	X(pps, "pps_allowance_exceeded")             \
	X(conntrack, "conntrack_allowance_exceeded") \
	X(linklocal, "linklocal_allowance_exceeded")

enum allowance {
#define X(id, name) ALLOWANCE_##id,
	ALLOWANCES(X)
#undef X
		ALLOWANCE_COUNT
};

/* "bw_in" */
const char *allowance_name(enum allowance allowance);

/* Of one interface. Zero-initialise. */
struct allowances {
	int place[ALLOWANCE_COUNT]; /* among the driver's figures; -1: it has none */
	uint64_t seen[ALLOWANCE_COUNT];  /* the driver's figure when last read */
	uint64_t total[ALLOWANCE_COUNT]; /* packets, since the first reading */
	int available_place;             /* conntrack_allowance_available */
	uint64_t available;              /* connections that can still be tracked */
	bool matched;                    /* the places are right */
	bool taken;                      /* a value was read since */
};

/* Looks for the names; false when the driver has none of them. Totals stay, and what is
 * counted before the next allowances_take() does not count. */
bool allowances_match(struct allowances *a, const char (*names)[ETHSTAT_NAME_BYTES],
		      size_t count);
/* The values in the order of the names. */
void allowances_take(struct allowances *a, const uint64_t *values);

#endif
