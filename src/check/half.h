/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HALF_H
#define TOMBOLO_HALF_H
/* The half that is looked at: its configuration, and what both kinds have in common. */
#include <stdbool.h>
#include <stddef.h>

#include "ops/settings.h"

struct half {
	char file[512];
	struct relay_settings *relay; /* one of the two */
	struct peer_settings *peer;
	struct half_settings both; /* of whichever it is */
};

/* name: "relay", "peer", or NULL for whichever has its file at the usual place, or
 * which file is. file: NULL for that place. Returns false with a line in error;
 * *ambiguous when it is not the file that is wrong, but which is meant. */
bool half_load(struct half *h, const char *name, const char *file, bool *ambiguous,
	       char *error, size_t error_bytes);
void half_fini(struct half *h);

#endif
