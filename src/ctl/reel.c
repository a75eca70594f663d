/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/reel.h"

#include <string.h>

#include "base/cursor.h"

#define SECTION    0x0a0d0d0a
#define INTERFACE  1
#define STATISTICS 5
#define PACKET     6

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define COMMENT          1
#define DELIVERED        8
#define BLOCK_BYTES_MIN  12
#define BLOCK_BYTES_MAX  (1 << 20) /* twelve times the longest packet */

/* How much of a block is kept to be looked at. */
static size_t
wanted(uint32_t type, size_t len)
{
	size_t most = type == STATISTICS ? REEL_NOTE_BYTES : REEL_HEAD_BYTES;

	return len < most ? len : most;
}

static void
take_packet(struct reel *r, struct rd *rd)
{
	int64_t ns;

	rd_skip(rd, 4); /* the interface */
	ns = (int64_t)rd_u64(rd);
	if (r->packets++ == 0 || ns < r->first_ns)
		r->first_ns = ns;
	if (ns > r->last_ns)
		r->last_ns = ns;
}

static void
take_note(struct reel *r, const uint8_t *text, size_t len)
{
	size_t room = sizeof(r->note) - strlen(r->note) - 1;
	char *to = r->note + strlen(r->note);

	len = len < room ? len : room;
	for (size_t i = 0; i < len; i++)
		to[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
	to[len] = '\0';
}

static void
take_statistics(struct reel *r, struct rd *rd)
{
	r->statistics++;
	rd_skip(rd, 12); /* interface and time */
	while (!rd->failed && rd_left(rd) >= 4) {
		uint16_t code = rd_u16(rd), len = rd_u16(rd);
		const uint8_t *value = rd_bytes(rd, (len + 3u) & ~3u);

		if (value == NULL || code == 0)
			break;
		if (code == COMMENT)
			take_note(r, value, len);
		if (code == DELIVERED && len == 8) {
			struct rd count = rd_init(value, len);

			r->delivered += rd_u64(&count);
		}
	}
}

static void
take_block(struct reel *r)
{
	struct rd rd = rd_init(r->block, r->kept);
	uint32_t type = rd_u32(&rd);

	rd_skip(&rd, 4);
	switch (type) {
	case SECTION: r->damaged = rd_u32(&rd) != BYTE_ORDER_MAGIC; break;
	case INTERFACE: r->interfaces++; break;
	case PACKET: take_packet(r, &rd); break;
	case STATISTICS: take_statistics(r, &rd); break;
	default: break;
	}
	r->damaged |= rd.failed && type != STATISTICS;
}

/* Type and length are here. */
static void
begin_block(struct reel *r)
{
	struct rd rd = rd_init(r->block, r->kept);
	uint32_t type = rd_u32(&rd);
	bool first = r->interfaces + r->packets + r->statistics == 0;

	r->len = rd_u32(&rd);
	if (r->len < BLOCK_BYTES_MIN || r->len > BLOCK_BYTES_MAX || r->len % 4 != 0 ||
	    (first && type != SECTION && type != INTERFACE))
		r->damaged = true;
}

/* Takes of the bytes until `kept` is `upto`; true when it is. */
static bool
gather(struct reel *r, size_t upto, const uint8_t **bytes, size_t *len)
{
	size_t n = upto > r->kept ? upto - r->kept : 0;

	n = n < *len ? n : *len;
	memcpy(r->block + r->kept, *bytes, n);
	r->kept += n;
	*bytes += n;
	*len -= n;
	return r->kept >= upto;
}

bool
reel_feed(struct reel *r, const uint8_t *bytes, size_t len)
{
	while (len > 0 && !r->damaged) {
		size_t n = r->skip < len ? (size_t)r->skip : len;
		struct rd type;

		bytes += n;
		len -= n;
		r->skip -= n;
		if (len == 0 || !gather(r, 8, &bytes, &len))
			break;
		if (r->len == 0)
			begin_block(r);
		type = rd_init(r->block, 4);
		if (r->damaged ||
		    !gather(r, wanted(rd_u32(&type), r->len), &bytes, &len))
			break;
		take_block(r);
		r->skip = r->len - r->kept;
		r->len = r->kept = 0;
	}
	return !r->damaged;
}

bool
reel_is_whole(const struct reel *r)
{
	return !r->damaged && r->skip == 0 && r->kept == 0 && r->interfaces > 0 &&
	       r->statistics == r->interfaces && r->delivered == r->packets;
}
