/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TRAFFIC_H
#define TOMBOLO_TRAFFIC_H
/* What a path carried from relay to peer, and how fast just now. Pure; one writer. */
#include "base/clock.h"
#include "base/counter.h"

struct traffic {
	counter_t frames;                  /* DATA and MARK */
	counter_t bytes;                   /* of all frames */
	gauge_t frames_per_s, bytes_per_s; /* over the last second */
	mono_t measured;
	uint64_t frames_before, bytes_before;
};

/* At least every now and then; measures once a second. */
void traffic_measure(struct traffic *t, mono_t now);

#endif
