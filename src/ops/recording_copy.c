/* SPDX-License-Identifier: Apache-2.0 */
/* What the lane does for a recording: a bounded piece of its history at a time. */
#include <string.h>

#include "ops/recording_internal.h"

/* What one call does at most. */
#define COPY_RECORDS  512 /* looked at */
#define SEEK_CHANNELS 16

/* Where each wanted channel begins; the marks are in the relay's channel 0. */
void
recording_seek(void *arg)
{
	struct recording *r = arg;
	const struct history *h = r->source->history;

	if (r->at == 0) {
		r->pos = r->end = history_head(h);
		r->pos = history_since(h, 0, r->since);
	}
	for (int i = 0; i < SEEK_CHANNELS && r->at < r->chosen_count; r->at++) {
		uint16_t ring = r->chosen[r->at].channel.ring;
		uint64_t pos;

		if (ring == 0)
			continue;
		pos = history_since(h, ring, r->since);
		r->pos = pos < r->pos ? pos : r->pos;
		i++;
	}
}

static bool
is_wanted(const struct recording *r, const struct history_record *rec,
	  const struct recorded *what)
{
	if (mono_before(rec->arrived, r->since))
		return false;
	return rec->kind == HISTORY_MARK ||
	       (rec->kind == HISTORY_DATA && what->key < r->keys &&
		r->interfaces[what->key] != RECORDING_UNWANTED);
}

static void
copy_record(struct recording *r, const struct history_record *rec,
	    const struct recorded *what)
{
	struct recording_copied c = {rec->kind, *what, rec->captured, rec->len};

	memcpy(r->copy + r->used, &c, sizeof(c));
	memcpy(r->copy + r->used + sizeof(c), rec->payload, rec->len);
	r->used += sizeof(c) + rec->len;
}

void
recording_copy(void *arg)
{
	struct recording *r = arg;
	const struct history *h = r->source->history;
	struct history_record rec;
	struct recorded what;

	r->used = 0;
	if (r->began && r->pos < history_tail(h))
		r->overtaken_bytes += history_tail(h) - r->pos;
	for (int i = 0; i < COPY_RECORDS && r->used < RECORDING_COPY_BYTES; i++) {
		uint64_t next;

		if (!history_at(h, &r->pos, &rec) || r->pos >= r->end ||
		    mono_before(r->until, rec.arrived)) {
			r->copied_all = true;
			return;
		}
		r->began = true;
		next = history_after(h, r->pos);
		r->source->read(r->source->view, &rec, &what);
		if (is_wanted(r, &rec, &what))
			copy_record(r, &rec, &what);
		r->pos = next;
	}
}
