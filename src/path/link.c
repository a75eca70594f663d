/* SPDX-License-Identifier: Apache-2.0 */
#include "path/link.h"

#include <errno.h>

enum link
link_judge(const struct ifstat_state *state)
{
	if (state->index == 0)
		return LINK_GONE;
	if (!state->up)
		return LINK_DOWN;
	return state->running ? LINK_UP : LINK_NO_CARRIER;
}

const char *
link_text(enum link link)
{
	switch (link) {
	case LINK_UP: return "is up";
	case LINK_NO_CARRIER: return "has no carrier";
	case LINK_DOWN: return "is down";
	case LINK_GONE: return "is gone";
	case LINK_FAILED: return "cannot be captured";
	}
	return "is in an unknown state";
}

int
link_error(enum link link)
{
	switch (link) {
	case LINK_UP: return 0;
	case LINK_NO_CARRIER:
	case LINK_DOWN: return -ENETDOWN;
	case LINK_GONE: return -ENODEV;
	case LINK_FAILED: break;
	}
	return -EIO;
}
