/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_REASSEMBLE_H
#define TOMBOLO_REASSEMBLE_H
/*
 * Stage 2b of the relay: IP fragments become datagrams again (RFC 791 §3.2,
 * RFC 815 without its linked holes), in a pool that is bounded in datagrams and
 * in time. Overlapping fragments are refused with their whole datagram, as
 * RFC 5722 does for IPv6: no exchange sends them. Pure but for reassemble_new().
 */
#include "path/decap.h"

struct reassembly;

#define REASSEMBLE_VERDICTS(X)                                                       \
	X(HELD, "held", "more fragments are awaited")                                \
	X(WHOLE, "whole", "the datagram is complete")                                \
	X(DUPLICATE, "duplicate", "the same fragment was here already")              \
	X(OVERLAP, "overlap", "fragments overlap: the datagram is dropped")          \
	X(MALFORMED, "malformed", "lengths that cannot be: the datagram is dropped") \
	X(EVICTED, "evicted", "held, and the oldest other datagram had to go for it")

enum reassemble_verdict {
#define X(id, name, help) REASSEMBLE_##id,
	REASSEMBLE_VERDICTS(X)
#undef X
		REASSEMBLE_VERDICT_COUNT
};

const char *reassemble_verdict_name(enum reassemble_verdict verdict);

/* Allocates all the pool ever uses: `datagrams` (at least 1) slots of 64 KiB and
 * their book-keeping. NULL: no memory. */
struct reassembly *reassemble_new(size_t datagrams, int64_t timeout_ns);
void reassemble_free(struct reassembly *r);
size_t reassemble_memory_bytes(const struct reassembly *r);

/*
 * Takes one fragment. On WHOLE, *udp is the verdict of decap_udp() on the
 * datagram and, when that is DECAP_DATAGRAM, *whole is filled: ttl, dscp, VLAN
 * tags and capture time are those of the fragment that came first, the payload
 * is borrowed from the pool until the next call. Otherwise both are untouched.
 *
 * A datagram dropped for OVERLAP or MALFORMED is remembered until its time-out:
 * its later fragments get the same verdict and do not start it anew. One that
 * became whole is not, since at a feed's rate its 16-bit id may soon be used
 * again.
 */
enum reassemble_verdict reassemble_put(struct reassembly *r, mono_t now,
				       const struct fragment *f, struct datagram *whole,
				       enum decap_verdict *udp);

/* Forgets the datagrams whose first fragment is older than the time-out; returns
 * how many of them were still incomplete (not those told as dropped before). */
unsigned int reassemble_expire(struct reassembly *r, mono_t now);

/* When reassemble_expire() next has work; MONO_NEVER when nothing is held. */
mono_t reassemble_deadline(const struct reassembly *r);

#endif
