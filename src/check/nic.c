/* SPDX-License-Identifier: Apache-2.0 */
#include "check/nic.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNTERS_MAX 8192 /* far above any driver's; bounds the allocation */

static bool
ask(const char *interface, void *command)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};
	bool answered;

	if (fd < 0)
		return false;
	strncpy(ifr.ifr_name, interface, sizeof(ifr.ifr_name) - 1);
	ifr.ifr_data = command;
	answered = ioctl(fd, SIOCETHTOOL, &ifr) == 0;
	close(fd);
	return answered;
}

bool
nic_ring_read(const char *interface, struct nic_ring *ring)
{
	struct ethtool_ringparam p = {.cmd = ETHTOOL_GRINGPARAM};

	if (!ask(interface, &p) || p.rx_max_pending == 0)
		return false;
	*ring = (struct nic_ring){.pending = p.rx_pending, .most = p.rx_max_pending};
	return true;
}

void
nic_driver(const char *interface, char driver[NIC_DRIVER_BYTES])
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	driver[0] = '\0';
	if (ask(interface, &info))
		snprintf(driver, NIC_DRIVER_BYTES, "%.*s", NIC_DRIVER_BYTES - 1,
			 info.driver);
}

static uint32_t
count_counters(const char *interface)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (!ask(interface, &info) || info.n_stats > COUNTERS_MAX)
		return 0;
	return info.n_stats;
}

static bool
ends_so(const char *name, const char *ending)
{
	size_t len = strlen(name), wanted = strlen(ending);

	return len >= wanted && strcmp(name + len - wanted, ending) == 0;
}

static unsigned int
visit_counters(const struct ethtool_gstrings *names, const struct ethtool_stats *stats,
	       const char *ending, nic_visit *visit, void *arg)
{
	uint32_t n = names->len < stats->n_stats ? names->len : stats->n_stats;
	char name[ETH_GSTRING_LEN + 1] = "";
	unsigned int found = 0;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(name, names->data + (size_t)i * ETH_GSTRING_LEN,
		       ETH_GSTRING_LEN);
		if (!ends_so(name, ending))
			continue;
		visit(arg, name, stats->data[i]);
		found++;
	}
	return found;
}

unsigned int
nic_counters(const char *interface, const char *ending, nic_visit *visit, void *arg)
{
	uint32_t n = count_counters(interface);
	struct ethtool_gstrings *names =
		calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	struct ethtool_stats *stats =
		calloc(1, sizeof(*stats) + (size_t)n * sizeof(stats->data[0]));
	unsigned int found = 0;

	if (n > 0 && names != NULL && stats != NULL) {
		names->cmd = ETHTOOL_GSTRINGS;
		names->string_set = ETH_SS_STATS;
		names->len = n;
		stats->cmd = ETHTOOL_GSTATS;
		stats->n_stats = n;
		if (ask(interface, names) && ask(interface, stats) && names->len <= n &&
		    stats->n_stats <= n)
			found = visit_counters(names, stats, ending, visit, arg);
	}
	free(names);
	free(stats);
	return found;
}

/* ---- addresses ---- */

static uint32_t
address_of(const struct ifaddrs *a)
{
	struct sockaddr_in sa;

	if (a->ifa_addr == NULL || a->ifa_addr->sa_family != AF_INET)
		return 0;
	memcpy(&sa, a->ifa_addr, sizeof(sa));
	return ntohl(sa.sin_addr.s_addr);
}

/* The first that matches; interface NULL and addr 0 match all. */
static bool
find_address(const char *interface, uint32_t addr, char name[NIC_NAME_BYTES],
	     uint32_t *found)
{
	struct ifaddrs *all;
	bool is_there = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *a = all; a != NULL && !is_there; a = a->ifa_next) {
		*found = address_of(a);
		is_there = *found != 0 && (addr == 0 || *found == addr) &&
			   (interface == NULL || strcmp(a->ifa_name, interface) == 0);
		if (is_there)
			snprintf(name, NIC_NAME_BYTES, "%s", a->ifa_name);
	}
	freeifaddrs(all);
	return is_there;
}

bool
nic_of_address(uint32_t addr, char name[NIC_NAME_BYTES])
{
	uint32_t found;

	return find_address(NULL, addr, name, &found);
}

bool
nic_address(const char *interface, uint32_t *addr)
{
	char name[NIC_NAME_BYTES];

	return find_address(interface, 0, name, addr);
}

bool
nic_has_address(const char *interface, uint32_t addr)
{
	char name[NIC_NAME_BYTES];
	uint32_t found;

	return find_address(interface, addr, name, &found);
}
