/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_RECORD_H
#define TOMBOLO_PEER_RECORD_H
/*
 * Marks and changes: datagrams of channel 0 up to where they are released, and read there
 * instead of being emitted. Pure.
 */
#include "path/wire.h"

struct peer_channel;

#define RECORD_BYTES_MAX (1 + WIRE_ENTRY_MAX)

/* A MARK or CHANGE frame as a datagram, with its payload in bytes. False: the relay broke
 * the protocol. */
bool peer_record_get(const struct wire_frame *f, uint8_t bytes[RECORD_BYTES_MAX],
		     struct wire_data *d);
/* One of channel 0 is released; the chunk is dropped. */
void peer_record_read(struct peer_channel *c, uint32_t chunk);

#endif
