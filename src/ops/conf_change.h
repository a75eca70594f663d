/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_CHANGE_H
#define TOMBOLO_CONF_CHANGE_H
/*
 * From one configuration to another while a daemon runs: the rows say which keys may
 * change then (conf_row.live); everything else needs a restart.
 */
#include <stdbool.h>
#include <stddef.h>

#include "ops/conf_table.h"

#define CONF_CHANGE_BYTES 1024

/* What differs, as an operator would say it, "history.age: 10s -> 20s"; separated by
 * ", ", and cut with "..." where there is more. Empty strings: nothing. */
struct conf_change {
	char live[CONF_CHANGE_BYTES];
	char fixed[CONF_CHANGE_BYTES]; /* keys that need a restart */
};

void conf_compare(const struct conf_record *record, const void *from, const void *to,
		  struct conf_change *change);

/* Exchanges the live keys of two structs of the record; the rest stays. */
void conf_exchange(const struct conf_record *record, void *a, void *b);

#endif
