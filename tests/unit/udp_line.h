/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_UDP_LINE_H
#define TOMBOLO_UDP_LINE_H
/*
 * A line for datagrams on loopback: what one client sends to its port goes on to a
 * server and back, and a test says what becomes of each.
 */
#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct udp_line;

enum { TO_CLIENT, TO_SERVER };

/* How often this datagram, number n (from 1) of its direction, is passed on. May
 * send others of its own with udp_line_send(). */
typedef unsigned int (*udp_line_judge)(struct udp_line *l, int direction, uint64_t n,
				       const uint8_t *bytes, size_t len);

struct udp_line {
	struct event_base *base;
	int front, back; /* where the client sends to; what the server sees */
	struct event *at_front, *at_back;
	struct sockaddr_in client;
	uint16_t server;
	udp_line_judge judge; /* NULL: once each */
	uint64_t seen[2];
	size_t longest[2];
};

void udp_line_open(struct udp_line *l, struct event_base *base, uint16_t server);
void udp_line_close(struct udp_line *l);
uint16_t udp_line_port(const struct udp_line *l);
void udp_line_send(struct udp_line *l, int direction, const void *bytes, size_t len);
/* As a NAT does that has lost its state: the server sees another address, and the
 * old one is nobody's. */
void udp_line_rebind(struct udp_line *l);

#endif
