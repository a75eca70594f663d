/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DIAL_H
#define TOMBOLO_DIAL_H
/*
 * A dialled path is tried again for ever: at once, then after 50 ms, doubling
 * to 2 s, each a quarter more or less. Only a path that lasted a second, or
 * carried frames until the line broke it, starts over: one that comes up and is
 * refused at once must back off too. The log has
 * a line when the story changes, not one an attempt.
 */
#include "path/path.h"

#define BACKOFF_MIN_NS (50 * NS_PER_MS)
#define BACKOFF_MAX_NS (2 * NS_PER_S)
#define LASTED_NS      NS_PER_S

void dial_init(struct path *p, const struct path_settings *settings);
void dial_start(struct path *p);
void dial_stop(struct path *p);

/* Up: resets the back-off once it has lasted. */
void dial_up(struct path *p);
/* An attempt came to nothing; a path that was up ended. Both arm the next. */
void dial_failed(struct path *p, enum refusal why, const char *detail);
void dial_down(struct path *p);

/* The next pause, jittered by `random`; doubles d->backoff_ns. */
int64_t dial_backoff(struct dial *d, uint64_t random);

#endif
