/* SPDX-License-Identifier: Apache-2.0 */
#include "base/offload.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define FEATURES_MAX 4096 /* far above any kernel's; bounds the allocation */

static bool
ask(int fd, const char *interface, void *command)
{
	struct ifreq ifr = {0};

	strncpy(ifr.ifr_name, interface, sizeof(ifr.ifr_name) - 1);
	ifr.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &ifr) == 0;
}

static uint32_t
count_features(int fd, const char *interface)
{
	uint32_t buffer[sizeof(struct ethtool_sset_info) / sizeof(uint32_t) + 1] = {0};
	struct ethtool_sset_info *info = (struct ethtool_sset_info *)buffer;

	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ULL << ETH_SS_FEATURES;
	if (!ask(fd, interface, info) || info->sset_mask == 0)
		return 0;
	return info->data[0] <= FEATURES_MAX ? info->data[0] : 0;
}

/* The place of a feature in the kernel's list of names, or -1. */
static long
find_feature(int fd, const char *interface, uint32_t count, const char *name)
{
	struct ethtool_gstrings *strings =
		calloc(1, sizeof(*strings) + (size_t)count * ETH_GSTRING_LEN);
	long found = -1;

	if (strings == NULL)
		return -1;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = count;
	if (ask(fd, interface, strings)) {
		for (uint32_t i = 0; i < count && found < 0; i++) {
			const char *s = (char *)strings->data + i * ETH_GSTRING_LEN;

			if (strncmp(s, name, ETH_GSTRING_LEN) == 0)
				found = i;
		}
	}
	free(strings);
	return found;
}

static bool
feature_is_active(int fd, const char *interface, uint32_t count, uint32_t place)
{
	uint32_t blocks = (count + 31) / 32;
	struct ethtool_gfeatures *features;
	bool active = false;

	features =
		calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));
	if (features == NULL)
		return false;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	if (ask(fd, interface, features))
		active = features->features[place / 32].active >> place % 32 & 1;
	free(features);
	return active;
}

bool
offload_is_on(const char *interface, const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t count;
	long place;
	bool on;

	if (fd < 0)
		return false;
	count = count_features(fd, interface);
	place = count > 0 ? find_feature(fd, interface, count, name) : -1;
	on = place >= 0 && feature_is_active(fd, interface, count, (uint32_t)place);
	close(fd);
	return on;
}

void
offload_warn_of_merging(const char *subsystem, const char *interface)
{
	bool list = offload_is_on(interface, "rx-gro-list");
	bool forward = offload_is_on(interface, "rx-udp-gro-forwarding");

	if (!offload_is_on(interface, "rx-gro"))
		return;
	if (list || forward)
		log_warn(subsystem,
			 "%s%s%s is on and merges UDP datagrams into frames that have "
			 "lost their boundaries; turn it off: ethtool -K %s "
			 "rx-gro-list off rx-udp-gro-forwarding off",
			 list ? "rx-gro-list" : "", list && forward ? " and " : "",
			 forward ? "rx-udp-gro-forwarding" : "", interface);
	else
		log_info(
			subsystem,
			"GRO is on; it merges UDP datagrams only when a socket of this "
			"host asks for it (UDP_GRO); to be sure: "
			"ethtool -K %s gro off",
			interface);
}
