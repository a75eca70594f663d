/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_IFADDR_H
#define TOMBOLO_IFADDR_H
/*
 * Which interface has an IPv4 address. By ioctl(2), since AF_NETLINK is not for every
 * service that needs to know (RestrictAddressFamilies=).
 */
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#define IFADDR_MAX 256 /* addresses of this host that are known at once */

struct ifaddr_entry {
	char interface[IF_NAMESIZE];
	uint32_t addr; /* host byte order */
};

struct ifaddr_table {
	struct ifaddr_entry all[IFADDR_MAX];
	size_t count;
};

/* As they are now. fd: any socket of AF_INET. 0 or a negative errno. */
int ifaddr_read(struct ifaddr_table *t, int fd);

/* NULL: none has it. Valid until the next ifaddr_read(). */
const char *ifaddr_find(const struct ifaddr_table *t, uint32_t addr);

#endif
