/* SPDX-License-Identifier: Apache-2.0 */
#include "base/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct place {
	const char *name; /* NULL: it has none */
	uint32_t hash;
	uint32_t next; /* of the same bucket */
};

struct names {
	uint32_t places, mask;
	uint32_t *buckets;
	struct place at[];
};

static uint32_t
count_buckets(uint32_t places)
{
	uint32_t buckets = 16;

	while (buckets < places)
		buckets *= 2;
	return buckets;
}

struct names *
names_new(uint32_t places)
{
	struct names *n = calloc(1, sizeof(*n) + places * sizeof(n->at[0]));
	uint32_t buckets = count_buckets(places);

	if (n == NULL)
		return NULL;
	n->places = places;
	n->mask = buckets - 1;
	n->buckets = malloc(buckets * sizeof(*n->buckets));
	if (n->buckets == NULL) {
		free(n);
		return NULL;
	}
	names_clear(n);
	return n;
}

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	free(n->buckets);
	free(n);
}

size_t
names_memory_bytes(uint32_t places)
{
	return sizeof(struct names) + places * sizeof(struct place) +
	       count_buckets(places) * sizeof(uint32_t);
}

void
names_clear(struct names *n)
{
	for (uint32_t i = 0; i <= n->mask; i++)
		n->buckets[i] = NAMES_NONE;
	for (uint32_t i = 0; i < n->places; i++)
		n->at[i].name = NULL;
}

/* FNV-1a, and its upper bits folded in: names mostly differ in their last digits. */
static uint32_t
hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

/* Takes the place out of its bucket. */
static void
unlink_place(struct names *n, uint32_t place)
{
	uint32_t *link = &n->buckets[n->at[place].hash & n->mask];

	while (*link != place)
		link = &n->at[*link].next;
	*link = n->at[place].next;
}

void
names_put(struct names *n, uint32_t place, const char *name)
{
	uint32_t h = hash(name), *bucket = &n->buckets[h & n->mask];

	assert(place < n->places);
	if (n->at[place].name != NULL)
		unlink_place(n, place);
	n->at[place] = (struct place){.name = name, .hash = h, .next = *bucket};
	*bucket = place;
}

static uint32_t
find_from(const struct names *n, uint32_t place, uint32_t h, const char *name)
{
	while (place != NAMES_NONE &&
	       (n->at[place].hash != h || strcmp(n->at[place].name, name) != 0))
		place = n->at[place].next;
	return place;
}

uint32_t
names_find(const struct names *n, const char *name)
{
	uint32_t h = hash(name);

	return find_from(n, n->buckets[h & n->mask], h, name);
}

uint32_t
names_next(const struct names *n, uint32_t place)
{
	const struct place *p = &n->at[place];

	return find_from(n, p->next, p->hash, p->name);
}
