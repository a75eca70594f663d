/* SPDX-License-Identifier: Apache-2.0 */
#include "path/filter.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Of no channel: nothing, and not everything. No datagram is addressed to 0.0.0.0. */
#define NOTHING "ip proto 17 and dst host 0.0.0.0"

/* 224.0.0.0/24 is link-local and never bridged. */
#define WIDE "ip proto 17 and dst net 224.0.0.0/4 and not dst net 224.0.0.0/24"

static int
compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts, and moves each address once to the front; returns how many. */
static size_t
make_distinct(uint32_t *addrs, size_t count)
{
	size_t kept = 0;

	qsort(addrs, count, sizeof(*addrs), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || addrs[kept - 1] != addrs[i])
			addrs[kept++] = addrs[i];
	}
	return kept;
}

static void
print_hosts(FILE *out, const char *direction, const uint32_t *addrs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t a = addrs[i];

		fprintf(out, "%sip %s host %u.%u.%u.%u", i > 0 ? " or " : "", direction,
			a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	}
}

static void
print_exact(FILE *out, const uint32_t *groups, size_t group_count,
	    const uint32_t *sources, size_t source_count)
{
	fprintf(out, "ip proto 17 and (");
	print_hosts(out, "dst", groups, group_count);
	fprintf(out, ")");
	/* 0, any source, sorts first. */
	if (source_count > 0 && sources[0] != 0) {
		fprintf(out, " and (");
		print_hosts(out, "src", sources, source_count);
		fprintf(out, ")");
	}
}

static char *
print_core(const struct channel_settings *channels, size_t count, bool wide)
{
	uint32_t *groups = calloc(count + 1, sizeof(*groups));
	uint32_t *sources = calloc(count + 1, sizeof(*sources));
	size_t group_count, source_count, bytes;
	char *text = NULL;
	FILE *out = open_memstream(&text, &bytes);

	if (groups == NULL || sources == NULL || out == NULL)
		goto done;
	for (size_t i = 0; i < count; i++) {
		groups[i] = channels[i].group;
		sources[i] = channels[i].source;
	}
	group_count = make_distinct(groups, count);
	source_count = make_distinct(sources, count);
	if (group_count + source_count > FILTER_ADDRESSES_MAX)
		source_count = 0;
	if (count == 0)
		fprintf(out, NOTHING);
	else if (wide || group_count > FILTER_ADDRESSES_MAX)
		fprintf(out, WIDE);
	else
		print_exact(out, groups, group_count, sources, source_count);
done:
	if (out != NULL && fclose(out) != 0) {
		free(text);
		text = NULL;
	}
	free(sources);
	free(groups);
	return text;
}

char *
filter_text(const struct channel_settings *channels, size_t count,
	    enum filter_width width)
{
	bool wide = width == FILTER_WIDE || width == FILTER_WIDE_PLAIN;
	bool tags = width == FILTER_EXACT || width == FILTER_WIDE;
	char *core = print_core(channels, count, wide);
	char *text = NULL;

	if (core == NULL || !tags)
		return core;
	/* Every `vlan` moves the offsets of all that follows it in the text, so the
	 * cases are nested: `vlan and vlan and ...` as a third case beside the second
	 * would look behind three tags. */
	if (asprintf(&text, "(%s) or (vlan and ((%s) or (vlan and (%s))))", core, core,
		     core) < 0)
		text = NULL;
	free(core);
	return text;
}

bool
filter_make_texts(char *texts[FILTER_WIDTH_COUNT],
		  const struct channel_settings *channels, size_t count)
{
	for (int i = 0; i < FILTER_WIDTH_COUNT; i++) {
		texts[i] = filter_text(channels, count, (enum filter_width)i);
		if (texts[i] == NULL)
			return false;
	}
	return true;
}

void
filter_free_texts(char *texts[FILTER_WIDTH_COUNT])
{
	for (int i = 0; i < FILTER_WIDTH_COUNT; i++) {
		free(texts[i]);
		texts[i] = NULL;
	}
}
