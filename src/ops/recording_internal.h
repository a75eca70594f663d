/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RECORDING_INTERNAL_H
#define TOMBOLO_RECORDING_INTERNAL_H
/* One recording under way, for recording.c, recording_copy.c and recording_blocks.c
 * alone. */
#include "ops/pcapng.h"
#include "ops/recording.h"
#include "path/capture.h"

struct evbuffer;

#define RECORDING_COPY_BYTES (32 * 1024) /* one call of the lane copies about so much */
#define RECORDING_UNWANTED   UINT32_MAX

enum recording_stage {
	RECORDING_SEEK,
	RECORDING_BEGINNING,
	RECORDING_INTERFACES,
	RECORDING_PACKETS,
	RECORDING_STATISTICS
};

struct recording_chosen {
	struct recording_channel channel;
	uint64_t packets;
};

/* In front of each payload in the copy. */
struct recording_copied {
	enum history_kind kind;
	struct recorded r;
	utc_t captured;
	size_t len;
};

struct recording {
	struct recordings *all;
	const struct recording_source *source;
	enum recording_stage stage;
	struct recording_chosen *chosen;
	size_t chosen_count;
	size_t keys;
	uint32_t *interfaces; /* numbers, by key; or RECORDING_UNWANTED */
	mono_t since, until;
	size_t at; /* channels sought, interfaces told, statistics told */
	uint64_t pos, end;
	bool began; /* pos is where something was read */
	bool copied_all;
	uint64_t overtaken_bytes; /* left the history before they were read */
	/* Marks that no packet has told of yet. */
	uint64_t dropped[DROP_POINT_COUNT];
	size_t used; /* of copy */
	uint8_t copy[RECORDING_COPY_BYTES + sizeof(struct recording_copied) +
		     DATAGRAM_BYTES_MAX + 256];
	uint8_t block[PCAPNG_BLOCK_BYTES + DATAGRAM_BYTES_MAX];
};

/* ---- recording_copy.c: on the lane's thread, a bounded piece in a call ---- */

/* arg is a recording, as lane_call() hands it on. Where wanted channels begin, of some
 * of them; `at` says how far it is. */
void recording_seek(void *arg);
/* What comes next in the history, into `copy`; `copied_all` at the end. */
void recording_copy(void *arg);

/* ---- recording_blocks.c: what was copied, as blocks of the file ---- */

void recording_put_beginning(struct recording *r, struct evbuffer *out);
/* The channel of number n among the chosen, and its figures at the end. */
void recording_put_interface(struct recording *r, struct evbuffer *out, size_t n);
void recording_put_statistics(struct recording *r, struct evbuffer *out, size_t n);
void recording_put_copied(struct recording *r, struct evbuffer *out);

#endif
