/* SPDX-License-Identifier: Apache-2.0 */
#include "path/pace.h"

/* A pause saves up a full datagram at least. */
#define DEPTH_BYTES_MIN 1500

void
pace_init(struct pace *p, mono_t now, uint64_t bps, int64_t depth_ns)
{
	uint64_t rate = bps / 8;
	uint64_t depth = rate / (uint64_t)(NS_PER_S / depth_ns);

	p->owed = 0;
	bucket_init(&p->bucket, now, rate,
		    depth > DEPTH_BYTES_MIN ? depth : DEPTH_BYTES_MIN);
}

int64_t
pace_wait_ns(struct pace *p, mono_t now)
{
	uint64_t pay;

	if (!pace_is_limited(p))
		return 0;
	(void)bucket_take(&p->bucket, now, 0); /* refills */
	pay = p->owed < p->bucket.tokens ? p->owed : p->bucket.tokens;
	(void)bucket_take(&p->bucket, now, pay);
	p->owed -= pay;
	/* In 128 bits: what is owed is some 100,000 bytes, a rate may be 1. */
	return (int64_t)(((unsigned __int128)p->owed * NS_PER_S + p->bucket.rate - 1) /
			 p->bucket.rate);
}

void
pace_charge(struct pace *p, uint64_t bytes)
{
	if (pace_is_limited(p))
		p->owed += bytes;
}

void
pace_refund(struct pace *p, uint64_t bytes)
{
	uint64_t owed = p->owed < bytes ? p->owed : bytes;

	if (!pace_is_limited(p))
		return;
	p->owed -= owed;
	bucket_return(&p->bucket, bytes - owed);
}
