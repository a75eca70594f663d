/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_QUIET_H
#define TOMBOLO_QUIET_H
/*
 * Has a channel of which nothing is configured, and that brought datagrams steadily,
 * stopped? An observation: whether it may, only `expect` knows. Pure: whoever looks, some
 * once a second, says when and what was captured.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum quiet_verdict {
	QUIET_SAME,
	QUIET_FELL,
	QUIET_SPEAKS_AGAIN,
	QUIET_FORGOTTEN /* for an hour: that is how it is now */
};

/* About a minute of speech, up to its last datagram. */
struct quiet_span {
	uint64_t count;
	int64_t ns;
	int64_t pause_ns; /* the longest between two looks that saw something */
};

/* Zero-initialise; zero again when it is not to be judged, it begins anew then. */
struct quiet {
	bool looked;
	bool is_quiet;
	uint64_t captured; /* at the last look */
	mono_t last;       /* the last look that saw something, or the first */
	mono_t began;      /* of this span */
	struct quiet_span span, before;
};

/* captured: ever. */
enum quiet_verdict quiet_look(struct quiet *q, mono_t now, uint64_t captured);

/* Since when nothing came, and what came a second before: when it is quiet. */
int64_t quiet_since_ns(const struct quiet *q, mono_t now);
double quiet_rate_per_s(const struct quiet *q);

#endif
