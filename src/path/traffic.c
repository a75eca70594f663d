/* SPDX-License-Identifier: Apache-2.0 */
#include "path/traffic.h"

static int64_t
rate(uint64_t n, int64_t elapsed_ns)
{
	return (int64_t)((unsigned __int128)n * NS_PER_S / (uint64_t)elapsed_ns);
}

void
traffic_measure(struct traffic *t, mono_t now)
{
	int64_t elapsed_ns = mono_sub(now, t->measured);
	uint64_t frames = counter_get(&t->frames), bytes = counter_get(&t->bytes);

	if (elapsed_ns < NS_PER_S)
		return;
	gauge_set(&t->frames_per_s, rate(frames - t->frames_before, elapsed_ns));
	gauge_set(&t->bytes_per_s, rate(bytes - t->bytes_before, elapsed_ns));
	t->frames_before = frames;
	t->bytes_before = bytes;
	t->measured = now;
}
