/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TEST_MARKETGEN_H
#define TOMBOLO_TEST_MARKETGEN_H
/* What marketgen was asked for; see its first comment. */
#include "frame.h"
#include "market.h"

enum fault { FAULT_NONE, FAULT_OMIT, FAULT_REPEAT, FAULT_FLIP, FAULT_SWAP };

struct marketgen {
	struct market_settings market;
	uint64_t count;      /* stop after so many … */
	int64_t duration_ns; /* … or after so long */
	uint32_t group;
	uint16_t port;
	struct frame_style style; /* source 0: not given */
	enum fault fault;
	uint64_t fault_every;
	const char *file; /* one of the two */
	const char *interface;
};

/* Both print the line of JSON and return false after a line on stderr. */
bool marketgen_file(const struct marketgen *g);
bool marketgen_live(const struct marketgen *g);

#endif
