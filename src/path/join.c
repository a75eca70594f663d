/* SPDX-License-Identifier: Apache-2.0 */
#include "path/join.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct membership {
	uint32_t group;
	uint32_t source; /* 0: any */
	bool found;      /* in the kernel's list, or not to be there */
};

struct join {
	struct membership *memberships;
	size_t count;
	int *fds; /* room for one per membership: the limits may be as low as one */
	size_t fd_count;
	size_t used;        /* memberships of the last socket */
	unsigned int index; /* of the interface where all are joined, or 0 */
};

/* By group, any source first. */
static int
compare(const void *a, const void *b)
{
	const struct membership *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->source < y->source ? -1 : x->source > y->source;
}

/* Any source takes in all others of its group; the kernel refuses both at once. */
static bool
is_covered(const struct membership *by, const struct membership *m)
{
	return by->group == m->group && (by->source == 0 || by->source == m->source);
}

static size_t
make_distinct(struct membership *m, size_t count)
{
	size_t kept = 0;

	qsort(m, count, sizeof(*m), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || !is_covered(&m[kept - 1], &m[i]))
			m[kept++] = m[i];
	}
	return kept;
}

struct join *
join_new(const struct channel_settings *channels, size_t count)
{
	struct join *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->memberships = calloc(count + 1, sizeof(*j->memberships));
	j->fds = calloc(count + 1, sizeof(*j->fds));
	if (j->memberships == NULL || j->fds == NULL) {
		join_free(j);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		j->memberships[i] = (struct membership){.group = channels[i].group,
							.source = channels[i].source};
	j->count = make_distinct(j->memberships, count);
	return j;
}

static int
add_socket(struct join *j)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int off = 0;

	if (fd < 0)
		return -errno;
	j->fds[j->fd_count++] = fd;
	j->used = 0;
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off)) < 0)
		return -errno;
	return 0;
}

static int
join_any(int fd, unsigned int index, uint32_t group)
{
	struct ip_mreqn request = {
		.imr_multiaddr.s_addr = htonl(group),
		.imr_ifindex = (int)index,
	};

	if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)) <
	    0)
		return -errno;
	return 0;
}

static void
fill_address(struct sockaddr_storage *to, uint32_t addr)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(addr)};

	memcpy(to, &sin, sizeof(sin));
}

static int
join_source(int fd, unsigned int index, const struct membership *m)
{
	struct group_source_req request = {.gsr_interface = index};

	fill_address(&request.gsr_group, m->group);
	fill_address(&request.gsr_source, m->source);
	if (setsockopt(fd, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &request,
		       sizeof(request)) < 0)
		return -errno;
	return 0;
}

static int
add_membership(struct join *j, unsigned int index, const struct membership *m)
{
	int fd = j->fds[j->fd_count - 1];

	j->used++;
	return m->source == 0 ? join_any(fd, index, m->group)
			      : join_source(fd, index, m);
}

/* On the last socket or, when that is full, on a new one: the limits of memberships
 * and of sources (igmp_max_msf) count by socket. */
static int
place(struct join *j, unsigned int index, const struct membership *m)
{
	int rc = -ENOBUFS;

	if (j->fd_count > 0 && j->used < JOIN_PER_SOCKET)
		rc = add_membership(j, index, m);
	if (rc != -ENOBUFS)
		return rc;
	rc = add_socket(j);
	return rc < 0 ? rc : add_membership(j, index, m);
}

static const char *
find_remedy(int rc)
{
	switch (rc) {
	case -ENOBUFS:
		return " (raise sysctl net.ipv4.igmp_max_memberships and "
		       "net.ipv4.igmp_max_msf)";
	case -EMFILE: return " (raise the limit of open files, LimitNOFILE=)";
	case -ENOMEM: return " (raise sysctl net.core.optmem_max)";
	default: return "";
	}
}

static void
explain(const struct membership *m, int rc, char *error, size_t error_bytes)
{
	struct in_addr group = {htonl(m->group)}, source = {htonl(m->source)};
	char of[INET_ADDRSTRLEN], from[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &group, of, sizeof(of));
	inet_ntop(AF_INET, &source, from, sizeof(from));
	snprintf(error, error_bytes, "cannot join group %s%s%s: %s%s", of,
		 m->source != 0 ? " of source " : "", m->source != 0 ? from : "",
		 strerror(-rc), find_remedy(rc));
}

int
join_enter(struct join *j, unsigned int index, char *error, size_t error_bytes)
{
	if (j->index == index)
		return 0;
	join_leave(j);
	for (size_t i = 0; i < j->count; i++) {
		int rc = place(j, index, &j->memberships[i]);

		if (rc < 0) {
			explain(&j->memberships[i], rc, error, error_bytes);
			join_leave(j);
			return rc;
		}
	}
	j->index = index;
	return 0;
}

void
join_leave(struct join *j)
{
	while (j->fd_count > 0)
		close(j->fds[--j->fd_count]);
	j->used = 0;
	j->index = 0;
}

/* A line of the kernel's list: an interface, a group of it and a source of that. */
static void
find_line(const struct join *j, const char *line)
{
	unsigned int at, group, source;
	struct membership key, *m;

	if (sscanf(line, "%u %*s %x %x", &at, &group, &source) != 3 || at != j->index)
		return;
	key = (struct membership){.group = group, .source = source};
	m = bsearch(&key, j->memberships, j->count, sizeof(key), compare);
	if (m != NULL)
		m->found = true;
}

/* By proc(5), which nobody can ask about a socket's memberships. */
static bool
has_forgotten(const struct join *j)
{
	FILE *list = fopen("/proc/self/net/mcfilter", "re");
	bool all = true;
	char line[160];

	if (list == NULL)
		return false;
	for (size_t i = 0; i < j->count; i++)
		j->memberships[i].found = j->memberships[i].source == 0;
	/* Once, though it may be long: it is the lane that waits for it. */
	while (fgets(line, sizeof(line), list) != NULL)
		find_line(j, line);
	for (size_t i = 0; i < j->count; i++)
		all = all && j->memberships[i].found;
	(void)fclose(list);
	return !all;
}

int
join_renew(struct join *j, char *error, size_t error_bytes)
{
	unsigned int index = j->index;

	if (index == 0 || !has_forgotten(j))
		return 0;
	/* What the kernel has forgotten it cannot be told to count once more. */
	join_leave(j);
	return join_enter(j, index, error, error_bytes);
}

size_t
join_count(const struct join *j)
{
	return j->count;
}

void
join_free(struct join *j)
{
	if (j == NULL)
		return;
	if (j->fds != NULL)
		join_leave(j);
	free(j->fds);
	free(j->memberships);
	free(j);
}
