/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_REPORT_H
#define TOMBOLO_RELAY_REPORT_H
/* REPORT: what the peer has settled, and its books. Pure. */
#include "base/clock.h"
#include "path/wire.h"

struct relay_path;
struct relay_session;

/* False: the peer broke the protocol. */
bool relay_report_take(struct relay_session *s, struct now now, struct relay_path *p,
		       const struct wire_frame *f);

#endif
