/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_FILTER_H
#define TOMBOLO_FILTER_H
/*
 * The capture filter, as text of pcap-filter(7), from the channels. An optimisation
 * only: it keeps from the ring what classify would throw away, and may let through
 * more than it must, never less. Pure but for the allocation.
 */
#include <stdbool.h>
#include <stddef.h>

#include "ops/settings.h"

/* More addresses than this, and the filter takes all multicast: tagged frames need
 * the list three times, and the kernel's BPF has an end (net.core.optmem_max). */
#define FILTER_ADDRESSES_MAX 200

/* From the narrowest to the widest; which of them can be had depends on the link type
 * (not each knows VLAN tags) and on the kernel. */
enum filter_width {
	FILTER_EXACT,       /* the groups, also inside one and two VLAN tags */
	FILTER_WIDE,        /* all groups that can be bridged, also tagged */
	FILTER_EXACT_PLAIN, /* the groups, untagged */
	FILTER_WIDE_PLAIN,  /* all groups, untagged */
	FILTER_WIDTH_COUNT
};

/*
 * UDP, fragments with it, to the groups of the channels; from their sources when
 * every channel has one; ports are left to classify, so that fragments pass. NULL:
 * no memory. The caller frees it.
 */
char *filter_text(const struct channel_settings *channels, size_t count,
		  enum filter_width width);

/* All of them, by width. False: no memory; filter_free_texts() is due in both cases. */
bool filter_make_texts(char *texts[FILTER_WIDTH_COUNT],
		       const struct channel_settings *channels, size_t count);
void filter_free_texts(char *texts[FILTER_WIDTH_COUNT]);

#endif
