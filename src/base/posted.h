/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_POSTED_H
#define TOMBOLO_POSTED_H
/*
 * A record that one thread, the lane, writes and any number of others read, each time
 * whole: for what has more than one figure. The writer never waits; a reader that is
 * overtaken reads again, and gives up after a few times.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/counter.h"

/* Words that a record of so many bytes takes; zero-initialised there is none yet. */
#define POSTED_WORDS(bytes) (1 + ((bytes) + 7) / 8)

void posted_put(counter_t *words, const void *record, size_t bytes);
/* False: none yet, or it changed all the time. */
bool posted_get(const counter_t *words, void *record, size_t bytes);

#endif
