/* SPDX-License-Identifier: Apache-2.0 */
#include "path/dial.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "path/connection.h"
#include "path/endpoint.h"

/* xorshift64*: jitter needs to differ between hosts, not to be secret. */
static uint64_t
draw(struct tunnel *t)
{
	t->random ^= t->random >> 12;
	t->random ^= t->random << 25;
	t->random ^= t->random >> 27;
	return t->random * 0x2545f4914f6cdd1dULL;
}

int64_t
dial_backoff(struct dial *d, uint64_t random)
{
	int64_t ns = d->backoff_ns;
	int64_t quarter = ns / 4;

	d->backoff_ns = ns * 2 < BACKOFF_MAX_NS ? ns * 2 : BACKOFF_MAX_NS;
	return ns - quarter + (int64_t)(random % (uint64_t)(2 * quarter + 1));
}

static void
arm(struct path *p, int64_t after_ns)
{
	struct timeval tv = path_timeval(after_ns);

	if (!p->tunnel->stopping)
		event_add(&p->dial.timer, &tv);
}

static void
tell_up(struct path *p)
{
	char address[ENDPOINT_TEXT_BYTES];

	p->dial.told = true;
	p->dial.failure[0] = '\0';
	log_info("tunnel",
		 "path up after %u attempts remote=%s slot=%u transport=%s address=%s",
		 p->dial.attempts, path_remote_name(p), p->slot,
		 p->connection->ops->name,
		 endpoint_text(p->connection->address, address));
}

static void
attempt(struct path *p)
{
	int err;

	p->dial.attempts++;
	counter_inc(&p->tunnel->figures.dialled);
	err = connection_dial(p);
	if (err < 0)
		dial_failed(p, REFUSAL_CONNECT, strerror(-err));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct path *p = arg;

	(void)fd;
	(void)what;
	if (p->connection == NULL) {
		attempt(p);
		return;
	}
	/* It has lasted. */
	p->dial.backoff_ns = BACKOFF_MIN_NS;
	p->dial.unstable = false;
	if (!p->dial.told)
		tell_up(p);
	p->dial.attempts = 0;
}

void
dial_init(struct path *p, const struct path_settings *settings)
{
	p->dial.settings = settings;
	p->dial.backoff_ns = BACKOFF_MIN_NS;
	event_assign(&p->dial.timer, p->tunnel->base, -1, 0, on_timer, p);
}

void
dial_start(struct path *p)
{
	if (p->dial.settings != NULL)
		arm(p, 0);
}

void
dial_stop(struct path *p)
{
	event_del(&p->dial.timer);
}

void
dial_up(struct path *p)
{
	p->dial.told = false;
	gauge_set(&p->tunnel->figures.unreached[p->remote][p->slot], 0);
	arm(p, LASTED_NS);
	/* While it comes and goes, wait until it has lasted before saying so. */
	if (!p->dial.unstable)
		tell_up(p);
}

/* True when this is news; remembers it. */
static bool
changed(struct dial *d, const char *story)
{
	if (strcmp(d->failure, story) == 0)
		return false;
	snprintf(d->failure, sizeof(d->failure), "%s", story);
	return true;
}

void
dial_failed(struct path *p, enum refusal why, const char *detail)
{
	char address[ENDPOINT_TEXT_BYTES];
	char story[REASON_BYTES];

	gauge_set(&p->tunnel->figures.unreached[p->remote][p->slot], 1 + (int64_t)why);
	/* Who waited for an answer has paused already. */
	if (why == REFUSAL_TIMEOUT)
		p->dial.backoff_ns = BACKOFF_MIN_NS;
	arm(p, dial_backoff(&p->dial, draw(p->tunnel)));
	snprintf(story, sizeof(story), "%s: %s", refusal_text(why), detail);
	if (changed(&p->dial, story))
		log_warn("tunnel",
			 "path not up: %s address=%s remote=%s slot=%u detail=\"%s\" "
			 "remedy=\"%s\"",
			 refusal_text(why),
			 endpoint_text(p->dial.settings->connect, address),
			 path_remote_name(p), p->slot, detail, refusal_remedy(why));
}

void
dial_down(struct path *p)
{
	bool lasted = event_pending(&p->dial.timer, EV_TIMEOUT, NULL) == 0 ||
		      (p->heard && !p->ours);
	bool news = changed(&p->dial, p->reason);

	event_del(&p->dial.timer);
	p->dial.unstable = !lasted;
	if (lasted)
		p->dial.backoff_ns = BACKOFF_MIN_NS;
	if (p->dial.told || news)
		path_log_down(p);
	/* It ended in order to be replaced. */
	if (p->renew && lasted)
		arm(p, 0);
	else
		arm(p, dial_backoff(&p->dial, draw(p->tunnel)));
}
