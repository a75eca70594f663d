/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_WIRE_SAMPLES_H
#define TOMBOLO_WIRE_SAMPLES_H
/* A frame or more of every type, each with who writes it and who reads it again. */
#include "path/wire.h"

#define WIRE_SAMPLES      17
#define WIRE_SAMPLES_ROOM (WIRE_HEADER_BYTES + UINT16_MAX) /* of the longest */

struct wire_sample {
	const char *name;
	enum wire_type type;
	void (*write)(struct wr *w);
	/* Asserts that what is taken is what was written; false: it was refused. */
	bool (*read)(const struct wire_frame *f);
};

extern const struct wire_sample wire_samples[WIRE_SAMPLES];

/* Writes it into WIRE_SAMPLES_ROOM bytes; returns its length. */
size_t wire_samples_write(int i, uint8_t *bytes);

#endif
