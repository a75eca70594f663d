/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELOAD_H
#define TOMBOLO_RELOAD_H
/*
 * A changed configuration takes effect while the daemon runs: all that the file says
 * anew, or, when a part of it cannot be, nothing. Main thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "ops/settings.h"

struct peer_lane;
struct relay_lane;

/* One daemon of either half; the settings are those that its lane was given. */
struct relay_reload {
	const char *file;
	struct relay_settings *settings;
	struct relay_lane *lane;
};

struct peer_reload {
	const char *file;
	struct peer_settings *settings;
	struct peer_lane *lane;
};

/* Reads the file, and the certificates that it names, again. Leaves in text one line for
 * the operator, which was logged: what has changed, or what was refused, why, and what
 * to do about it. False: everything is as it was. */
bool reload_relay(const struct relay_reload *r, char *text, size_t text_bytes);
bool reload_peer(const struct peer_reload *r, char *text, size_t text_bytes);

#endif
