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

#define LOOK_NS (100 * NS_PER_MS)

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

/* The daemon answers when it has done it, or refused it. */
enum ctl_exit
action_reload(const struct ctl *ctl)
{
	return ask_action(ctl, "/reload");
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
