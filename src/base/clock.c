/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct now
clock_now(void)
{
	return (struct now){.mono = {read_clock(CLOCK_MONOTONIC)},
			    .utc = {read_clock(CLOCK_REALTIME)}};
}
