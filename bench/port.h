/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_PORT_H
#define TOMBOLO_BENCH_PORT_H
/*
 * An interface as a port: the frames that come in, with the time at which they did,
 * and frames put out. A packet socket with a ring, which the kernel fills whether or
 * not anybody looks: who knows that nothing is urgent need not be woken for a frame.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port {
	int fd; /* readable when there is a frame */
	uint8_t *ring;
	size_t slot_bytes, slots, next;
	uint64_t unfit; /* cut off, or not as they would be on a cable */
};

/* False: errno says why. */
bool port_open(struct port *p, const char *interface);
void port_close(struct port *p);

/* The next frame, copied to `to`. *arrived_ns: when it did, of CLOCK_REALTIME. 0: there
 * is none. What has no room, or is unfit, is counted and passed over. */
size_t port_take(struct port *p, uint8_t *to, size_t room, int64_t *arrived_ns);

/* False: the interface refused it. */
bool port_give(const struct port *p, const uint8_t *bytes, size_t len);

/* Frames that found the ring full, since the last call. */
uint64_t port_dropped(const struct port *p);

#endif
