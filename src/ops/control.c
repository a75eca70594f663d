/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/control.h"

#include <event2/buffer.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "ops/http.h"

#define CONFLICT    409
#define BAD_REQUEST 400

static void
reload(void *arg, const char *query, struct evbuffer *out, int *status)
{
	const struct control_ops *ops = arg;
	char text[2048] = "";

	(void)query;
	if (!ops->reload(ops->arg, text, sizeof(text)))
		*status = CONFLICT;
	evbuffer_add_printf(out, "%s\n", text);
}

/* By the signal: there is one way to drain, whoever asks. */
static void
drain(void *arg, const char *query, struct evbuffer *out, int *status)
{
	(void)arg, (void)query, (void)status;
	log_info("main", "told to drain on the control socket");
	raise(SIGTERM);
	evbuffer_add_printf(out, "draining\n");
}

static bool
find_level(const char *query, enum log_level *level)
{
	static const char key[] = "level=";

	if (query == NULL || strncmp(query, key, sizeof(key) - 1) != 0)
		return false;
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(query + sizeof(key) - 1, log_level_name(i)) != 0)
			continue;
		*level = (enum log_level)i;
		return true;
	}
	return false;
}

static void
tell(enum log_level from, enum log_level to)
{
	log_info("log", "level=%s was=%s until the next start", log_level_name(to),
		 log_level_name(from));
}

static void
set_level(void *arg, const char *query, struct evbuffer *out, int *status)
{
	enum log_level from = log_get_level(), to;

	(void)arg;
	if (!find_level(query, &to)) {
		evbuffer_add_printf(out, "level=error, warn, info or debug\n");
		*status = BAD_REQUEST;
		return;
	}
	if (to < from) /* told while it can still be read */
		tell(from, to);
	log_set_level(to);
	if (to >= from)
		tell(from, to);
	evbuffer_add_printf(out, "log level %s, was %s\n", log_level_name(to),
			    log_level_name(from));
}

void
control_routes(struct http *h, const struct control_ops *ops)
{
	http_action(h, "/reload", reload, (void *)(uintptr_t)ops);
	http_action(h, "/drain", drain, NULL);
	http_action(h, "/log", set_level, NULL);
}
