/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/daemon.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "ops/http.h"
#include "path/lane.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

static void
usage(FILE *out, const char *program, const char *default_file)
{
	fprintf(out,
		"usage: %s [-np] [-f file]\n"
		"       %s -V | -h\n"
		"  -f file  configuration (default %s)\n"
		"  -n       check the configuration and exit\n"
		"  -p       print the effective configuration and exit\n"
		"  -V       print the version and exit\n"
		"  -h       print this and exit\n"
		"See %s(8) and %s.yaml(5).\n",
		program, program, default_file, program, program);
}

struct daemon_options
daemon_options(int argc, char **argv, const char *program, const char *default_file)
{
	struct daemon_options o = {.file = default_file};
	int c;

	while ((c = getopt(argc, argv, "f:npVh")) != -1) {
		switch (c) {
		case 'f': o.file = optarg; break;
		case 'n': o.check = true; break;
		case 'p': o.print = true; break;
		case 'V': printf("%s %s\n", program, PACKAGE_VERSION); exit(0);
		case 'h': usage(stdout, program, default_file); exit(0);
		default: usage(stderr, program, default_file); exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: %s: no argument is expected\n", program,
			argv[optind]);
		usage(stderr, program, default_file);
		exit(2);
	}
	return o;
}

struct control {
	const struct daemon *daemon;
	struct event_base *base;
	struct event *signals[3];
	struct event **dones;
	struct http *http;
	unsigned int terms;
	size_t running;
};

static void
tell_all(struct control *c, enum lane_message message)
{
	for (size_t i = 0; i < c->daemon->lane_count; i++)
		lane_tell(c->daemon->lanes[i], message);
}

static void
on_term(evutil_socket_t signal, short what, void *arg)
{
	struct control *c = arg;

	(void)what;
	log_info("main", "%s", strsignal((int)signal));
	if (c->terms++ == 0) {
		notify_stopping();
		notify_status("draining");
		tell_all(c, LANE_DRAIN);
	} else {
		tell_all(c, LANE_STOP);
	}
}

static void
on_hup(evutil_socket_t signal, short what, void *arg)
{
	struct control *c = arg;

	(void)signal, (void)what;
	log_info("main", "reading the certificates again; what else changed in the "
			 "configuration needs a restart");
	notify_reloading(clock_now().mono);
	tell_all(c, LANE_RELOAD);
	notify_ready();
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd, (void)what;
	if (--c->running == 0)
		event_base_loopbreak(c->base);
}

static bool
watch(struct control *c)
{
	static const struct {
		int number;
		event_callback_fn call;
	} table[3] = {{SIGTERM, on_term}, {SIGINT, on_term}, {SIGHUP, on_hup}};

	for (size_t i = 0; i < 3; i++) {
		c->signals[i] =
			evsignal_new(c->base, table[i].number, table[i].call, c);
		if (c->signals[i] == NULL || event_add(c->signals[i], NULL) != 0)
			return false;
	}
	c->dones = calloc(c->daemon->lane_count, sizeof *c->dones);
	for (size_t i = 0; c->dones != NULL && i < c->daemon->lane_count; i++) {
		c->dones[i] = event_new(c->base, c->daemon->lanes[i]->done_fd, EV_READ,
					on_done, c);
		if (c->dones[i] == NULL || event_add(c->dones[i], NULL) != 0)
			return false;
	}
	return c->dones != NULL;
}

static void
serve(struct control *c)
{
	const struct service_settings *s = c->daemon->service;
	char error[512];

	if (s->metrics.port == 0 && s->control_socket == NULL)
		return;
	c->http = http_new(c->base, s->metrics.port != 0 ? &s->metrics : NULL,
			   s->control_socket, error, sizeof error);
	if (c->http == NULL)
		fatal("main", "%s", error);
	c->daemon->routes(c->daemon->arg, c->http);
}

static void
start_lanes(struct control *c)
{
	for (size_t i = 0; i < c->daemon->lane_count; i++) {
		char name[32];
		int error;

		snprintf(name, sizeof name, "lane%zu", i);
		error = lane_start(c->daemon->lanes[i], name);
		if (error != 0)
			fatal("main", "lane %zu: %s", i, strerror(-error));
		c->running++;
	}
}

static void
release(struct control *c)
{
	if (c->http != NULL)
		http_free(c->http);
	for (size_t i = 0; i < 3; i++)
		event_free(c->signals[i]);
	for (size_t i = 0; i < c->daemon->lane_count; i++)
		event_free(c->dones[i]);
	free(c->dones);
	event_base_free(c->base);
}

int
daemon_run(const struct daemon *d)
{
	struct control c = {.daemon = d, .base = event_base_new()};
	int status = 0;

	signal(SIGPIPE, SIG_IGN);
	if (c.base == NULL || !watch(&c))
		fatal("main", "out of memory");
	serve(&c);
	start_lanes(&c);
	log_info("main", "ready version=%s", PACKAGE_VERSION);
	notify_ready();
	notify_status("running");
	event_base_dispatch(c.base);
	for (size_t i = 0; i < d->lane_count; i++)
		status |= lane_join(d->lanes[i]);
	release(&c);
	return status;
}
