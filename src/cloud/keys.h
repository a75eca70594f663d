/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_KEYS_H
#define TOMBOLO_KEYS_H
/* The access keys that requests to AWS are signed with. */
#include <stdbool.h>

struct keys {
	char id[132]; /* AWS: 16 to 128 characters */
	char secret[132];
	char token[4096]; /* of temporary ones; "": none */
	char from[160];   /* where they come from, for people */
};

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. False: not there, or
 * nothing that could be such keys. */
bool keys_from_environment(struct keys *k);

/* Printable ASCII without blanks, 1 to bytes - 1 of it: fit for a header. */
bool keys_copy(char *out, unsigned long bytes, const char *text);

#endif
