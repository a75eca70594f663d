/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ifaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

/* An address with a label of its own is of "eth0:1", which is eth0. */
static void
add(struct ifaddr_table *t, const struct ifreq *ifr)
{
	struct ifaddr_entry *a = &t->all[t->count++];
	struct sockaddr_in sa;

	memcpy(&sa, &ifr->ifr_addr, sizeof(sa));
	a->addr = ntohl(sa.sin_addr.s_addr);
	memcpy(a->interface, ifr->ifr_name, IF_NAMESIZE);
	a->interface[IF_NAMESIZE - 1] = '\0';
	a->interface[strcspn(a->interface, ":")] = '\0';
}

int
ifaddr_read(struct ifaddr_table *t, int fd)
{
	struct ifreq all[IFADDR_MAX];
	struct ifconf c = {.ifc_len = sizeof(all), .ifc_req = all};

	t->count = 0;
	if (ioctl(fd, SIOCGIFCONF, &c) < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)c.ifc_len / sizeof(all[0]); i++)
		add(t, &all[i]);
	return 0;
}

const char *
ifaddr_find(const struct ifaddr_table *t, uint32_t addr)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->all[i].addr == addr)
			return t->all[i].interface;
	}
	return NULL;
}
