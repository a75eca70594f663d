/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ifstat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IFSTAT_ROOT
#define IFSTAT_ROOT "/sys/class/net"
#endif

const char *
ifstat_counter_name(enum ifstat_counter counter)
{
	static const char *const names[] = {
#define X(name) [IFSTAT_##name] = #name,
		IFSTAT_COUNTERS(X)
#undef X
	};

	return counter < IFSTAT_COUNTER_COUNT ? names[counter] : "unknown";
}

/* One line of IFSTAT_ROOT/interface/file without its newline, or false. */
static bool
read_line(const char *interface, const char *file, char *line, size_t line_bytes)
{
	char path[128];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), IFSTAT_ROOT "/%s/%s", interface, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, line, line_bytes - 1);
	close(fd);
	if (got <= 0)
		return false;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static bool
read_number(const char *interface, const char *file, uint64_t *number)
{
	char line[32], *end;

	if (!read_line(interface, file, line, sizeof(line)))
		return false;
	errno = 0;
	*number = strtoull(line, &end, 10);
	return errno == 0 && end != line && *end == '\0';
}

/* Is the /sys we see that of our own network namespace? After a plain setns(2) it
 * is not, and an eth0 there is somebody else's. */
static bool
sysfs_is_ours(const char *interface)
{
	uint64_t index;

	return read_number(interface, "ifindex", &index) &&
	       index == if_nametoindex(interface);
}

static int
query(int fd, const char *interface, struct ifstat_state *state)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, interface, strlen(interface));
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		return -errno;
	state->index = (unsigned int)ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFMTU, &ifr) < 0)
		return -errno;
	state->mtu = ifr.ifr_mtu;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return -errno;
	state->up = (ifr.ifr_flags & IFF_UP) != 0;
	state->running = (ifr.ifr_flags & IFF_RUNNING) != 0;
	return 0;
}

int
ifstat_read(const char *interface, struct ifstat_state *state)
{
	char number[24];
	int fd, rc;

	*state = (struct ifstat_state){0};
	if (strlen(interface) >= IF_NAMESIZE)
		return -ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = query(fd, interface, state);
	close(fd);
	if (rc < 0 || !sysfs_is_ours(interface))
		return rc;
	if (!read_line(interface, "operstate", state->operstate,
		       sizeof(state->operstate)))
		state->operstate[0] = '\0';
	if (read_line(interface, "carrier_changes", number, sizeof(number)))
		state->carrier_changes = strtoul(number, NULL, 10);
	return rc;
}

void
ifstat_list(char *text, size_t text_bytes)
{
	struct if_nameindex *all = if_nameindex();
	size_t used = 0;

	text[0] = '\0';
	if (all == NULL)
		return;
	for (struct if_nameindex *i = all; i->if_index != 0; i++) {
		int n = snprintf(text + used, text_bytes - used, "%s%s",
				 used > 0 ? ", " : "", i->if_name);

		if (n < 0 || (size_t)n >= text_bytes - used) {
			text[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
	if_freenameindex(all);
}

static bool
read_counter(const struct ifstat *s, enum ifstat_counter counter, uint64_t *figure)
{
	char file[64];

	snprintf(file, sizeof(file), "statistics/%s", ifstat_counter_name(counter));
	return read_number(s->interface, file, figure);
}

void
ifstat_start(struct ifstat *s, const char *interface, int count)
{
	bool ours = sysfs_is_ours(interface);

	snprintf(s->interface, sizeof(s->interface), "%s", ours ? interface : "");
	s->count = count;
	for (int i = 0; i < count; i++) {
		if (!ours || !read_counter(s, (enum ifstat_counter)i, &s->seen[i]))
			s->seen[i] = 0;
	}
}

/* A counter that went back was reset by its driver: all it shows is new. */
static uint64_t
advance(uint64_t *seen, uint64_t figure)
{
	uint64_t more = figure >= *seen ? figure - *seen : figure;

	*seen = figure;
	return more;
}

uint64_t
ifstat_poll(struct ifstat *s)
{
	uint64_t figure, more, sum = 0;

	if (s->interface[0] == '\0')
		return 0;
	for (int i = 0; i < s->count; i++) {
		if (!read_counter(s, (enum ifstat_counter)i, &figure))
			continue;
		more = advance(&s->seen[i], figure);
		s->total[i] += more;
		sum += more;
	}
	return sum;
}
