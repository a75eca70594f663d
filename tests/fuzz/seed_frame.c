/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the seed corpus of fuzz_frame: seed_frame DIRECTORY. Every seed is one
 * behaviour; the record format is that of fuzz_frame.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit/build_frame.h"

enum link { ETHERNET, SLL, SLL2, RAW, IPV4, BSD_NULL, UNKNOWN };

static FILE *
open_seed(const char *directory, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "wb");
	if (f == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return f;
}

static void
write_record(FILE *f, enum link link, const struct build *b, uint16_t cut_off)
{
	uint8_t head[6];
	struct wr w = wr_init(head, sizeof(head));
	size_t caplen = build_len(b) - cut_off;

	wr_u8(&w, (uint8_t)link);
	wr_u16(&w, (uint16_t)caplen);
	wr_u16(&w, cut_off);
	wr_u8(&w, 1);
	if (fwrite(head, sizeof(head), 1, f) != 1 ||
	    fwrite(b->bytes, caplen, 1, f) != 1) {
		perror("write");
		exit(EXIT_FAILURE);
	}
}

static void
build_link(struct build *b, enum link link)
{
	build_start(b);
	switch (link) {
	case ETHERNET:
	case UNKNOWN: build_ethernet(b, 0x0800); break;
	case SLL:
		wr_be(&b->wr, 0, 14);
		wr_u16(&b->wr, 0x0800);
		break;
	case SLL2:
		wr_u16(&b->wr, 0x0800);
		wr_be(&b->wr, 0, 18);
		break;
	case BSD_NULL: wr_u32(&b->wr, 2); break;
	case RAW:
	case IPV4: break;
	}
}

static void
seed_links(const char *directory)
{
	static const char *const names[] = {"ethernet", "sll",  "sll2",   "raw",
					    "ipv4",     "null", "unknown"};
	struct build b;

	for (enum link link = ETHERNET; link <= UNKNOWN; link++) {
		FILE *f = open_seed(directory, names[link]);

		build_link(&b, link);
		build_datagram(&b, &BUILD_IP, 40);
		write_record(f, link, &b, 0);
		fclose(f);
	}
}

static void
seed_oddities(const char *directory)
{
	struct build_ip ip = BUILD_IP;
	struct build b;
	FILE *f = open_seed(directory, "vlan");

	build_start(&b);
	build_ethernet(&b, 0x88a8);
	wr_u32(&b.wr, 0x00138100);
	wr_u32(&b.wr, 0x00149100);
	wr_u32(&b.wr, 0x00150800);
	build_datagram(&b, &ip, 40);
	write_record(f, ETHERNET, &b, 0);
	fclose(f);

	f = open_seed(directory, "options_padding");
	ip.option_words = 3;
	build_link(&b, ETHERNET);
	build_datagram(&b, &ip, 2);
	build_payload(&b, 16);
	write_record(f, ETHERNET, &b, 0);
	fclose(f);

	f = open_seed(directory, "truncated");
	build_link(&b, ETHERNET);
	build_datagram(&b, &ip, 200);
	write_record(f, ETHERNET, &b, 150);
	fclose(f);

	f = open_seed(directory, "offload");
	ip.total = 0;
	build_link(&b, ETHERNET);
	build_datagram(&b, &ip, 40);
	write_record(f, ETHERNET, &b, 0);
	fclose(f);
}

/* A datagram of 8 + 104 bytes in three pieces at the places given, in units. */
static void
seed_fragments(const char *directory, const char *name, const uint8_t (*pieces)[2],
	       size_t count)
{
	FILE *f = open_seed(directory, name);
	struct build whole, b;

	build_start(&whole);
	build_udp(&whole, 112);
	build_payload(&whole, 104);
	for (size_t i = 0; i < count; i++) {
		struct build_ip ip = BUILD_IP;
		size_t at = pieces[i][0] * 8U, len = pieces[i][1] * 8U;

		ip.flags_offset = (uint16_t)(at / 8 | (at + len < 112 ? 0x2000 : 0));
		build_link(&b, ETHERNET);
		build_ipv4(&b, &ip, len);
		wr_bytes(&b.wr, whole.bytes + at, len);
		write_record(f, ETHERNET, &b, 0);
	}
	fclose(f);
}

/* Datagrams as a framing numbers them; `at` and `width` as in the table. */
static void
seed_feed(const char *directory, const char *name, size_t at, size_t width, bool little)
{
	static const uint8_t numbers[] = {1, 2, 4, 4, 9, 1, 2};
	FILE *f = open_seed(directory, name);
	struct build b;

	for (size_t i = 0; i < sizeof(numbers); i++) {
		size_t payload;

		build_link(&b, ETHERNET);
		build_datagram(&b, &BUILD_IP, 0);
		b.bytes[17] = 28 + 48; /* the lengths of what follows */
		b.bytes[39] = 8 + 48;
		payload = build_len(&b);
		for (size_t j = 0; j < 48; j++)
			wr_u8(&b.wr, 0);
		b.bytes[payload + (little ? at : at + width - 1)] = numbers[i];
		write_record(f, ETHERNET, &b, 0);
	}
	fclose(f);
}

int
main(int argc, char **argv)
{
	static const uint8_t in_order[][2] = {{0, 5}, {5, 5}, {10, 4}};
	static const uint8_t first_last[][2] = {{5, 5}, {10, 4}, {5, 5}, {0, 5}};
	static const uint8_t overlap[][2] = {{0, 5}, {4, 6}, {10, 4}, {0, 5}};
	const char *directory = argc == 2 ? argv[1] : NULL;

	if (directory == NULL) {
		fprintf(stderr, "usage: seed_frame DIRECTORY\n");
		return EXIT_FAILURE;
	}
	seed_links(directory);
	seed_oddities(directory);
	seed_fragments(directory, "fragments", in_order, 3);
	seed_fragments(directory, "fragments_first_last", first_last, 4);
	seed_fragments(directory, "fragments_overlap", overlap, 4);
	seed_feed(directory, "feed_be_10_8", 10, 8, false);
	seed_feed(directory, "feed_le_4_4", 4, 4, true);
	seed_feed(directory, "feed_le_8_8", 8, 8, true);
	seed_feed(directory, "feed_le_24_8", 24, 8, true);
	seed_feed(directory, "feed_be_2_4", 2, 4, false);
	return EXIT_SUCCESS;
}
