/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of the relay, from an interface, while it runs: other groups. The old groups
 * stay joined until the new ones are, and the kernel counts who wants a group, so that
 * one which is in both lists is never left and no switch cuts it. What takes long, IGMP
 * and the filter's compiler, is the main thread's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "path/capture_live.h"
#include "path/capture_live_internal.h"
#include "path/ring_filter.h"

struct capture_live_change {
	struct join *join;                 /* NULL: JOIN_NONE */
	char *filters[FILTER_WIDTH_COUNT]; /* NULL: they stay */
	struct bpf_program *program;       /* NULL: it stays */
	int fd;                            /* of the ring, or -1 */
};

static bool
is_filter_new(const struct capture_live *l, char *const filters[FILTER_WIDTH_COUNT])
{
	/* The exact one says all. */
	return strcmp(l->filters[FILTER_EXACT], filters[FILTER_EXACT]) != 0;
}

static int
prepare(const struct capture_live *l, struct capture_live_change *change,
	const struct channel_settings *channels, size_t count, char *error,
	size_t error_bytes)
{
	unsigned int index = if_nametoindex(l->interface);

	snprintf(error, error_bytes, "capture: out of memory");
	if (!filter_make_texts(change->filters, channels, count))
		return -ENOMEM;
	if (is_filter_new(l, change->filters))
		change->program = ring_filter_compile(
			l->interface, (const char *const *)change->filters);
	if (l->join == NULL)
		return 0;
	change->join = join_new(channels, count);
	if (change->join == NULL)
		return -ENOMEM;
	/* An interface that is away is joined on when it is back. */
	return index == 0 ? 0 : join_enter(change->join, index, error, error_bytes);
}

struct capture_live_change *
capture_live_prepare(const struct capture_live *l,
		     const struct channel_settings *channels, size_t count, char *error,
		     size_t error_bytes)
{
	struct capture_live_change *change = calloc(1, sizeof(*change));

	if (change == NULL) {
		snprintf(error, error_bytes, "capture: out of memory");
		return NULL;
	}
	change->fd = -1;
	if (prepare(l, change, channels, count, error, error_bytes) == 0)
		return change;
	capture_live_finish(change);
	return NULL;
}

/* What the lane had goes into the change, for finish to let go of. */
void
capture_live_apply(struct capture_live *l, struct capture_live_change *change)
{
	struct join *join = l->join;

	l->join = change->join;
	change->join = join;
	for (int i = 0; i < FILTER_WIDTH_COUNT; i++) {
		char *text = l->filters[i];

		l->filters[i] = change->filters[i];
		change->filters[i] = text;
	}
	if (change->program != NULL && l->ring.pcap != NULL)
		change->fd = fcntl(ring_fd(&l->ring), F_DUPFD_CLOEXEC, 0);
}

static void
attach(const struct capture_live_change *change)
{
	int rc = ring_filter_attach(change->fd, change->program);

	if (rc == 0)
		return;
	/* Better too much than too little: classify takes what is a channel's. */
	log_warn(
		"capture",
		"the kernel takes no filter for the new channels: capturing everything "
		"reason=\"%s\"",
		strerror(-rc));
	ring_filter_attach_all(change->fd);
}

void
capture_live_finish(struct capture_live_change *change)
{
	if (change == NULL)
		return;
	if (change->fd >= 0) {
		attach(change);
		close(change->fd);
	}
	ring_filter_free(change->program);
	filter_free_texts(change->filters);
	join_free(change->join);
	free(change);
}
