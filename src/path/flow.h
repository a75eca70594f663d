/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_FLOW_H
#define TOMBOLO_FLOW_H
/*
 * Bytes between a path and the lane, and the end of a path. The lane's ops may
 * call the tunnel back: a path that is to end is only marked (doomed) while an
 * op is on the stack, and buried, with ops.down, when the last has returned.
 */
#include "base/log.h"
#include "path/path.h"

/* Around everything that may call an op. */
void flow_enter(struct tunnel *t);
void flow_leave(struct tunnel *t);

int flow_init(struct path *p); /* 0 or negative errno */
void flow_fini(struct path *p);
/* p's connection is authenticated: tells the lane, then sends what it has. */
void flow_up(struct path *p);
/* What the event loop saw: EV_READ, EV_WRITE, or EV_TIMEOUT for another turn. */
void flow_serve(struct path *p, short what);
void flow_pump(struct path *p);
void flow_resume(struct path *p);

/* Up, and not doomed. */
bool flow_is_live(const struct path *p);
/* Nothing that was filled still waits in user space. */
bool flow_is_flushed(const struct path *p);
void flow_doom(struct path *p, const char *fmt, ...) LOG_FORMAT(2, 3);

#endif
