/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELOAD_SHARED_H
#define TOMBOLO_RELOAD_SHARED_H
/* Inside of reload, for reload_relay.c and reload_peer.c alone. */
#include <stdbool.h>
#include <stddef.h>

#include "ops/conf_change.h"
#include "ops/settings.h"

struct reload_exchange {
	const struct conf_record *record;
	void *settings, *next;
};

/* On the lane's thread: the settings get the live keys of next, and next theirs. arg is
 * the exchange. */
void reload_adopt(void *arg);

/* Logged; false. */
bool reload_refuse(const char *text);
bool reload_refuse_fixed(const struct conf_change *change, char *text,
			 size_t text_bytes);

/* It is done: logged, and left in text. A log level that was set by hand stands until
 * the file says another. */
void reload_finish(const struct conf_change *change,
		   const struct service_settings *before,
		   const struct service_settings *now, char *text, size_t text_bytes);

#endif
