/* SPDX-License-Identifier: Apache-2.0 */
#include "path/alarm.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* While nothing is set the loop has nothing to wait for. */
static void
disarm(struct alarm *a)
{
	a->armed = MONO_NEVER;
	event_del(&a->event);
}

static void
arm(struct alarm *a)
{
	/* Zero would disarm. */
	int64_t ns = a->due.ns > 0 ? a->due.ns : 1;
	struct itimerspec at = {
		.it_value = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S}};

	if (!event_pending(&a->event, EV_READ, NULL))
		event_add(&a->event, NULL);
	a->armed = a->due;
	(void)timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct alarm *a = arg;
	uint64_t times;

	(void)what;
	/* Armed again since the loop saw it. */
	if (read(fd, &times, sizeof(times)) < 0)
		return;
	if (mono_before(clock_now().mono, a->due)) {
		arm(a);
		return;
	}
	a->due = a->armed = MONO_NEVER;
	a->ring(a->arg);
	if (a->armed.ns == MONO_NEVER.ns)
		disarm(a);
}

int
alarm_init(struct alarm *a, struct event_base *base, void (*ring)(void *arg), void *arg)
{
	int err;

	*a = (struct alarm){
		.ring = ring, .arg = arg, .due = MONO_NEVER, .armed = MONO_NEVER};
	a->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (a->fd < 0) {
		err = errno;
		a->ring = NULL;
		return -err;
	}
	if (event_assign(&a->event, base, a->fd, EV_READ | EV_PERSIST, on_wake, a) == 0)
		return 0;
	close(a->fd);
	a->ring = NULL;
	return -ENOMEM;
}

void
alarm_fini(struct alarm *a)
{
	if (a->ring == NULL)
		return;
	event_del(&a->event);
	close(a->fd);
	*a = (struct alarm){0};
}

void
alarm_set(struct alarm *a, mono_t due)
{
	a->due = due;
	if (due.ns == MONO_NEVER.ns)
		disarm(a);
	else if (mono_before(due, a->armed))
		arm(a);
}
