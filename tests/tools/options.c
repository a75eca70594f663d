/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
options_die(const char *what, const char *text)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, text);
	exit(2);
}

uint64_t
options_number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-')
		options_die("not a number", text);
	if (v < min || v > max)
		options_die("out of range", text);
	return v;
}

uint32_t
options_address(const char *text)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		options_die("not an IPv4 address", text);
	return ntohl(addr.s_addr);
}

uint64_t
options_channel(const char *text)
{
	char address[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');

	if (colon == NULL || (size_t)(colon - text) >= sizeof(address))
		options_die("not a group:port", text);
	memcpy(address, text, (size_t)(colon - text));
	address[colon - text] = '\0';
	return (uint64_t)options_address(address) << 16 |
	       options_number(colon + 1, 1, 65535);
}
