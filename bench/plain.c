/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain: makes interfaces send what a cable would carry.
 *
 *   plain INTERFACE...
 *
 * A veth interface leaves checksums, and the cutting of what is longer than its MTU, to
 * hardware which it does not have: whoever takes its frames off as they are, as the
 * line does, would lose both.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../tests/tools/options.h"

static void
turn_off(int fd, const char *interface, uint32_t what)
{
	struct ethtool_value value = {.cmd = what, .data = 0};
	struct ifreq request = {.ifr_data = (void *)&value};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		options_die(interface, strerror(errno));
}

int
main(int argc, char **argv)
{
	static const uint32_t offloads[] = {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO,
					    ETHTOOL_SGRO};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc < 2)
		options_die("usage", "INTERFACE...");
	if (fd < 0)
		options_die("socket", strerror(errno));
	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < sizeof(offloads) / sizeof(offloads[0]); k++)
			turn_off(fd, argv[i], offloads[k]);
	return 0;
}
