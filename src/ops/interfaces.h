/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_INTERFACES_H
#define TOMBOLO_INTERFACES_H
/*
 * The interfaces that a daemon uses, and what the kernel and the driver lost on them:
 * beside the books, since it is of all their traffic and not of ours alone. Read every
 * second on the control thread, never by a lane, and told by that thread alone.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/ethstat.h"
#include "base/ifaddr.h"
#include "base/ifstat.h"
#include "ops/allowance.h"
#include "ops/view.h"

#define INTERFACES_MAX 32 /* of which there are figures; of more there are none */

enum interface_use { USE_CAPTURE, USE_EMISSION, USE_PATH, INTERFACE_USES };

/* "capture", "emission", "path". */
const char *interface_use_name(enum interface_use use);

struct interface {
	char name[IF_NAMESIZE];
	unsigned int index; /* 0: it is not there */
	unsigned int uses;  /* a bit for each; 0: it was used */
	struct ifstat counters;
	struct ethstat driver; /* open when it has allowances */
	struct allowances allowances;
};

struct interfaces {
	struct interface all[INTERFACES_MAX];
	size_t count;
	int fd; /* for ioctl(2) */
	struct ifaddr_table addresses;
};

/* NULL: no memory, or no socket (errno). */
struct interfaces *interfaces_new(void);
void interfaces_free(struct interfaces *s);

/* Finds those that are used now, and reads. fixed: captured from or emitted to, or NULL;
 * the others are those that have the addresses of the lanes' paths. What was counted
 * before an interface was first used does not count. */
void interfaces_look(struct interfaces *s, const char *fixed, enum interface_use use,
		     struct lane_views lanes);

#endif
