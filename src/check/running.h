/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RUNNING_H
#define TOMBOLO_RUNNING_H
/* What the daemon says of itself, when it runs: over its control socket. Shell. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct running {
	json_t *status; /* NULL: nobody answers */
	char *metrics;  /* NULL likewise */
	char error[512];
};

/* Waits as long as client_ask() does. */
void running_ask(struct running *r, const char *socket);
void running_fini(struct running *r);

/* The largest value of a family, of the samples whose labels have this text ("" for
 * any); -1: there is none. labels, when not NULL, is what it had. */
#define RUNNING_LABELS_BYTES 256
double running_most(const char *metrics, const char *family, const char *label,
		    char labels[RUNNING_LABELS_BYTES]);

#endif
