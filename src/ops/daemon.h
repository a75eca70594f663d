/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DAEMON_H
#define TOMBOLO_DAEMON_H
/*
 * The main thread of either daemon: command line, signals, service manager, HTTP.
 * It moves no datagram; it starts lanes, tells them what the operator wants, and
 * waits for their end.
 */
#include <stdbool.h>
#include <stddef.h>

#include "ops/http.h"
#include "ops/settings.h"

struct conf_half;
struct lane;
struct recordings;
struct reload;

/* What is one half's of its program. */
struct daemon_program {
	const char *name;
	const char *file; /* its configuration, unless told otherwise */
	const struct conf_half *conf;
	/* Makes the lanes, daemon_run(), and what comes after; the exit status. */
	int (*serve)(const char *file, void *settings);
};

/* All of main(): the options -f -n -p -V -h, the configuration, the log, serve(). Returns
 * the exit status: 2 for a usage error, 1 for a configuration that cannot be. */
int daemon_main(int argc, char **argv, const struct daemon_program *p);

struct daemon {
	const struct service_settings *service;
	struct lane *const *lanes;
	size_t lane_count;
	/* What is served over HTTP, of this half's views, beside the page. */
	http_handler *metrics, *status, *gaps, *health;
	void *views;
	struct recordings *recordings;
	const struct reload *reload;
	/* The state in a few words: what "systemctl status" shows. */
	void (*summary)(void *arg, char *text, size_t bytes);
	/* Every second, and once before the first answer over HTTP. */
	void (*look)(void *arg);
	void *arg;
};

/* Starts the lanes, says READY, and runs until all have ended: by SIGTERM or SIGINT,
 * which drain (a second one ends at once), or by themselves (a capture file's end).
 * SIGHUP has the configuration read again. Meanwhile the service manager is told the
 * summary when it changes, looked at every second; and, when it asks for that, that
 * all lanes move (ops/watchdog.h): if one does not, it is for the service manager to
 * end this process. Returns the exit status. */
int daemon_run(const struct daemon *d);

#endif
