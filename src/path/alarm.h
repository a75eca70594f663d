/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ALARM_H
#define TOMBOLO_ALARM_H
/*
 * A timer of an event loop, exact to what the kernel can, that follows a deadline
 * which moves with every datagram: libevent's own would cost a timerfd_settime(2)
 * before each wait. The kernel is told only of deadlines earlier than the one it
 * has; one that moved away is found out when the former one comes, once.
 *
 * All on the loop's thread. Not to be moved in memory while it is open.
 */
#include <event2/event_struct.h>

#include "base/clock.h"

struct alarm {
	struct event event;
	int fd; /* timerfd(2) */
	void (*ring)(void *arg);
	void *arg;
	mono_t due;   /* when to ring */
	mono_t armed; /* when the kernel wakes us */
};

/* 0 or negative errno. Nothing rings before alarm_set(). */
int alarm_init(struct alarm *a, struct event_base *base, void (*ring)(void *arg),
	       void *arg);
/* Also after alarm_init() failed, and on one that was zeroed. */
void alarm_fini(struct alarm *a);

/* Rings once at `due`, at once if that is past; MONO_NEVER: not at all. It replaces
 * what was set before, and may be called from within ring(), which alarm_fini() may not. */
void alarm_set(struct alarm *a, mono_t due);

#endif
