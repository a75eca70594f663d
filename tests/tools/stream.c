/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
	uint64_t hash;
	uint32_t next; /* in the chain */
	uint32_t len;
	uint8_t *bytes;
};

struct intern {
	struct entry *entries;
	size_t count, room;
	uint32_t chains[1 << 18];
};

static void *
grow(void *p, size_t *room, size_t size)
{
	*room = *room == 0 ? 1024 : *room * 2;
	p = realloc(p, *room * size);
	if (p == NULL) {
		fputs("no memory\n", stderr);
		exit(2);
	}
	return p;
}

struct intern *
intern_new(void)
{
	struct intern *in = calloc(1, sizeof(*in));

	if (in != NULL)
		memset(in->chains, 0xff, sizeof(in->chains));
	return in;
}

void
intern_free(struct intern *in)
{
	for (size_t i = 0; i < in->count; i++)
		free(in->entries[i].bytes);
	free(in->entries);
	free(in);
}

/* FNV-1a. */
static uint64_t
hash_bytes(const uint8_t *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3;
	return h;
}

uint32_t
intern_payload(struct intern *in, const uint8_t *payload, size_t len)
{
	uint64_t hash = hash_bytes(payload, len);
	uint32_t *chain = &in->chains[hash % (sizeof(in->chains) / sizeof(uint32_t))];
	struct entry *e;

	for (uint32_t i = *chain; i != NONE; i = in->entries[i].next) {
		e = &in->entries[i];
		if (e->hash == hash && e->len == len &&
		    memcmp(e->bytes, payload, len) == 0)
			return i;
	}
	if (in->count == in->room)
		in->entries = grow(in->entries, &in->room, sizeof(*in->entries));
	e = &in->entries[in->count];
	*e = (struct entry){.hash = hash, .next = *chain, .len = (uint32_t)len};
	e->bytes = malloc(len + 1);
	if (e->bytes == NULL) {
		fputs("no memory\n", stderr);
		exit(2);
	}
	memcpy(e->bytes, payload, len);
	*chain = (uint32_t)in->count;
	return (uint32_t)in->count++;
}

uint32_t
intern_count(const struct intern *in)
{
	return (uint32_t)in->count;
}

void
stream_add(struct stream *s, uint32_t id)
{
	if (s->count == s->room)
		s->ids = grow(s->ids, &s->room, sizeof(*s->ids));
	s->ids[s->count++] = id;
}

void
stream_free(struct stream *s)
{
	free(s->ids);
}

/* What differs when order is left aside. */
static struct stream_verdict
compare_counts(const struct stream *source, const struct stream *received,
	       size_t id_count)
{
	struct stream_verdict v = {0};
	uint32_t *sent = calloc(id_count + 1, sizeof(*sent));
	uint32_t *got = calloc(id_count + 1, sizeof(*got));

	if (sent == NULL || got == NULL) {
		fputs("no memory\n", stderr);
		exit(2);
	}
	for (size_t i = 0; i < source->count; i++)
		sent[source->ids[i]]++;
	for (size_t i = 0; i < received->count; i++)
		got[received->ids[i]]++;
	for (size_t id = 0; id < id_count; id++) {
		if (got[id] < sent[id])
			v.lost += sent[id] - got[id];
		else if (sent[id] == 0)
			v.extra += got[id];
		else
			v.duplicate += got[id] - sent[id];
	}
	free(sent);
	free(got);
	return v;
}

/*
 * How many of those received have no place behind their predecessors: each takes
 * the earliest place in the source that is behind the last one taken, which finds
 * every place whenever received is an ordered subset of source.
 */
static uint64_t
count_unplaced(const struct stream *source, const struct stream *received,
	       size_t id_count)
{
	uint32_t *first = malloc((id_count + 1) * sizeof(*first));
	uint32_t *next = malloc((source->count + 1) * sizeof(*next));
	uint64_t unplaced = 0;
	size_t at = 0;

	if (first == NULL || next == NULL) {
		fputs("no memory\n", stderr);
		exit(2);
	}
	memset(first, 0xff, (id_count + 1) * sizeof(*first));
	for (size_t i = source->count; i-- > 0;) {
		next[i] = first[source->ids[i]];
		first[source->ids[i]] = (uint32_t)i;
	}
	for (size_t i = 0; i < received->count; i++) {
		uint32_t *place = &first[received->ids[i]];

		while (*place != NONE && *place < at)
			*place = next[*place];
		if (*place == NONE)
			unplaced++;
		else
			at = (size_t)*place + 1;
	}
	free(first);
	free(next);
	return unplaced;
}

struct stream_verdict
stream_compare(const struct stream *source, const struct stream *received,
	       size_t id_count)
{
	struct stream_verdict v = compare_counts(source, received, id_count);

	v.reordered =
		count_unplaced(source, received, id_count) - v.extra - v.duplicate;
	return v;
}
