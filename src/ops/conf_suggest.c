/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_suggest.h"

#include <limits.h>
#include <string.h>

#define WORD_MAX      31
#define DISTANCE_FAIR 2

static unsigned int
least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int
conf_suggest_distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];
	size_t m = strlen(a), n = strlen(b);

	if (m > WORD_MAX || n > WORD_MAX)
		return UINT_MAX;
	for (unsigned int i = 0; i <= m; i++)
		d[i][0] = i;
	for (unsigned int j = 0; j <= n; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= m; i++) {
		for (size_t j = 1; j <= n; j++) {
			unsigned int differ = a[i - 1] != b[j - 1];

			d[i][j] = least(d[i - 1][j - 1] + differ,
					least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[m][n];
}

void
conf_suggest_offer(struct conf_suggestion *s, const char *known)
{
	unsigned int d = conf_suggest_distance(s->wrong, known);

	if (d > DISTANCE_FAIR || d * 3 > strlen(s->wrong))
		return;
	if (s->best == NULL || d < s->distance) {
		s->best = known;
		s->distance = d;
	}
}
