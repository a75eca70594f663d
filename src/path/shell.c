/* SPDX-License-Identifier: Apache-2.0 */
#include "path/shell.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"

#define FAREWELL_NS NS_PER_S

int
shell_init(struct shell *s, const struct half_settings *settings,
	   const struct lane_ops *ops)
{
	int rc = lane_init(&s->lane, ops, s);

	s->remotes = settings->remotes;
	s->drain_end = s->farewell_end = MONO_NEVER;
	s->since_ns = calloc(settings->remote_count, sizeof *s->since_ns);
	return rc == 0 && s->since_ns == NULL ? -ENOMEM : rc;
}

bool
shell_open(struct shell *s, const struct half_settings *settings,
	   const struct tunnel_ops *ops, char *error, size_t error_bytes)
{
	s->tunnel = tunnel_new(s->lane.base, settings, ops, s, error, error_bytes);
	return s->tunnel != NULL;
}

void
shell_fini(struct shell *s)
{
	lane_fini(&s->lane);
	free(s->since_ns);
}

enum path_kind
shell_path_kind(enum transport transport)
{
	return transport == TRANSPORT_DTLS ? PATH_DATAGRAM : PATH_STREAM;
}

size_t
shell_fill_limit(size_t cap)
{
	return cap < FILL_BYTES ? cap : FILL_BYTES;
}

void
shell_log_session(struct shell *s, unsigned int remote, enum session_state from,
		  enum session_state to, const char *why, uint64_t epoch)
{
	gauge_set(&s->since_ns[remote], clock_now().utc.ns);
	log_info("session", "remote=%s %s -> %s: %s epoch=%016" PRIx64,
		 s->remotes[remote].name, session_state_name(from),
		 session_state_name(to), why, epoch);
}

void
shell_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct shell *s = arg;

	if (reason == WIRE_BYE_TIMEOUT)
		tunnel_fail(s->tunnel, remote, slot, wire_bye_name(reason));
	else
		tunnel_close(s->tunnel, remote, slot, wire_bye_name(reason));
}

void
shell_clock(void *arg, unsigned int remote, unsigned int slot, bool apart,
	    int64_t offset_ns, int64_t error_ns)
{
	struct shell *s = arg;

	if (apart)
		log_warn("session",
			 "the clocks of the two hosts are apart remote=%s slot=%u "
			 "ours_minus_theirs_ms=%" PRId64 " error_ms=%" PRId64,
			 s->remotes[remote].name, slot,
			 (int64_t)(offset_ns / NS_PER_MS),
			 (int64_t)(error_ns / NS_PER_MS));
	else
		log_info("session",
			 "the clocks of the two hosts are together again "
			 "remote=%s slot=%u",
			 s->remotes[remote].name, slot);
}

mono_t
shell_deadline(const struct shell *s, mono_t due)
{
	if (!s->draining)
		return due;
	return mono_min(due, mono_min(s->drain_end, s->farewell_end));
}

void
shell_begin_farewell(struct shell *s)
{
	if (s->farewell_end.ns != MONO_NEVER.ns)
		return;
	tunnel_stop_dialling(s->tunnel);
	s->farewell_end = mono_add(s->lane.now.mono, FAREWELL_NS);
}

bool
shell_is_finished(struct shell *s)
{
	if (!tunnel_flushed(s->tunnel))
		return false;
	shell_begin_farewell(s);
	return s->paths_up == 0 || mono_due(s->farewell_end, s->lane.now.mono);
}
