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
#include "ops/conf_file.h"
#include "ops/control.h"
#include "ops/page.h"
#include "ops/recording.h"
#include "ops/reload.h"
#include "ops/watchdog.h"
#include "path/lane.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

/* ---- the command line ---- */

struct options {
	const char *file;
	bool check, print;
};

static void
usage(FILE *out, const struct daemon_program *p)
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
		p->name, p->name, p->file, p->name, p->name);
}

/* Exits where that is asked for, or due. */
static struct options
read_options(int argc, char **argv, const struct daemon_program *p)
{
	struct options o = {.file = p->file};
	int c;

	while ((c = getopt(argc, argv, "f:npVh")) != -1) {
		switch (c) {
		case 'f': o.file = optarg; break;
		case 'n': o.check = true; break;
		case 'p': o.print = true; break;
		case 'V': printf("%s %s\n", p->name, PACKAGE_VERSION); exit(0);
		case 'h': usage(stdout, p); exit(0);
		default: usage(stderr, p); exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: %s: no argument is expected\n", p->name,
			argv[optind]);
		usage(stderr, p);
		exit(2);
	}
	return o;
}

int
daemon_main(int argc, char **argv, const struct daemon_program *p)
{
	struct options o = read_options(argc, argv, p);
	char error[1024];
	void *settings = conf_load(p->conf, o.file, error, sizeof error);
	int status = 0;

	if (settings == NULL) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	if (o.print)
		conf_print(p->conf->record, settings, stdout);
	if (!o.print && !o.check) {
		log_init(p->name,
			 (enum log_level)p->conf->shared(settings).service->log_level);
		status = p->serve(o.file, settings);
	}
	conf_delete(p->conf, settings);
	return status;
}

/* ---- a daemon that runs ---- */

/* Whoever asks the service manager for the state asks by hand. */
#define STATUS_SECONDS 1

struct watched_lane {
	struct control *control;
	struct lane *lane;
	char name[32];
	struct event *done;
	bool ended;
	struct watchdog watchdog;
};

struct control {
	const struct daemon *daemon;
	struct event_base *base;
	struct event *signals[3];
	struct event *status_timer;
	struct event *watchdog_timer; /* NULL: nobody asks for a sign of life */
	int64_t watchdog_period_ns;
	struct watched_lane *lanes;
	struct http *http;
	struct control_ops ops;
	bool refused; /* the last reload */
	unsigned int terms;
	size_t running;
	char told[256]; /* the status that the service manager has */
};

/* ---- what the service manager is told ---- */

/* Only what it has not been told yet. */
static void
tell_status(struct control *c)
{
	char text[sizeof c->told], summary[200];

	c->daemon->summary(c->daemon->arg, summary, sizeof summary);
	snprintf(text, sizeof text, "%s: %s%s", c->terms == 0 ? "running" : "draining",
		 summary, c->refused ? "; the last reload was refused" : "");
	if (strcmp(text, c->told) == 0)
		return;
	memcpy(c->told, text, sizeof text);
	notify_status(text);
}

static void
on_status_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct daemon *d = ((struct control *)arg)->daemon;

	(void)fd, (void)what;
	d->look(d->arg);
	tell_status(arg);
}

static bool
is_alive(struct watched_lane *l, int64_t period_ns)
{
	enum watchdog_verdict verdict =
		watchdog_look(&l->watchdog, counter_get(&l->lane->heartbeat));

	switch (verdict) {
	case WATCHDOG_MOVES:
	case WATCHDOG_STILL: break;
	case WATCHDOG_HANGS:
		log_error("main",
			  "%s hangs: it has not moved for %lld ms; unless it does, the "
			  "service manager ends this program",
			  l->name, l->watchdog.still * period_ns / NS_PER_MS);
		break;
	case WATCHDOG_MOVES_AGAIN: log_warn("main", "%s moves again", l->name); break;
	}
	return watchdog_is_content(verdict);
}

static void
on_watchdog_timer(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	bool all = true;

	(void)fd, (void)what;
	for (size_t i = 0; i < c->daemon->lane_count; i++)
		if (!c->lanes[i].ended &&
		    !is_alive(&c->lanes[i], c->watchdog_period_ns))
			all = false;
	if (all)
		notify_watchdog();
}

static struct event *
start_timer(struct control *c, int64_t period_ns, event_callback_fn call)
{
	struct timeval period = {.tv_sec = period_ns / NS_PER_S,
				 .tv_usec = period_ns % NS_PER_S / NS_PER_US};
	struct event *timer = event_new(c->base, -1, EV_PERSIST, call, c);

	if (timer == NULL || event_add(timer, &period) != 0)
		fatal("main", "out of memory");
	return timer;
}

static void
start_timers(struct control *c)
{
	c->status_timer = start_timer(c, STATUS_SECONDS * NS_PER_S, on_status_timer);
	c->watchdog_period_ns = watchdog_period_ns(notify_watchdog_ns());
	if (c->watchdog_period_ns != 0)
		c->watchdog_timer =
			start_timer(c, c->watchdog_period_ns, on_watchdog_timer);
}

/* ---- what the operator and the lanes say ---- */

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
		tell_status(c);
		tell_all(c, LANE_DRAIN);
	} else {
		tell_all(c, LANE_STOP);
	}
}

static bool
reload(void *arg, char *text, size_t bytes)
{
	struct control *c = arg;

	notify_reloading(clock_now().mono);
	c->refused = !reload_run(c->daemon->reload, text, bytes);
	notify_ready();
	tell_status(c);
	return !c->refused;
}

static void
on_hup(evutil_socket_t signal, short what, void *arg)
{
	char text[2048];

	(void)signal, (void)what;
	(void)reload(arg, text, sizeof text); /* it was logged */
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct watched_lane *l = arg;

	(void)fd, (void)what;
	l->ended = true;
	if (--l->control->running == 0)
		event_base_loopbreak(l->control->base);
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
	c->lanes = calloc(c->daemon->lane_count, sizeof *c->lanes);
	for (size_t i = 0; c->lanes != NULL && i < c->daemon->lane_count; i++) {
		struct watched_lane *l = &c->lanes[i];

		l->control = c;
		l->lane = c->daemon->lanes[i];
		snprintf(l->name, sizeof l->name, "lane%zu", i);
		l->done = event_new(c->base, l->lane->done_fd, EV_READ, on_done, l);
		if (l->done == NULL || event_add(l->done, NULL) != 0)
			return false;
	}
	return c->lanes != NULL;
}

static void
serve(struct control *c)
{
	const struct daemon *d = c->daemon;
	const struct service_settings *s = d->service;
	char error[512];

	if (s->metrics.port == 0 && s->control_socket == NULL)
		return;
	c->http = http_new(c->base, s->metrics.port != 0 ? &s->metrics : NULL,
			   s->control_socket, error, sizeof error);
	if (c->http == NULL)
		fatal("main", "%s", error);
	c->ops = (struct control_ops){.reload = reload, .arg = c};
	control_routes(c->http, &c->ops);
	http_document(c->http, "/", page_serve, NULL);
	http_route(c->http, "/metrics", d->metrics, d->views);
	http_route(c->http, "/status", d->status, d->views);
	http_route(c->http, "/gaps", d->gaps, d->views);
	http_route(c->http, "/healthz", d->health, d->views);
	recording_routes(c->http, d->recordings);
}

static void
start_lanes(struct control *c)
{
	for (size_t i = 0; i < c->daemon->lane_count; i++) {
		struct watched_lane *l = &c->lanes[i];
		int error = lane_start(l->lane, l->name);

		if (error != 0)
			fatal("main", "%s: %s", l->name, strerror(-error));
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
		event_free(c->lanes[i].done);
	free(c->lanes);
	event_free(c->status_timer);
	if (c->watchdog_timer != NULL)
		event_free(c->watchdog_timer);
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
	d->look(d->arg);
	serve(&c);
	start_lanes(&c);
	log_info("main", "ready version=%s", PACKAGE_VERSION);
	notify_ready();
	tell_status(&c);
	start_timers(&c);
	event_base_dispatch(c.base);
	for (size_t i = 0; i < d->lane_count; i++)
		status |= lane_join(d->lanes[i]);
	release(&c);
	return status;
}
