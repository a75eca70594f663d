/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BUCKET_H
#define TOMBOLO_BUCKET_H
/*
 * Token bucket. Pure: it is refilled from `now`, in exact arithmetic, so that no
 * rate is too slow or too fast for the clock's resolution.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct bucket {
	uint64_t rate;  /* tokens a second */
	uint64_t depth; /* tokens at most */
	uint64_t tokens;
	uint64_t fraction; /* of a token, in 1/NS_PER_S */
	mono_t filled;     /* up to when tokens were credited */
};

void bucket_init(struct bucket *b, mono_t now, uint64_t rate, uint64_t depth);
/* A new rate from now on; tokens held stay, up to the depth. */
void bucket_set_rate(struct bucket *b, mono_t now, uint64_t rate, uint64_t depth);
/* Takes n tokens, or none and false. */
bool bucket_take(struct bucket *b, mono_t now, uint64_t n);
/* n that were taken are put back, up to the depth. */
void bucket_return(struct bucket *b, uint64_t n);
/* Is there a token? */
bool bucket_has(struct bucket *b, mono_t now);
/* When one token will be there; now when it is. */
mono_t bucket_ready(const struct bucket *b, mono_t now);

#endif
