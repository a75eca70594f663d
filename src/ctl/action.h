/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ACTION_H
#define TOMBOLO_ACTION_H
/* Commands that change something, and wait for what becomes of it. */
#include "ctl/ctl.h"

enum ctl_exit action_log(const struct ctl *ctl);
enum ctl_exit action_reload(const struct ctl *ctl);
enum ctl_exit action_drain(const struct ctl *ctl);

#endif
