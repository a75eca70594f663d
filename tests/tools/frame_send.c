/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame_send: puts Ethernet frames on an interface, tags and fragments as asked, which
 * no socket of a kernel without 802.1Q would. For use inside a test's own network
 * namespace.
 *
 *   frame_send -i interface -g group:port [-s source] [-n count] [-l payload_bytes]
 *              [-t tags] [-F] [-S serial]
 *
 * -t 1 puts a tag of 802.1Q in front, -t 2 one of 802.1ad before that. -F cuts each
 * datagram into two fragments. The last 8 bytes of each datagram are a number that
 * counts up from serial.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"
#include "options.h"

#define FRAME_BYTES    1600
#define PAYLOAD_MIN    8
#define PAYLOAD_MAX    1472
#define IP_BYTES       20
#define UDP_BYTES      8
#define FRAGMENT_BYTES 8 /* of the first one: a multiple of 8 */
#define MORE_FRAGMENTS 0x2000

struct sender {
	const char *interface;
	uint32_t group, source;
	uint16_t port;
	uint64_t count, serial;
	size_t payload_bytes;
	unsigned int tags;
	bool fragments;
	int fd;
};

static void
put_ethernet(struct wr *w, const struct sender *s)
{
	static const uint16_t types[] = {0x8100, 0x88a8};
	static const uint8_t from[] = {2, 0, 0, 0, 0, 1};

	wr_be(w, 0x01005e, 3);
	wr_be(w, s->group & 0x7fffff, 3);
	wr_bytes(w, from, sizeof(from));
	for (unsigned int i = s->tags; i-- > 0;) {
		wr_u16(w, types[i]);
		wr_u16(w, (uint16_t)(5 + i));
	}
	wr_u16(w, 0x0800);
}

static uint16_t
checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < IP_BYTES; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void
put_ip(struct wr *w, const struct sender *s, uint16_t id, uint16_t offset_flags,
       size_t len)
{
	uint8_t header[IP_BYTES];
	struct wr h = wr_init(header, sizeof(header));
	uint16_t sum;

	wr_u16(&h, 0x4500);
	wr_u16(&h, (uint16_t)(IP_BYTES + len));
	wr_u16(&h, id);
	wr_u16(&h, offset_flags);
	wr_u16(&h, 8 << 8 | 17);
	wr_u16(&h, 0);
	wr_u32(&h, s->source);
	wr_u32(&h, s->group);
	sum = checksum(header);
	header[10] = (uint8_t)(sum >> 8);
	header[11] = (uint8_t)sum;
	wr_bytes(w, header, sizeof(header));
}

static void
send_frame(const struct sender *s, uint16_t id, uint16_t offset_flags,
	   const uint8_t *bytes, size_t len)
{
	uint8_t frame[FRAME_BYTES];
	struct wr w = wr_init(frame, sizeof(frame));
	size_t frame_len;

	put_ethernet(&w, s);
	put_ip(&w, s, id, offset_flags, len);
	wr_bytes(&w, bytes, len);
	frame_len = sizeof(frame) - wr_left(&w);
	if (w.failed || send(s->fd, frame, frame_len, 0) != (ssize_t)frame_len)
		options_die("send", s->interface);
}

static void
send_datagram(const struct sender *s, uint64_t serial)
{
	uint8_t bytes[UDP_BYTES + PAYLOAD_MAX] = {0};
	struct wr w = wr_init(bytes, sizeof(bytes));
	size_t len = UDP_BYTES + s->payload_bytes;
	uint16_t id = (uint16_t)serial;

	wr_u16(&w, s->port);
	wr_u16(&w, s->port);
	wr_u16(&w, (uint16_t)len);
	wr_u16(&w, 0);
	(void)wr_room(&w, s->payload_bytes - sizeof(serial));
	wr_u64(&w, serial);
	if (!s->fragments) {
		send_frame(s, id, 0, bytes, len);
		return;
	}
	send_frame(s, id, MORE_FRAGMENTS, bytes, FRAGMENT_BYTES);
	send_frame(s, id, FRAGMENT_BYTES / 8, bytes + FRAGMENT_BYTES,
		   len - FRAGMENT_BYTES);
}

static void
open_socket(struct sender *s)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};

	if (s->interface == NULL || s->group == 0)
		options_die("usage", "-i and -g are needed");
	to.sll_ifindex = (int)if_nametoindex(s->interface);
	s->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (to.sll_ifindex == 0 || s->fd < 0 ||
	    bind(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		options_die("cannot open", s->interface);
}

static void
read_options(int argc, char **argv, struct sender *s)
{
	uint64_t channel;
	int c;

	while ((c = getopt(argc, argv, "i:g:s:n:l:t:FS:")) != -1) {
		switch (c) {
		case 'i': s->interface = optarg; break;
		case 'g':
			channel = options_channel(optarg);
			s->group = (uint32_t)(channel >> 16);
			s->port = (uint16_t)channel;
			break;
		case 's': s->source = options_address(optarg); break;
		case 'n': s->count = options_number(optarg, 0, 10000000); break;
		case 'l':
			s->payload_bytes =
				options_number(optarg, PAYLOAD_MIN, PAYLOAD_MAX);
			break;
		case 't': s->tags = (unsigned int)options_number(optarg, 0, 2); break;
		case 'F': s->fragments = true; break;
		case 'S': s->serial = options_number(optarg, 0, UINT32_MAX); break;
		default: options_die("usage", "see the first comment of the source");
		}
	}
}

int
main(int argc, char **argv)
{
	struct sender s = {.source = 0x0a000001, .count = 1, .payload_bytes = 64};

	read_options(argc, argv, &s);
	open_socket(&s);
	for (uint64_t i = 0; i < s.count; i++)
		send_datagram(&s, s.serial + i);
	close(s.fd);
	return 0;
}
