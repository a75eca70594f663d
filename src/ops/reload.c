/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/reload.h"

#include <stdio.h>

#include "base/log.h"
#include "ops/conf_change.h"
#include "ops/conf_file.h"

struct exchange {
	const struct conf_record *record;
	void *settings, *next;
};

/* On the lane's thread: the settings get the live keys of next, and next theirs. */
static void
adopt(void *arg)
{
	const struct exchange *e = arg;

	conf_exchange(e->record, e->settings, e->next);
}

/* All of it or nothing; false with a line in text. */
static bool
change(const struct reload *r, void *next, const struct conf_change *c, char *text,
       size_t text_bytes)
{
	struct exchange e = {r->conf->record, r->settings, next};

	if (c->fixed[0] != '\0') {
		snprintf(text, text_bytes, "needs a restart: %s", c->fixed);
		return false;
	}
	return r->change(r->lane, next, adopt, &e, text, text_bytes) == 0;
}

static void
finish(const struct conf_change *c, const struct service_settings *before,
       const struct service_settings *now, char *text, size_t text_bytes)
{
	snprintf(text, text_bytes, "reloaded: %s",
		 c->live[0] != '\0' ? c->live
				    : "nothing new but what the certificates say");
	log_info("main", "%s", text);
	/* A log level that was set by hand stands until the file says another. */
	if (before->log_level != now->log_level)
		log_set_level((enum log_level)now->log_level);
}

static bool
refuse(const char *text)
{
	log_error("main", "the configuration was not reloaded, all stays as it was: %s",
		  text);
	return false;
}

bool
reload_run(const struct reload *r, char *text, size_t text_bytes)
{
	void *next = conf_load(r->conf, r->file, text, text_bytes);
	struct conf_change c;
	bool done;

	if (next == NULL)
		return refuse(text);
	conf_compare(r->conf->record, r->settings, next, &c);
	done = change(r, next, &c, text, text_bytes);
	if (done) /* next holds what was, now */
		finish(&c, r->conf->shared(next).service,
		       r->conf->shared(r->settings).service, text, text_bytes);
	else
		refuse(text);
	conf_delete(r->conf, next);
	return done;
}
