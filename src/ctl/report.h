/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_REPORT_H
#define TOMBOLO_REPORT_H
/* Commands that show something. */
#include "ctl/ctl.h"

enum ctl_exit report_status(const struct ctl *ctl);
enum ctl_exit report_channels(const struct ctl *ctl);
enum ctl_exit report_paths(const struct ctl *ctl);
enum ctl_exit report_gaps(const struct ctl *ctl);
enum ctl_exit report_ledger(const struct ctl *ctl);
enum ctl_exit report_version(const struct ctl *ctl);

#endif
