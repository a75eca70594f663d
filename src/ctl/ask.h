/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ASK_H
#define TOMBOLO_ASK_H
/* What commands ask a daemon. */
#include <jansson.h>
#include <stddef.h>

#include "ctl/client.h"
#include "ctl/ctl.h"

#define ASK_ERROR_BYTES 512

/* A document, /status or one like it, parsed; NULL with a line in error. */
json_t *ask_doc(const struct ctl *ctl, const char *target, char error[ASK_ERROR_BYTES]);

/* /status, parsed; and, where text is not NULL, as it came, to be released with
 * free(). NULL with a line in error. */
json_t *ask_status(const struct ctl *ctl, char **text, char error[ASK_ERROR_BYTES]);

/* Has something done; prints what the daemon says of it. */
enum ctl_exit ask_action(const struct ctl *ctl, const char *target);

/* Says what went wrong, on standard error. */
enum ctl_exit ask_failed(const char *error);

#endif
