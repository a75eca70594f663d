/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/interfaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/tunnel.h"

const char *
interface_use_name(enum interface_use use)
{
	switch (use) {
	case USE_CAPTURE: return "capture";
	case USE_EMISSION: return "emission";
	case USE_PATH: return "path";
	case INTERFACE_USES: break;
	}
	return "unknown";
}

struct interfaces *
interfaces_new(void)
{
	struct interfaces *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd >= 0)
		return s;
	free(s);
	return NULL;
}

void
interfaces_free(struct interfaces *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		ethstat_close(&s->all[i].driver);
	close(s->fd);
	free(s);
}

/* ---- which ---- */

static struct interface *
find(struct interfaces *s, const char *name)
{
	struct interface *i = s->all;

	while (i < s->all + s->count && strcmp(i->name, name) != 0)
		i++;
	if (i < s->all + s->count)
		return i;
	if (s->count == INTERFACES_MAX || strlen(name) >= IF_NAMESIZE)
		return NULL;
	s->count++;
	strcpy(i->name, name);
	return i;
}

static void
want(struct interfaces *s, const char *name, enum interface_use use)
{
	struct interface *i = name != NULL ? find(s, name) : NULL;

	if (i != NULL)
		i->uses |= 1u << use;
}

static void
want_paths(struct interfaces *s, const struct lane_view *v)
{
	for (unsigned int remote = 0; remote < v->remote_count; remote++)
		for (unsigned int slot = 0; slot < PATHS_MAX; slot++) {
			int64_t addr = gauge_get(&v->tunnel->local[remote][slot]);

			if (addr != 0)
				want(s, ifaddr_find(&s->addresses, (uint32_t)addr),
				     USE_PATH);
		}
}

/* ---- figures ---- */

/* Also when the driver has other figures than it had. */
static void
open_driver(struct interface *i, int fd)
{
	ethstat_close(&i->driver);
	i->allowances.matched = false;
	if (ethstat_open(&i->driver, fd, i->name) == 0 &&
	    !allowances_match(&i->allowances, i->driver.names, i->driver.count))
		ethstat_close(&i->driver);
}

static void
read_driver(struct interface *i, int fd)
{
	int rc;

	if (i->driver.count == 0)
		return;
	rc = ethstat_read(&i->driver, fd);
	if (rc == -ESTALE) {
		open_driver(i, fd);
		rc = i->driver.count == 0 ? -ESTALE : ethstat_read(&i->driver, fd);
	}
	if (rc == 0)
		allowances_take(&i->allowances, i->driver.values);
}

static void
read_interface(struct interface *i, int fd)
{
	unsigned int index = if_nametoindex(i->name);

	if (index != 0 && index != i->index) {
		ifstat_start(&i->counters, i->name, IFSTAT_COUNTER_COUNT);
		open_driver(i, fd);
	}
	i->index = index;
	if (index == 0)
		return;
	(void)ifstat_poll(&i->counters);
	read_driver(i, fd);
}

void
interfaces_look(struct interfaces *s, const char *fixed, enum interface_use use,
		struct lane_views lanes)
{
	for (size_t i = 0; i < s->count; i++)
		s->all[i].uses = 0;
	want(s, fixed, use);
	if (ifaddr_read(&s->addresses, s->fd) == 0) {
		for (size_t lane = 0; lane < lanes.count; lane++) {
			struct lane_view v = lanes.at(lanes.views, lane);

			want_paths(s, &v);
		}
	}
	for (size_t i = 0; i < s->count; i++)
		read_interface(&s->all[i], s->fd);
}
