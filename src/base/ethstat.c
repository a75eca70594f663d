/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ethstat.h"

#include <assert.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define COUNT_MAX 65536 /* no driver has so many; what says so is refused */
/* The kernel writes as many as there are when it is asked, which may be more than
 * when they were counted. */
#define SPARE 256

static_assert(ETHSTAT_NAME_BYTES == ETH_GSTRING_LEN, "as long as the kernel's");

static int
ask(int fd, const char *interface, void *what)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, interface, strnlen(interface, IF_NAMESIZE - 1));
	ifr.ifr_data = what;
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

/* How many there are now, or a negative errno. */
static int
read_count(int fd, const char *interface)
{
	union {
		struct ethtool_sset_info info;
		uint32_t room[sizeof(struct ethtool_sset_info) / sizeof(uint32_t) + 1];
	} u = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_STATS}};
	uint32_t count;
	int rc = ask(fd, interface, &u);

	if (rc < 0)
		return rc;
	if (u.info.sset_mask == 0)
		return -EOPNOTSUPP;
	memcpy(&count, u.info.data, sizeof(count));
	return count == 0 || count > COUNT_MAX ? -EOPNOTSUPP : (int)count;
}

static int
read_names(struct ethstat *s, int fd)
{
	struct ethtool_gstrings *g =
		calloc(1, sizeof(*g) + (s->count + SPARE) * ETHSTAT_NAME_BYTES);
	int rc;

	if (g == NULL)
		return -ENOMEM;
	*g = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS,
				       .string_set = ETH_SS_STATS,
				       .len = (uint32_t)s->count};
	rc = ask(fd, s->interface, g);
	if (rc == 0 && g->len != s->count)
		rc = -ESTALE;
	if (rc == 0)
		memcpy(s->names, g->data, s->count * ETHSTAT_NAME_BYTES);
	free(g);
	return rc;
}

int
ethstat_open(struct ethstat *s, int fd, const char *interface)
{
	int count, rc = -ENOMEM;

	*s = (struct ethstat){.count = 0};
	if (strlen(interface) >= IF_NAMESIZE)
		return -ENODEV;
	count = read_count(fd, interface);
	if (count < 0)
		return count;
	strcpy(s->interface, interface);
	s->count = (size_t)count;
	s->names = calloc(s->count, sizeof(*s->names));
	s->values = calloc(s->count, sizeof(*s->values));
	s->raw = calloc(1, sizeof(*s->raw) + (s->count + SPARE) * sizeof(uint64_t));
	if (s->names != NULL && s->values != NULL && s->raw != NULL)
		rc = read_names(s, fd);
	if (rc < 0)
		ethstat_close(s);
	return rc;
}

int
ethstat_read(struct ethstat *s, int fd)
{
	int rc = read_count(fd, s->interface);

	if (rc < 0)
		return rc;
	if ((size_t)rc != s->count)
		return -ESTALE;
	s->raw->cmd = ETHTOOL_GSTATS;
	s->raw->n_stats = (uint32_t)s->count;
	rc = ask(fd, s->interface, s->raw);
	if (rc == 0 && s->raw->n_stats != s->count)
		rc = -ESTALE;
	if (rc == 0)
		memcpy(s->values, s->raw->data, s->count * sizeof(uint64_t));
	return rc;
}

void
ethstat_close(struct ethstat *s)
{
	free(s->names);
	free(s->values);
	free(s->raw);
	*s = (struct ethstat){.count = 0};
}

int
ethstat_place(const char (*names)[ETHSTAT_NAME_BYTES], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strncmp(names[i], name, ETHSTAT_NAME_BYTES) == 0)
			return (int)i;
	}
	return -1;
}
