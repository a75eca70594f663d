/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DUMP_H
#define TOMBOLO_DUMP_H
/* The command history: the flight recorder of a daemon, into a file. */
#include <stdbool.h>
#include <stddef.h>

#include "ctl/ctl.h"

/* What the command line must have for it; false with a line in error. */
bool dump_check(const struct ctl *ctl, char *error, size_t bytes);
enum ctl_exit dump_history(const struct ctl *ctl);

#endif
