/* SPDX-License-Identifier: Apache-2.0 */
#include "mark.h"

#include "base/cursor.h"

#define MAGIC 0x54424d31u /* "TBM1" */

static void
fill(struct wr *w, uint64_t seed)
{
	while (wr_left(w) > 0) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		wr_u8(w, (uint8_t)(seed >> 56));
	}
}

void
mark_write(const struct mark *m, uint8_t *payload, size_t len)
{
	struct wr w = wr_init(payload, len);

	wr_u32(&w, MAGIC);
	wr_u16(&w, (uint16_t)m->kind);
	wr_u16(&w, m->channel);
	wr_u64(&w, m->sequence);
	wr_u64(&w, (uint64_t)m->sent_ns);
	fill(&w, m->sequence);
}

bool
mark_read(const uint8_t *payload, size_t len, struct mark *m)
{
	struct rd r = rd_init(payload, len);
	uint32_t magic = rd_u32(&r);

	m->kind = (enum mark_kind)rd_u16(&r);
	m->channel = rd_u16(&r);
	m->sequence = rd_u64(&r);
	m->sent_ns = (int64_t)rd_u64(&r);
	return !r.failed && magic == MAGIC && m->kind >= MARK_PROBE &&
	       m->kind <= MARK_MEASURED;
}
