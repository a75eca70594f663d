/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind stage 10 of 10 (peer): remembers what was emitted. Gets datagrams from peer.c
 * when the kernel has taken them, is read through lane_call(). Runs on the lane's thread.
 */
#include "path/emitted.h"

#include <assert.h>
#include <string.h>

#include "path/pool.h"

struct history *
emitted_new(const struct history_settings *settings)
{
	return history_new(settings->memory_bytes, settings->age_ns, 1, false);
}

static void
put(struct history *h, mono_t now, enum history_kind kind, const struct emitted *e,
    utc_t captured, const struct iovec *iov, size_t iov_count)
{
	struct iovec pieces[POOL_IOV_MAX + 1];

	assert(iov_count <= POOL_IOV_MAX);
	pieces[0] = (struct iovec){(void *)(uintptr_t)e, sizeof *e};
	memcpy(&pieces[1], iov, iov_count * sizeof *iov);
	(void)history_put_pieces(h, now, EMITTED_CHANNEL, kind, captured, pieces,
				 iov_count + 1);
}

void
emitted_put(struct history *h, mono_t now, const struct emitted *e, utc_t captured,
	    const struct iovec *iov, size_t iov_count)
{
	put(h, now, HISTORY_DATA, e, captured, iov, iov_count);
}

void
emitted_put_mark(struct history *h, mono_t now, uint32_t remote, utc_t captured,
		 const struct iovec *payload)
{
	struct emitted e = {.remote = remote};

	put(h, now, HISTORY_MARK, &e, captured, payload, 1);
}

struct emitted
emitted_read(struct history_record *rec)
{
	struct emitted e;

	assert(rec->len >= sizeof e);
	memcpy(&e, rec->payload, sizeof e);
	rec->payload += sizeof e;
	rec->len -= sizeof e;
	return e;
}
