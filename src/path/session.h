/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SESSION_H
#define TOMBOLO_SESSION_H
/*
 * The state machine of a session, the same on both halves: one function,
 * state by event. Pure. The states:
 *
 *   down      no path is up
 *   greeting  a path is up, HELLO and WELCOME are under way
 *   open      data flows
 *   draining  nothing new is taken in; what is in flight is still delivered
 *   closed    said or heard BYE; only a new path leads out of it
 */
#include <stdatomic.h>
#include <stdbool.h>

enum session_state {
	SESSION_DOWN,
	SESSION_GREETING,
	SESSION_OPEN,
	SESSION_DRAINING,
	SESSION_CLOSED,
	SESSION_STATES
};

enum session_event {
	SESSION_PATH_UP,    /* a path came up */
	SESSION_GREETED,    /* the greeting is complete */
	SESSION_REGREETED,  /* a greeting began anew on a living session */
	SESSION_PATHS_GONE, /* the last path went down */
	SESSION_DRAIN,      /* our operator wants to stop */
	SESSION_BYE,        /* said or heard */
	SESSION_EVENTS
};

/* What a path of it is. A stream delivers everything in order or dies; a datagram path
 * loses, re-orders and repeats. */
enum path_kind { PATH_STREAM, PATH_DATAGRAM };

const char *session_state_name(enum session_state state);
const char *session_event_name(enum session_event event);

/* The state of a session, which one changes and anyone may look at. */
static inline enum session_state
session_state(const _Atomic int *state)
{
	return (enum session_state)atomic_load_explicit(state, memory_order_relaxed);
}

struct session_step {
	enum session_state from, to;
};
/* Its one setter. False: the event changes nothing. */
bool session_take(_Atomic int *state, enum session_event event,
		  struct session_step *step);

/* The next state; SESSION_CLOSED for every pair that should not happen, which
 * makes the caller close the paths and begin again. */
enum session_state session_next(enum session_state state, enum session_event event);

#endif
