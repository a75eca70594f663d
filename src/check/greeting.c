/* SPDX-License-Identifier: Apache-2.0 */
#include "check/greeting.h"

#include "base/cursor.h"

#define RECORD_ALERT     21
#define RECORD_HANDSHAKE 22
#define VERSION_MAJOR    0xfe
#define VERSION_1_0      0xfeff /* of the first record, whatever is offered */
#define VERSION_1_2      0xfefd
#define CLIENT_HELLO     1
#define RECORD_BYTES     13
#define HANDSHAKE_BYTES  12
#define RANDOM_BYTES     32
#define PADDING          21
#define CIPHER           0xc02c /* ECDHE-ECDSA-AES256-GCM-SHA384 */

static void
put_body(struct wr *w)
{
	static const uint8_t random[RANDOM_BYTES] = "tombolo";

	wr_u16(w, VERSION_1_2);
	/* Nothing secret comes of it: the handshake ends here. */
	wr_bytes(w, random, sizeof(random));
	wr_u8(w, 0); /* session */
	wr_u8(w, 0); /* cookie */
	wr_u16(w, 2);
	wr_u16(w, CIPHER);
	wr_u8(w, 1);
	wr_u8(w, 0);
}

bool
greeting_write(uint8_t *out, size_t len, uint32_t number)
{
	size_t body, padding;
	struct wr w;

	if (len < GREETING_BYTES_MIN || len > GREETING_BYTES_MAX)
		return false;
	body = len - RECORD_BYTES - HANDSHAKE_BYTES;
	w = wr_init(out, len);
	wr_u8(&w, RECORD_HANDSHAKE);
	wr_u16(&w, VERSION_1_0);
	wr_be(&w, number, 8); /* epoch 0, and the number */
	wr_u16(&w, (uint16_t)(len - RECORD_BYTES));
	wr_u8(&w, CLIENT_HELLO);
	wr_be(&w, body, 3);
	wr_u16(&w, 0);
	wr_be(&w, 0, 3);
	wr_be(&w, body, 3);
	put_body(&w);
	wr_u16(&w, (uint16_t)(wr_left(&w) - 2));
	wr_u16(&w, PADDING);
	padding = wr_left(&w) - 2;
	wr_u16(&w, (uint16_t)padding);
	memset(wr_room(&w, padding), 0, padding);
	return !w.failed && wr_left(&w) == 0;
}

static bool
read_record(const uint8_t *bytes, size_t len, uint8_t *type, uint32_t *number)
{
	struct rd r = rd_init(bytes, len);
	uint8_t major;
	uint64_t n;

	*type = rd_u8(&r);
	major = rd_u8(&r);
	rd_skip(&r, 1);
	n = rd_u64(&r);
	*number = (uint32_t)n;
	return !r.failed && major == VERSION_MAJOR && n <= UINT32_MAX;
}

bool
greeting_is_answer(const uint8_t *bytes, size_t len, uint32_t *number)
{
	uint8_t type;

	return read_record(bytes, len, &type, number) &&
	       (type == RECORD_HANDSHAKE || type == RECORD_ALERT);
}

bool
greeting_is_quoted(const uint8_t *bytes, size_t len, uint32_t *number)
{
	uint8_t type;

	return read_record(bytes, len, &type, number) && type == RECORD_HANDSHAKE;
}
