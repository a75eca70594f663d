/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_NIC_H
#define TOMBOLO_NIC_H
/* What a network card's driver says of itself, by SIOCETHTOOL as ethtool(8) asks it.
 * Shell; reads only, no privilege needed. */
#include <stdbool.h>
#include <stdint.h>

struct nic_ring {
	uint32_t pending,
		most; /* receive descriptors: now, and as many as there can be */
};

/* False: the driver has none to tell of, as of a virtual interface. */
bool nic_ring_read(const char *interface, struct nic_ring *ring);

/* "ena"; "" when the interface has no driver that tells. */
#define NIC_DRIVER_BYTES 32
void nic_driver(const char *interface, char driver[NIC_DRIVER_BYTES]);

/* Each counter of `ethtool -S` whose name ends so. Returns how many there are. */
typedef void nic_visit(void *arg, const char *name, uint64_t value);
unsigned int nic_counters(const char *interface, const char *ending, nic_visit *visit,
			  void *arg);

/* An address is this host's: the name of the interface that has it. */
#define NIC_NAME_BYTES 16
bool nic_of_address(uint32_t addr, char name[NIC_NAME_BYTES]);
/* The first IPv4 address of an interface; false: it has none. */
bool nic_address(const char *interface, uint32_t *addr);
bool nic_has_address(const char *interface, uint32_t addr);

#endif
