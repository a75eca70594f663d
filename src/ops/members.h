/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_MEMBERS_H
#define TOMBOLO_MEMBERS_H
/*
 * With `emit.members: ec2`: who is in the groups of the multicast domain, asked again and
 * again by a thread of its own, since each question blocks. What it hears is taken by
 * the main thread, which looks once a second, and given to the lanes.
 *
 * While EC2 does not answer, its last answer stands; before the first everything is
 * wanted: a datagram too many is better than one too few.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"

struct members;

struct members_figures {
	counter_t asked, failed;
	gauge_t is_known;    /* the last question was answered */
	gauge_t groups;      /* that have a member, by the last answer */
	gauge_t answered_ns; /* UTC of that; 0: none yet */
};

/* Starts asking. NULL: no memory, or no thread. */
struct members *members_start(const char *domain);
/* Waits a moment for a question that is under way; one that takes longer ends with the
 * process. */
void members_stop(struct members *m);

/* domain: to be asked about from now on. What was heard since: give(arg) gets the
 * groups, sorted, when they are others than before, for free(). Logs when EC2 ceases to
 * answer, and when it does again. */
void members_look(struct members *m, const char *domain,
		  void (*give)(void *arg, uint32_t *groups, size_t count), void *arg);

const struct members_figures *members_figures(const struct members *m);

#endif
