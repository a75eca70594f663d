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

#include "ops/settings.h"

struct lane;
struct http;

struct daemon_options {
	const char *file;
	bool check; /* -n */
	bool print; /* -p */
};

/* getopt(3) for -f -n -p -V -h. Prints help, version or usage and exits where these
 * are asked for or due: status 0, or 2 for a usage error. */
struct daemon_options daemon_options(int argc, char **argv, const char *program,
				     const char *default_file);

struct daemon {
	const char *program;
	const struct service_settings *service;
	struct lane *const *lanes;
	size_t lane_count;
	/* Adds the routes of this half. */
	void (*routes)(void *arg, struct http *http);
	/* Reads the configuration again; text: what the operator is told. False: it was
	 * refused, and all stays as it was. */
	bool (*reload)(void *arg, char *text, size_t bytes);
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
