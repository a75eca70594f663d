/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELOAD_H
#define TOMBOLO_RELOAD_H
/*
 * A changed configuration takes effect while the daemon runs: all that the file says
 * anew, or, when a part of it cannot be, nothing. Main thread.
 */
#include <stdbool.h>
#include <stddef.h>

struct conf_half;

/* One daemon of either half; the settings are those that its lane was given. */
struct reload {
	const char *file;
	const struct conf_half *conf;
	void *settings;
	void *lane;
	/* As relay_lane_reload() and peer_lane_reload() are, without their types. */
	int (*change)(void *lane, const void *next, void (*adopt)(void *arg), void *arg,
		      char *error, size_t error_bytes);
};

/* Reads the file, and the certificates that it names, again. Leaves in text one line for
 * the operator, which was logged: what has changed, or what was refused, why, and what
 * to do about it. False: everything is as it was. */
bool reload_run(const struct reload *r, char *text, size_t text_bytes);

#endif
