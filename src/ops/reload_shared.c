/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/reload_shared.h"

#include <stdio.h>

#include "base/log.h"

void
reload_adopt(void *arg)
{
	const struct reload_exchange *e = arg;

	conf_exchange(e->record, e->settings, e->next);
}

bool
reload_refuse(const char *text)
{
	log_error("main", "the configuration was not reloaded, all stays as it was: %s",
		  text);
	return false;
}

bool
reload_refuse_fixed(const struct conf_change *change, char *text, size_t text_bytes)
{
	snprintf(text, text_bytes, "needs a restart: %s", change->fixed);
	return reload_refuse(text);
}

void
reload_finish(const struct conf_change *change, const struct service_settings *before,
	      const struct service_settings *now, char *text, size_t text_bytes)
{
	snprintf(text, text_bytes, "reloaded: %s",
		 change->live[0] != '\0' ? change->live
					 : "nothing new but what the certificates say");
	log_info("main", "%s", text);
	if (before->log_level != now->log_level)
		log_set_level((enum log_level)now->log_level);
}
