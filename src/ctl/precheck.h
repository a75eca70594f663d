/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PRECHECK_H
#define TOMBOLO_PRECHECK_H
/* The command check: what keeps this host from working, before it is needed. */
#include "ctl/ctl.h"

enum ctl_exit precheck_run(const struct ctl *ctl);

#endif
