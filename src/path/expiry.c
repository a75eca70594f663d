/* SPDX-License-Identifier: Apache-2.0 */
#include "path/expiry.h"

#include <event2/event.h>
#include <time.h>

#include "base/log.h"
#include "ops/settings.h"

#define DAY_S  (24 * 60 * 60)
#define HOUR_S (60 * 60)

static const int days[] = {0, 1, 7, 30};
#define STEPS ((int)(sizeof(days) / sizeof(days[0])))

int
expiry_step(int64_t left_s, int64_t *wait_s)
{
	int step = 0;

	while (step < STEPS && left_s > (int64_t)days[step] * DAY_S)
		step++;
	*wait_s = HOUR_S;
	if (step > 0 && left_s - (int64_t)days[step - 1] * DAY_S < HOUR_S)
		*wait_s = left_s - (int64_t)days[step - 1] * DAY_S;
	return step;
}

void
expiry_warn(const char *certificate, int64_t left_s)
{
	int64_t wait_s;
	int step = expiry_step(left_s, &wait_s);

	if (step == 0)
		log_error("tunnel",
			  "our certificate has expired: remotes will refuse it "
			  "certificate=%s remedy=\"renew it, then reload\"",
			  certificate);
	else if (step < STEPS)
		log_warn("tunnel",
			 "our certificate expires within %d days certificate=%s "
			 "hours_left=%lld remedy=\"renew it, then reload\"",
			 days[step], certificate, (long long)(left_s / HOUR_S));
}

static int
look(struct expiry *e, int64_t now_s)
{
	struct timeval wait = {0};
	int64_t wait_s;
	int step = expiry_step(e->expires_s - now_s, &wait_s);

	wait.tv_sec = wait_s;
	event_add(&e->timer, &wait);
	return step;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct expiry *e = arg;
	int64_t now_s = (int64_t)time(NULL);
	int step = look(e, now_s);

	(void)fd;
	(void)what;
	if (step < e->step)
		expiry_warn(e->tls->certificate, e->expires_s - now_s);
	e->step = step;
}

void
expiry_open(struct expiry *e, struct event_base *base, const struct tls_settings *tls)
{
	*e = (struct expiry){.tls = tls};
	e->open = event_assign(&e->timer, base, -1, 0, on_timer, e) == 0;
}

void
expiry_close(struct expiry *e)
{
	if (e->open)
		event_del(&e->timer);
	e->open = false;
}

void
expiry_set(struct expiry *e, int64_t expires_s, int64_t now_s)
{
	e->expires_s = expires_s;
	if (e->open)
		e->step = look(e, now_s);
}
