/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PARTS_H
#define TOMBOLO_PARTS_H
/*
 * Peer: datagrams that were too long for a path come in several DATA frames with
 * WIRE_PART and are put together here. Pieces may come in any order, twice, and
 * cut differently (by two paths, by a repair). A few datagrams at once, the
 * oldest goes when there are more: what is lost so is a gap like any other. Pure
 * but for parts_new().
 */
#include <stddef.h>
#include <stdint.h>

#include "path/wire.h"

#define PARTS_SLOTS 16

struct parts;

struct parts *parts_new(void);
void parts_free(struct parts *p);
size_t parts_memory_bytes(void);

enum parts_verdict {
	PARTS_HELD,
	PARTS_WHOLE,     /* *whole is the datagram, borrowed until the next call */
	PARTS_MALFORMED, /* two totals for one datagram: it is dropped */
};

/* era tells one epoch's numbers from another's. */
enum parts_verdict parts_put(struct parts *p, uint32_t era, const struct wire_data *d,
			     struct wire_data *whole);

#endif
