/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LANE_H
#define TOMBOLO_LANE_H
/*
 * What relay_lane and peer_lane share: the thread, its event loop, the one timer
 * that follows the core's deadline, and the mailbox through which the main thread
 * tells it something. Whoever embeds it gets all calls on the lane's thread.
 */
#include <pthread.h>
#include <semaphore.h>
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
	LANE_DRAIN = 1, /* deliver what there is, then end */
	LANE_STOP = 2,  /* end now */
	LANE_CALL = 4,  /* lane_call()'s own */
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
	_Atomic bool ended; /* its loop: nothing of the lane runs any more */
	struct {
		void (*run)(void *arg);
		void *arg;
		sem_t done;
	} call;     /* LANE_CALL says whether there is one */
	int status; /* exit status of the lane, once it has ended */
	/* The turns of the loop, measured. */
	struct now now; /* when this one, or the last, began */
	bool in_turn;
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

/* Main thread: runs call(arg) on the lane's thread between two turns, and returns when
 * it has ended, so that it may use what is the lane's and the caller's alike. The lane's
 * datagrams wait meanwhile: a call does a bounded piece of work, some ten microseconds,
 * and what needs more makes several calls. It may be where the lane never started or has
 * ended, too: it runs right here then. */
void lane_call(struct lane *l, void (*call)(void *arg), void *arg);

/* Lane's thread: the deadline may have changed; the loop is to end. What was due when
 * the turn began is taken for something that waits for a path: it is looked at again
 * a little later. */
void lane_reschedule(struct lane *l);
void lane_end(struct lane *l, int status);

/* Lane's thread: a turn of work begins, unless it has, and ends, for the measurement.
 * All of a turn has the time of its beginning. */
struct now lane_turn(struct lane *l);
void lane_turn_end(struct lane *l);
/* The same for what is in the midst of something else, and no turn to be measured. */
void lane_turn_leave(struct lane *l);

#endif
