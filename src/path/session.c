/* SPDX-License-Identifier: Apache-2.0 */
#include "path/session.h"

static const char *const state_names[SESSION_STATES] = {
	[SESSION_DOWN] = "down",     [SESSION_GREETING] = "greeting",
	[SESSION_OPEN] = "open",     [SESSION_DRAINING] = "draining",
	[SESSION_CLOSED] = "closed",
};

static const char *const event_names[SESSION_EVENTS] = {
	[SESSION_PATH_UP] = "path up",     [SESSION_GREETED] = "greeted",
	[SESSION_REGREETED] = "regreeted", [SESSION_PATHS_GONE] = "paths gone",
	[SESSION_DRAIN] = "drain",         [SESSION_BYE] = "bye",
};

/* Designated, and complete: what is not named here is 0, which no row may need,
 * so every pair is written out. */
static const enum session_state transitions[SESSION_STATES][SESSION_EVENTS] = {
	[SESSION_DOWN] =
		{
			[SESSION_PATH_UP] = SESSION_GREETING,
			[SESSION_GREETED] = SESSION_CLOSED,
			[SESSION_REGREETED] = SESSION_CLOSED,
			[SESSION_PATHS_GONE] = SESSION_DOWN,
			[SESSION_DRAIN] = SESSION_DOWN,
			[SESSION_BYE] = SESSION_CLOSED,
		},
	[SESSION_GREETING] =
		{
			[SESSION_PATH_UP] = SESSION_GREETING,
			[SESSION_GREETED] = SESSION_OPEN,
			[SESSION_REGREETED] = SESSION_GREETING,
			[SESSION_PATHS_GONE] = SESSION_DOWN,
			[SESSION_DRAIN] = SESSION_GREETING,
			[SESSION_BYE] = SESSION_CLOSED,
		},
	[SESSION_OPEN] =
		{
			[SESSION_PATH_UP] = SESSION_OPEN,
			[SESSION_GREETED] = SESSION_OPEN,
			[SESSION_REGREETED] = SESSION_GREETING,
			[SESSION_PATHS_GONE] = SESSION_DOWN,
			[SESSION_DRAIN] = SESSION_DRAINING,
			[SESSION_BYE] = SESSION_CLOSED,
		},
	[SESSION_DRAINING] =
		{
			[SESSION_PATH_UP] = SESSION_DRAINING,
			[SESSION_GREETED] = SESSION_DRAINING,
			[SESSION_REGREETED] = SESSION_GREETING,
			[SESSION_PATHS_GONE] = SESSION_DOWN,
			[SESSION_DRAIN] = SESSION_DRAINING,
			[SESSION_BYE] = SESSION_CLOSED,
		},
	[SESSION_CLOSED] =
		{
			[SESSION_PATH_UP] = SESSION_GREETING,
			[SESSION_GREETED] = SESSION_CLOSED,
			[SESSION_REGREETED] = SESSION_CLOSED,
			[SESSION_PATHS_GONE] = SESSION_DOWN,
			[SESSION_DRAIN] = SESSION_CLOSED,
			[SESSION_BYE] = SESSION_CLOSED,
		},
};

const char *
session_state_name(enum session_state state)
{
	return state_names[state];
}

const char *
session_event_name(enum session_event event)
{
	return event_names[event];
}

enum session_state
session_next(enum session_state state, enum session_event event)
{
	return transitions[state][event];
}

bool
session_take(_Atomic int *state, enum session_event event, struct session_step *step)
{
	step->from = session_state(state);
	step->to = session_next(step->from, event);
	if (step->from == step->to)
		return false;
	atomic_store_explicit(state, (int)step->to, memory_order_relaxed);
	return true;
}
