/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/action.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "ctl/ask.h"
#include "ctl/doc.h"

#define LOOK_NS   (100 * NS_PER_MS)
#define RELOAD_NS (10 * NS_PER_S)

static void
rest(void)
{
	const struct timespec t = {.tv_nsec = LOOK_NS};

	nanosleep(&t, NULL);
}

/* ---- log ---- */

enum ctl_exit
action_log(const struct ctl *ctl)
{
	char target[64];
	bool known = false;

	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++)
		known |= strcmp(ctl->argument, log_level_name((enum log_level)i)) == 0;
	if (!known) {
		fprintf(stderr,
			"tomboloctl: %s: no such level; error, warn, info or debug\n",
			ctl->argument);
		return CTL_USAGE;
	}
	snprintf(target, sizeof(target), "/log?level=%s", ctl->argument);
	return ask_action(ctl, target);
}

/* ---- reload ---- */

struct reloads {
	int64_t done, failed, lanes;
};

static bool
count_reloads(const struct ctl *ctl, struct reloads *r, char *error)
{
	json_t *doc = ask_status(ctl, NULL, error), *lane;
	size_t i;

	*r = (struct reloads){.lanes = 0};
	if (doc == NULL)
		return false;
	json_array_foreach(json_object_get(doc, "lanes"), i, lane)
	{
		const json_t *tunnel = json_object_get(lane, "tunnel");

		r->done += doc_integer(tunnel, "reloads");
		r->failed += doc_integer(tunnel, "reloads_failed");
		r->lanes++;
	}
	json_decref(doc);
	return true;
}

static bool
is_over(const struct reloads *before, const struct reloads *now)
{
	return now->done + now->failed >= before->done + before->failed + before->lanes;
}

static enum ctl_exit
judge(const struct ctl *ctl, const struct reloads *before, const struct reloads *now)
{
	if (!is_over(before, now) || now->failed > before->failed) {
		fprintf(stderr,
			"tomboloctl: %s; the log says why: journalctl -u 'tombolo-*'\n",
			is_over(before, now) ? "the old certificates stay in use"
					     : "not done within 10 s");
		return CTL_TROUBLE;
	}
	if (!ctl->json)
		printf("done: new connections use the new certificates\n");
	return CTL_FINE;
}

enum ctl_exit
action_reload(const struct ctl *ctl)
{
	mono_t end = mono_add(clock_now().mono, RELOAD_NS);
	char error[ASK_ERROR_BYTES];
	struct reloads before, now;
	enum ctl_exit asked;

	if (!count_reloads(ctl, &before, error))
		return ask_failed(error);
	asked = ask_action(ctl, "/reload");
	if (asked != CTL_FINE)
		return asked;
	for (;;) {
		if (!count_reloads(ctl, &now, error))
			return ask_failed(error);
		if (is_over(&before, &now) || mono_due(end, clock_now().mono))
			return judge(ctl, &before, &now);
		rest();
	}
}

/* ---- drain ---- */

/* Of its first lane; 0 when nobody answers. */
static int64_t
started_ns(const struct ctl *ctl)
{
	char error[ASK_ERROR_BYTES];
	json_t *doc = ask_status(ctl, NULL, error);
	int64_t ns = doc_integer(json_array_get(json_object_get(doc, "lanes"), 0),
				 "started_ns");

	json_decref(doc);
	return ns;
}

/* session.drain_timeout is the bound, and the operator may stop waiting before. */
enum ctl_exit
action_drain(const struct ctl *ctl)
{
	int64_t started = started_ns(ctl);
	enum ctl_exit asked = ask_action(ctl, "/drain");

	if (asked != CTL_FINE)
		return asked;
	fflush(stdout);
	while (started != 0 && started_ns(ctl) == started)
		rest();
	if (!ctl->json)
		printf("ended\n");
	return CTL_FINE;
}
