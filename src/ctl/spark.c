/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/spark.h"

#include <string.h>

#define LEVELS 8

static const char *const blocks[LEVELS + 1] = {" ", "▁", "▂", "▃", "▄",
					       "▅", "▆", "▇", "█"};
static const char *const ascii[LEVELS + 1] = {" ", ".", ":", "-", "=",
					      "+", "*", "#", "@"};

static unsigned int
level_of(double value, double highest)
{
	unsigned int level;

	if (value <= 0)
		return 0;
	level = 1 + (unsigned int)(value / highest * LEVELS);
	return level > LEVELS ? LEVELS : level;
}

void
spark_draw(const double *values, size_t n, bool utf8, char *text)
{
	const char *const *glyphs = utf8 ? blocks : ascii;
	double highest = 0;

	for (size_t i = 0; i < n; i++)
		highest = values[i] > highest ? values[i] : highest;
	*text = '\0';
	for (size_t i = 0; i < n; i++)
		text = stpcpy(text, glyphs[level_of(values[i], highest)]);
}
