/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_TOLD_H
#define TOMBOLO_RELAY_TOLD_H
/*
 * What the peer's books do not cover, though they were asked for long enough: the
 * outlets' `unreported`, too high by what passes in RELAY_BOOKS_NS at most. Pure.
 */
#include <stdbool.h>

#include "base/clock.h"
#include "path/wire.h"

struct outlet;
struct relay_session;

/* Looks once in RELAY_BOOKS_NS. */
void relay_told_look(struct relay_session *s, mono_t now);
/* The peer's books came, with the echo of a heartbeat. */
void relay_told_answer(struct outlet *o, const struct wire_timing *timing);
/* It is to be asked, since it has not yet told of what was passed some time ago. */
bool relay_told_waits(const struct outlet *o);
/* Nothing more will come: all that they do not cover. */
void relay_told_finish(struct relay_session *s);

#endif
