/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapcompare: is what came out what went in? Holds two captures against each
 * other, per (group, port): the same payloads, in the same order, none lost, none
 * extra, none twice that the source did not say twice.
 *
 *   pcapcompare [options] SOURCE RECEIVED
 *
 *   --map G:P=G:P   what the source has on the first is expected on the second
 *   --only G:P      look at this channel of the source alone (may be repeated)
 *   --subset        losses are counted and forgiven; order and the rest are not
 *   --json          one line of JSON instead of the table
 *
 * Exit status 0: equal (or an ordered subset); 1: not; 2: could not tell.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "options.h"
#include "stream.h"

#define CHANNELS_MAX 4096
#define MAPS_MAX     64

/* group << 16 | port, as options_channel() gives it */
typedef uint64_t channel_key;

struct pair {
	channel_key key; /* as received */
	struct stream source, received;
};

struct comparison {
	bool subset, json;
	channel_key map[MAPS_MAX][2], only[MAPS_MAX];
	size_t map_count, only_count;
	struct intern *intern;
	struct pair pairs[CHANNELS_MAX];
	size_t pair_count;
	bool reading_source;
};

static struct pair *
find_pair(struct comparison *c, channel_key key)
{
	for (size_t i = 0; i < c->pair_count; i++)
		if (c->pairs[i].key == key)
			return &c->pairs[i];
	if (c->pair_count == CHANNELS_MAX)
		options_die("too many channels", "4096 at most");
	c->pairs[c->pair_count].key = key;
	return &c->pairs[c->pair_count++];
}

static channel_key
mapped(const struct comparison *c, channel_key key)
{
	for (size_t i = 0; i < c->map_count; i++)
		if (c->map[i][0] == key)
			return c->map[i][1];
	return key;
}

/* --only names channels of the source; RECEIVED is filtered by where they go. */
static bool
is_wanted(const struct comparison *c, channel_key key)
{
	for (size_t i = 0; i < c->only_count; i++)
		if ((c->reading_source ? c->only[i] : mapped(c, c->only[i])) == key)
			return true;
	return c->only_count == 0;
}

static void
take(void *arg, const struct frame_datagram *d)
{
	struct comparison *c = arg;
	channel_key key = (channel_key)d->group << 16 | d->port;
	struct pair *p;

	if (!is_wanted(c, key))
		return;
	p = find_pair(c, c->reading_source ? mapped(c, key) : key);
	stream_add(c->reading_source ? &p->source : &p->received,
		   intern_payload(c->intern, d->payload, d->len));
}

static void
add_map(struct comparison *c, const char *text)
{
	const char *equals = strchr(text, '=');
	char from[64];

	if (equals == NULL || (size_t)(equals - text) >= sizeof(from) ||
	    c->map_count == MAPS_MAX)
		options_die("not a map", text);
	memcpy(from, text, (size_t)(equals - text));
	from[equals - text] = '\0';
	c->map[c->map_count][0] = options_channel(from);
	c->map[c->map_count++][1] = options_channel(equals + 1);
}

static int
by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static void
print_row(const struct comparison *c, const char *name, uint64_t source,
	  uint64_t received, const struct stream_verdict *v)
{
	if (c->json)
		printf("{\"channel\": \"%s\", \"source\": %" PRIu64
		       ", \"received\": %" PRIu64 ", \"lost\": %" PRIu64
		       ", \"duplicate\": %" PRIu64 ", \"extra\": %" PRIu64
		       ", \"reordered\": %" PRIu64 "}",
		       name, source, received, v->lost, v->duplicate, v->extra,
		       v->reordered);
	else
		printf("%-22s %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %9" PRIu64
		       " %7" PRIu64 " %9" PRIu64 "\n",
		       name, source, received, v->lost, v->duplicate, v->extra,
		       v->reordered);
}

static void
add_verdict(struct stream_verdict *sum, const struct stream_verdict *v)
{
	sum->lost += v->lost;
	sum->duplicate += v->duplicate;
	sum->extra += v->extra;
	sum->reordered += v->reordered;
}

static void
name_channel(char *name, size_t room, channel_key key)
{
	unsigned int group = (unsigned int)(key >> 16);

	snprintf(name, room, "%u.%u.%u.%u:%u", group >> 24, group >> 16 & 255,
		 group >> 8 & 255, group & 255, (unsigned int)(key & 65535));
}

/* Prints every row and returns the sum. */
static bool
judge(struct comparison *c)
{
	struct stream_verdict sum = {0};
	uint64_t source = 0, received = 0;
	char name[32];
	bool equal;

	qsort(c->pairs, c->pair_count, sizeof(c->pairs[0]), by_key);
	if (!c->json)
		printf("%-22s %9s %9s %7s %9s %7s %9s\n", "channel", "source",
		       "received", "lost", "duplicate", "extra", "reordered");
	else
		printf("{\"channels\": [");
	for (size_t i = 0; i < c->pair_count; i++) {
		struct pair *p = &c->pairs[i];
		struct stream_verdict v = stream_compare(&p->source, &p->received,
							 intern_count(c->intern));

		name_channel(name, sizeof(name), p->key);
		if (c->json && i > 0)
			printf(", ");
		print_row(c, name, p->source.count, p->received.count, &v);
		add_verdict(&sum, &v);
		source += p->source.count;
		received += p->received.count;
	}
	equal = (c->subset || sum.lost == 0) && sum.duplicate == 0 && sum.extra == 0 &&
		sum.reordered == 0;
	if (c->json)
		printf("], \"total\": ");
	print_row(c, "total", source, received, &sum);
	if (c->json)
		printf(", \"equal\": %s}\n", equal ? "true" : "false");
	if (source == 0)
		options_die("nothing to compare", "the source has no datagrams");
	return equal;
}

static void
read_options(struct comparison *c, int argc, char **argv)
{
	static const struct option options[] = {{"map", required_argument, NULL, 'm'},
						{"only", required_argument, NULL, 'o'},
						{"subset", no_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'm': add_map(c, optarg); break;
		case 'o':
			if (c->only_count == MAPS_MAX)
				options_die("too many", optarg);
			c->only[c->only_count++] = options_channel(optarg);
			break;
		case 's': c->subset = true; break;
		case 'j': c->json = true; break;
		default: exit(2);
		}
	}
	if (argc - optind != 2)
		options_die("usage", "[options] SOURCE RECEIVED");
}

int
main(int argc, char **argv)
{
	struct comparison *c = calloc(1, sizeof(*c));
	struct frame_count count;
	bool equal;

	if (c == NULL)
		return 2;
	read_options(c, argc, argv);
	c->intern = intern_new();
	if (c->intern == NULL)
		return 2;
	c->reading_source = true;
	if (!frame_read(argv[optind], take, c, &count))
		return 2;
	c->reading_source = false;
	if (!frame_read(argv[optind + 1], take, c, &count))
		return 2;
	equal = judge(c);
	for (size_t i = 0; i < c->pair_count; i++) {
		stream_free(&c->pairs[i].source);
		stream_free(&c->pairs[i].received);
	}
	intern_free(c->intern);
	free(c);
	return equal ? 0 : 1;
}
