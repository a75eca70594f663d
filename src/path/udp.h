/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_UDP_H
#define TOMBOLO_UDP_H
/*
 * UDP sockets, and datagrams by the batch: recvmmsg(2) and sendmmsg(2). Nothing is
 * ever fragmented by IP (IP_PMTUDISC_DO, ip(7)).
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ops/settings.h"

#define UDP_BATCH        64
#define UDP_HEADER_BYTES 28 /* IPv4 without options, and UDP */
#define UDP_MTU_MAX      9216
#define UDP_BYTES_MAX    (UDP_MTU_MAX - UDP_HEADER_BYTES)
/* A full batch of Ethernet's longest. */
#define UDP_OUT_BYTES (UDP_BATCH * 1536)

struct udp_datagram {
	const uint8_t *bytes;
	size_t len;
	struct endpoint from;
	uint32_t local; /* the address of ours that it was sent to */
	bool cut;       /* longer than the room for it */
};

/* ---- in ---- */

union udp_control {
	struct cmsghdr align;
	uint8_t room[CMSG_SPACE(sizeof(struct in_pktinfo)) +
		     CMSG_SPACE(sizeof(uint32_t))];
};

struct udp_in {
	unsigned int capacity, count, next;
	size_t each; /* bytes of room for one */
	uint8_t *room;
	struct mmsghdr headers[UDP_BATCH];
	struct iovec parts[UDP_BATCH];
	struct sockaddr_in from[UDP_BATCH];
	union udp_control control[UDP_BATCH];
};

/* Returns 0 or negative errno. */
int udp_in_init(struct udp_in *in, unsigned int capacity, size_t each);
void udp_in_fini(struct udp_in *in);
/* One batch, without waiting. Returns how many, or negative errno. What is left of
 * the batch before is forgotten. Sets *overflow, when the kernel tells it, to how
 * many datagrams this socket had no room for since it was made. */
int udp_receive(struct udp_in *in, int fd, uint32_t *overflow);
/* How many datagrams this socket had no room for since it was made: also those after
 * the last that was received. False when the kernel does not tell. */
bool udp_overflow(int fd, uint32_t *overflow);
/* The next of the batch, valid until udp_receive(); false after the last. */
bool udp_in_next(struct udp_in *in, struct udp_datagram *d);

/* ---- out ---- */

struct udp_out {
	uint8_t *room; /* UDP_OUT_BYTES, of the caller */
	size_t start, end;
	unsigned int first, count;
	uint16_t len[UDP_BATCH];
};

static inline bool
udp_out_fits(const struct udp_out *o, size_t len)
{
	return o->first + o->count < UDP_BATCH && len <= UDP_OUT_BYTES - o->end;
}

/* False when there is no room. */
bool udp_out_put(struct udp_out *o, const void *bytes, size_t len);
/* Sends on a connected socket, without waiting. Returns 0 when all are gone, or
 * negative errno; what was not sent stays. */
int udp_out_send(struct udp_out *o, int fd);
/* Gives up the first, or all. */
void udp_out_drop(struct udp_out *o);
void udp_out_clear(struct udp_out *o);

/* ---- sockets: a descriptor or negative errno ---- */

/* bind_addr 0: by route. */
int udp_dial(uint32_t bind_addr, struct endpoint to);
/* Fails when the address is taken, by us or anybody; then lets udp_answer() share
 * it, which only a process of this user may (SO_REUSEPORT, socket(7)). */
int udp_listen(struct endpoint at);
/* For one remote of a listening socket: the kernel prefers a connected socket, so
 * from now on what this remote sends arrives here. */
int udp_answer(struct endpoint local, struct endpoint to);

/* The payload that fits the path of a connected socket: mtu if not 0, but no more
 * than the route takes. */
size_t udp_payload(int fd, uint32_t mtu);

#endif
