/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TOP_H
#define TOMBOLO_TOP_H
/* The live screen, by ncurses(3). */
#include "ctl/ctl.h"

/* Until the operator quits. */
enum ctl_exit top_run(const struct ctl *ctl);

#endif
