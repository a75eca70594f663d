/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_TWINS_H
#define TOMBOLO_CONF_TWINS_H
/*
 * Two entries of a list that must not be alike. Found by sorting: comparing each of
 * thousands with each other would hold up a reload.
 */
#include <stdbool.h>
#include <stddef.h>

/* 0: they are alike. Two that are alike to a third are alike. */
typedef int conf_twins_compare(const void *a, const void *b);

struct conf_twins {
	size_t first, second; /* places in the list; both its length: there are none */
};

/* The first entry that is like one before it, and the first of these. False: no
 * memory. */
bool conf_twins_find(const void *items, size_t count, size_t item_bytes,
		     conf_twins_compare *compare, struct conf_twins *twins);

#endif
