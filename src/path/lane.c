/* SPDX-License-Identifier: Apache-2.0 */
#include "path/lane.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What is overdue waits for a path that can take no more; looking again sooner
 * would only burn the processor. */
#define OVERDUE_NS (500 * NS_PER_US)

static void
on_timer(void *arg)
{
	struct lane *l = arg;

	l->ops->tick(l->arg);
	lane_reschedule(l);
}

/* Whoever takes the bit away runs the call: the lane, or the main thread when the lane
 * has ended meanwhile. */
static bool
take_call(struct lane *l)
{
	return atomic_fetch_and(&l->messages, ~(unsigned int)LANE_CALL) & LANE_CALL;
}

static void
answer_call(struct lane *l)
{
	if (!take_call(l))
		return;
	l->call.run(l->call.arg);
	sem_post(&l->call.done);
}

static void
on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct lane *l = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof n) < 0)
		return;
	answer_call(l);
	l->ops->message(l->arg, atomic_fetch_and(&l->messages, LANE_CALL) &
					~(unsigned int)LANE_CALL);
	lane_reschedule(l);
}

static struct event_base *
new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int
lane_init(struct lane *l, const struct lane_ops *ops, void *arg)
{
	memset(l, 0, sizeof *l);
	l->ops = ops;
	l->arg = arg;
	l->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->base = new_base();
	if (l->mail_fd < 0 || l->done_fd < 0 || l->base == NULL ||
	    sem_init(&l->call.done, 0, 0) != 0)
		return -ENOMEM;
	l->mail = event_new(l->base, l->mail_fd, EV_READ | EV_PERSIST, on_mail, l);
	if (l->mail == NULL || event_add(l->mail, NULL) != 0)
		return -ENOMEM;
	return alarm_init(&l->timer, l->base, on_timer, l);
}

void
lane_fini(struct lane *l)
{
	alarm_fini(&l->timer);
	if (l->mail != NULL)
		event_free(l->mail);
	if (l->base != NULL)
		event_base_free(l->base);
	sem_destroy(&l->call.done);
	if (l->mail_fd >= 0)
		close(l->mail_fd);
	if (l->done_fd >= 0)
		close(l->done_fd);
}

static void *
run(void *arg)
{
	struct lane *l = arg;
	uint64_t one = 1;

	lane_reschedule(l);
	event_base_dispatch(l->base);
	atomic_store(&l->ended, true);
	answer_call(l);
	(void)!write(l->done_fd, &one, sizeof one);
	return NULL;
}

int
lane_start(struct lane *l, const char *name)
{
	sigset_t all, before;
	int error;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&l->thread, NULL, run, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return -error;
	pthread_setname_np(l->thread, name);
	l->started = true;
	return 0;
}

void
lane_tell(struct lane *l, enum lane_message message)
{
	uint64_t one = 1;

	atomic_fetch_or(&l->messages, (unsigned int)message);
	(void)!write(l->mail_fd, &one, sizeof one);
}

void
lane_call(struct lane *l, void (*call)(void *arg), void *arg)
{
	if (!l->started) {
		call(arg);
		return;
	}
	l->call.run = call;
	l->call.arg = arg;
	lane_tell(l, LANE_CALL);
	if (atomic_load(&l->ended) && take_call(l)) {
		call(arg);
		return;
	}
	while (sem_wait(&l->call.done) != 0)
		;
}

int
lane_join(struct lane *l)
{
	if (l->started)
		pthread_join(l->thread, NULL);
	l->started = false;
	return l->status;
}

void
lane_reschedule(struct lane *l)
{
	mono_t due = l->ops->deadline(l->arg), began = l->now.mono, soon;

	if (due.ns == l->timer.due.ns)
		return;
	/* Due before this turn began, and still due after it. */
	if (!mono_before(began, due)) {
		soon = mono_add(began, OVERDUE_NS);
		if (mono_before(began, l->timer.due) && mono_before(l->timer.due, soon))
			return; /* set already */
		due = soon;
	}
	alarm_set(&l->timer, due);
}

void
lane_end(struct lane *l, int status)
{
	l->status = status;
	event_base_loopbreak(l->base);
}

struct now
lane_turn(struct lane *l)
{
	if (!l->in_turn)
		l->now = clock_now();
	l->in_turn = true;
	return l->now;
}

void
lane_turn_end(struct lane *l)
{
	histogram_record(&l->turns, mono_sub(clock_now().mono, l->now.mono));
	counter_inc(&l->heartbeat);
	lane_turn_leave(l);
}

void
lane_turn_leave(struct lane *l)
{
	l->in_turn = false;
	lane_reschedule(l);
}
