/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_SUGGEST_H
#define TOMBOLO_CONF_SUGGEST_H
/*
 * "Did you mean": which of the known words a misspelt one is closest to. Pure.
 */
#include <stddef.h>

/* The optimal string alignment distance: insertions, deletions, substitutions and
 * swaps of neighbours. Words beyond 31 characters are as far as can be. */
unsigned int conf_suggest_distance(const char *a, const char *b);

struct conf_suggestion {
	const char *wrong;
	const char *best; /* NULL: nothing is close enough */
	unsigned int distance;
};

/* Start with .wrong set and the rest zero; offer each known word. One is close
 * enough within two steps, and within a third of the length of what was written. */
void conf_suggest_offer(struct conf_suggestion *s, const char *known);

#endif
