/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LANE_H
#define TOMBOLO_LANE_H
/*
 * What relay_lane and peer_lane share: the thread, its event loop, the one timer
 * that follows the core's deadline, and the mailbox through which the main thread
 * tells it something. Whoever embeds it gets all calls on the lane's thread.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/histogram.h"
#include "path/alarm.h"

struct event;
struct event_base;

/* Told by lane_tell(); bits, so that nothing queues. */
enum lane_message {
	LANE_DRAIN = 1,  /* deliver what there is, then end */
	LANE_STOP = 2,   /* end now */
	LANE_RELOAD = 4, /* read the certificates again */
};

struct lane_ops {
	mono_t (*deadline)(void *arg);
	/* The deadline has come, or passed without effect. */
	void (*tick)(void *arg);
	void (*message)(void *arg, unsigned int bits);
};

struct lane {
	const struct lane_ops *ops;
	void *arg;
	struct event_base *base;
	struct alarm timer; /* rings at the core's deadline */
	struct event *mail;
	int mail_fd; /* eventfd: the main thread writes */
	int done_fd; /* eventfd: readable when the lane has ended */
	_Atomic unsigned int messages;
	pthread_t thread;
	bool started;
	int status; /* exit status of the lane, once it has ended */
	/* The turns of the loop, measured. */
	mono_t turn_began;
	struct histogram turns;
	counter_t heartbeat; /* turns and ticks: a watchdog sees it move */
};

/* 0 or negative errno. Nothing runs before lane_start(). */
int lane_init(struct lane *l, const struct lane_ops *ops, void *arg);
void lane_fini(struct lane *l);

/* Main thread: starts the thread; tells it something; waits for its end and
 * returns its status. */
int lane_start(struct lane *l, const char *name);
void lane_tell(struct lane *l, enum lane_message message);
int lane_join(struct lane *l);

/* Lane's thread: the deadline may have changed; the loop is to end. What was due when
 * the turn began is taken for something that waits for a path: it is looked at again
 * a little later. */
void lane_reschedule(struct lane *l);
void lane_end(struct lane *l, int status);

/* Lane's thread: a turn of work begins and ends, for the measurement. */
struct now lane_turn(struct lane *l);
void lane_turn_end(struct lane *l);

#endif
