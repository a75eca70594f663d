/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bucket.h"

void
bucket_init(struct bucket *b, mono_t now, uint64_t rate, uint64_t depth)
{
	*b = (struct bucket){
		.rate = rate, .depth = depth, .tokens = depth, .filled = now};
}

static void
refill(struct bucket *b, mono_t now)
{
	int64_t elapsed_ns = mono_sub(now, b->filled);
	unsigned __int128 credit;

	if (elapsed_ns <= 0)
		return;
	credit = (unsigned __int128)(uint64_t)elapsed_ns * b->rate + b->fraction;
	b->filled = now;
	if (credit / NS_PER_S >= b->depth - b->tokens) {
		b->tokens = b->depth;
		b->fraction = 0;
		return;
	}
	b->tokens += (uint64_t)(credit / NS_PER_S);
	b->fraction = (uint64_t)(credit % NS_PER_S);
}

void
bucket_set_rate(struct bucket *b, mono_t now, uint64_t rate, uint64_t depth)
{
	refill(b, now);
	b->rate = rate;
	b->depth = depth;
	if (b->tokens >= depth) {
		b->tokens = depth;
		b->fraction = 0;
	}
}

bool
bucket_take(struct bucket *b, mono_t now, uint64_t n)
{
	refill(b, now);
	if (b->tokens < n)
		return false;
	b->tokens -= n;
	return true;
}

void
bucket_return(struct bucket *b, uint64_t n)
{
	b->tokens = n < b->depth - b->tokens ? b->tokens + n : b->depth;
}

bool
bucket_has(struct bucket *b, mono_t now)
{
	refill(b, now);
	return b->tokens > 0;
}

mono_t
bucket_ready(const struct bucket *b, mono_t now)
{
	mono_t ready;

	if (b->tokens > 0)
		return now;
	if (b->rate == 0)
		return MONO_NEVER;
	ready = mono_add(b->filled,
			 (int64_t)((NS_PER_S - b->fraction + b->rate - 1) / b->rate));
	return mono_before(ready, now) ? now : ready;
}
