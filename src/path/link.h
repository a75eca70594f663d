/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LINK_H
#define TOMBOLO_LINK_H
/*
 * What state the link of a captured interface is in, and how an operator is told.
 * Pure. Inside capture only.
 */
#include "base/ifstat.h"

enum link {
	LINK_UP,
	LINK_NO_CARRIER,
	LINK_DOWN,   /* configured so */
	LINK_GONE,   /* no such interface, or another of its name */
	LINK_FAILED, /* it is there, but the ring or the joins could not be had */
};

/* UP, NO_CARRIER, DOWN or GONE. */
enum link link_judge(const struct ifstat_state *state);

/* "is down" */
const char *link_text(enum link link);

/* 0 when up, or the negative errno that stands for the state. */
int link_error(enum link link);

#endif
