/* SPDX-License-Identifier: Apache-2.0 */
#include "check/igmp.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static const char *
next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end != NULL ? end + 1 : line + strlen(line);
}

/* The line of an interface: "2\teth0      :     1      V3". NULL: there is none. */
static const char *
find_interface(const char *igmp, const char *interface)
{
	char name[IF_NAMESIZE + 1];

	for (const char *line = igmp; *line != '\0'; line = next_line(line))
		if (line[0] != '\t' && sscanf(line, "%*u %16[^: ]", name) == 1 &&
		    strcmp(name, interface) == 0)
			return line;
	return NULL;
}

/* Groups follow their interface, indented, as the kernel's memory has them. */
bool
igmp_has(const char *igmp, const char *interface, uint32_t group)
{
	const char *line = find_interface(igmp, interface);
	unsigned int value;

	if (line == NULL)
		return false;
	for (line = next_line(line); line[0] == '\t'; line = next_line(line))
		if (sscanf(line, " %8x", &value) == 1 && value == htonl(group))
			return true;
	return false;
}

int
igmp_version(const char *igmp, const char *interface)
{
	const char *line = find_interface(igmp, interface);
	int version;

	if (line == NULL || sscanf(line, "%*u %*[^:]: %*u V%1d", &version) != 1)
		return 0;
	return version;
}

/* "  2   eth0 0xe1010101 0x0a000009      1      0", the name cut to 6 characters. */
bool
igmp_has_source(const char *mcfilter, const char *interface, uint32_t group,
		uint32_t source)
{
	unsigned int g, s, included;
	char name[IF_NAMESIZE + 1];

	for (const char *line = mcfilter; *line != '\0'; line = next_line(line))
		if (sscanf(line, " %*u %16s %x %x %u", name, &g, &s, &included) == 4 &&
		    strncmp(name, interface, 6) == 0 && g == group && s == source &&
		    included > 0)
			return true;
	return false;
}
