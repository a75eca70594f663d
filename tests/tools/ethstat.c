/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ethstat INTERFACE: what its driver counts, "name: value" a line, as base/ethstat.h
 * reads it. To be held against ethtool -S.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/ethstat.h"

int
main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc;
	struct ethstat s;

	if (argc != 2 || fd < 0) {
		fprintf(stderr, "usage: ethstat INTERFACE\n");
		return 2;
	}
	rc = ethstat_open(&s, fd, argv[1]);
	if (rc == 0)
		rc = ethstat_read(&s, fd);
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-rc));
		return 1;
	}
	for (size_t i = 0; i < s.count; i++)
		printf("%.*s: %" PRIu64 "\n", ETHSTAT_NAME_BYTES, s.names[i],
		       s.values[i]);
	ethstat_close(&s);
	return 0;
}
