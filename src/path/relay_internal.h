/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_INTERNAL_H
#define TOMBOLO_RELAY_INTERNAL_H
/* Inside of a relay lane's core, for relay.c and relay_session*.c alone. */
#include "path/relay.h"

struct names;

struct relay {
	const struct relay_settings *settings;
	uint16_t lane;
	uint64_t epoch;
	const struct relay_ops *ops;
	void *arg;
	struct relay_channel *channels;
	size_t channel_count, channel_capacity; /* with channel 0 */
	struct names *names;                    /* of all but channel 0, by number */
	uint64_t changes;                       /* counts lists of channels */
	seq_t changes_end; /* behind the last change in channel 0 */
	struct history *history;
	struct classifier *classifier;
	struct reassembly *reassembly;
	struct upstream *upstream;
	uint64_t captured; /* datagrams of all channels */
	struct relay_session *sessions;
	size_t session_count;
	gauge_t history_used;
	mono_t tick_due;
	bool draining;
	bool patient;
	struct relay_figures figures;
};

/* Numbers it and puts it into the history; false: there is no room. */
bool relay_remember(struct relay *r, mono_t now, uint16_t channel,
		    enum history_kind kind, utc_t captured, const void *payload,
		    size_t len);

/* A record of kind HISTORY_MARK as what it says. */
void relay_read_mark(const struct history_record *rec, struct wire_mark *m);

#endif
