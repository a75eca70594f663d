/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shell of a relay lane: capture and tunnel on one event loop around the
 * core. Frames go in by capture's callbacks, records come out by tunnel's; what
 * is decided is decided in relay.c.
 */
#include "path/relay_lane.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "path/relay_lane_internal.h"

/* What every turn ends with: whatever became due or possible is done. */
static void
end(struct relay_lane *l)
{
	struct now now = lane_turn(&l->shell.lane);

	if (mono_due(relay_deadline(l->core), now.mono))
		relay_tick(l->core, now);
	tunnel_kick_all(l->shell.tunnel);
	capture_resume(l->capture);
	lane_turn_end(&l->shell.lane);
	if (l->shell.draining && relay_drained(l->core) && shell_is_finished(&l->shell))
		lane_end(&l->shell.lane, l->status);
}

/* ---- capture ---- */

static void
on_frame(void *arg, const struct frame *frame)
{
	struct relay_lane *l = arg;

	relay_frame(l->core, lane_turn(&l->shell.lane), frame);
}

static void
on_batch_end(void *arg)
{
	end(arg);
}

static void
on_dropped(void *arg, enum drop_point point, uint64_t n)
{
	struct relay_lane *l = arg;

	log_warn("capture", "datagrams lost before capture point=%s count=%" PRIu64,
		 drop_point_name(point), n);
	relay_dropped(l->core, lane_turn(&l->shell.lane), point, n);
	end(l);
}

static bool
on_may_capture(void *arg)
{
	struct relay_lane *l = arg;

	return relay_may_capture(l->core);
}

static void
start_drain(struct relay_lane *l, bool patient)
{
	l->shell.draining = true;
	relay_drain(l->core, patient);
	/* A file's end waits for its peers; the operator's word does not. */
	if (patient)
		return;
	tunnel_stop_dialling(l->shell.tunnel);
	l->shell.drain_end = mono_min(
		l->shell.drain_end,
		mono_add(clock_now().mono, l->settings->session.drain_timeout_ns));
}

static void
on_file_end(void *arg, const char *error)
{
	struct relay_lane *l = arg;

	if (error != NULL) {
		log_error("capture", "%s", error);
		l->status = 1;
	} else {
		log_info("capture", "the file was read to its end file=%s",
			 l->settings->capture.file);
	}
	start_drain(l, true);
}

static void
on_link(void *arg, int error, const char *text)
{
	struct relay_lane *l = arg;

	if (error != 0)
		log_warn("capture", "interface=%s %s", l->settings->capture.interface,
			 text);
	else
		log_info("capture", "interface=%s is back",
			 l->settings->capture.interface);
}

static const struct capture_ops capture_ops = {
	.frame = on_frame,
	.batch_end = on_batch_end,
	.dropped = on_dropped,
	.may_read = on_may_capture,
	.end = on_file_end,
	.link = on_link,
};

/* ---- tunnel ---- */

static void
on_up(void *arg, unsigned int remote, unsigned int slot, enum transport transport,
      size_t mtu)
{
	struct relay_lane *l = arg;

	l->shell.paths_up++;
	relay_path_up(l->core, lane_turn(&l->shell.lane), remote, slot,
		      shell_path_kind(transport), mtu);
	end(l);
}

static void
on_down(void *arg, unsigned int remote, unsigned int slot, const char *reason)
{
	struct relay_lane *l = arg;

	(void)reason; /* the tunnel has logged it */
	l->shell.paths_up--;
	relay_path_down(l->core, lane_turn(&l->shell.lane), remote, slot);
	lane_turn_leave(&l->shell.lane);
}

static long
on_input(void *arg, unsigned int remote, unsigned int slot, const uint8_t *bytes,
	 size_t len)
{
	struct relay_lane *l = arg;

	return relay_input(l->core, lane_turn(&l->shell.lane), remote, slot, bytes,
			   len);
}

static size_t
on_fill(void *arg, unsigned int remote, unsigned int slot, uint8_t *buf, size_t cap)
{
	struct relay_lane *l = arg;

	return relay_fill(l->core, lane_turn(&l->shell.lane), remote, slot, buf,
			  shell_fill_limit(cap), cap);
}

static const struct tunnel_ops tunnel_ops = {
	.up = on_up,
	.down = on_down,
	.input = on_input,
	.fill = on_fill,
	.turn_end = on_batch_end,
};

/* ---- the core ---- */

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	struct relay_lane *l = arg;

	shell_log_session(&l->shell, remote, from, to, why, relay_epoch(l->core));
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	struct relay_lane *l = arg;

	if (reason == WIRE_BYE_SHUTDOWN)
		log_info("session", "remote=%s said bye reason=%s",
			 l->shell.remotes[remote].name, wire_bye_name(reason));
	else
		log_warn("session", "remote=%s sent us away reason=%s text=%s",
			 l->shell.remotes[remote].name, wire_bye_name(reason), text);
}

static void
on_restarted(void *arg, unsigned int remote, uint64_t abandoned)
{
	struct relay_lane *l = arg;

	if (abandoned > 0)
		log_warn("session",
			 "remote=%s is another process: the former one may not have "
			 "emitted all that it was sent count=%" PRIu64,
			 l->shell.remotes[remote].name, abandoned);
	else
		log_info("session", "remote=%s is another process",
			 l->shell.remotes[remote].name);
}

static void
on_narrow(void *arg, unsigned int remote, unsigned int slot, bool narrow, size_t bytes,
	  size_t mtu)
{
	struct relay_lane *l = arg;

	if (narrow)
		log_warn("tunnel",
			 "path takes short datagrams only: the line's MTU is less than "
			 "that of its ends remote=%s slot=%u now=%zu was=%zu "
			 "remedy=\"set the path's mtu, or let ICMP pass\"",
			 l->shell.remotes[remote].name, slot, bytes, mtu);
	else
		log_info("tunnel", "path takes long datagrams again remote=%s slot=%u",
			 l->shell.remotes[remote].name, slot);
}

static const struct relay_ops relay_ops = {
	.session = on_session,
	.close = shell_close,
	.bye = on_bye,
	.clock = shell_clock,
	.restarted = on_restarted,
	.narrow = on_narrow,
};

/* ---- time and mail ---- */

static mono_t
deadline(void *arg)
{
	const struct relay_lane *l = arg;
	mono_t due = relay_deadline(l->core);

	return shell_deadline(&l->shell, due);
}

static void
tick(void *arg)
{
	struct relay_lane *l = arg;
	struct now now = lane_turn(&l->shell.lane);

	if (mono_due(l->shell.drain_end, now.mono)) {
		log_warn("session", "drain timed out: what is left stays unsent");
		l->shell.drain_end = MONO_NEVER;
		relay_give_up_drain(l->core);
		shell_begin_farewell(&l->shell);
	}
	if (mono_due(l->shell.farewell_end, now.mono))
		lane_end(&l->shell.lane, l->status);
	end(l);
}

static void
message(void *arg, unsigned int bits)
{
	struct relay_lane *l = arg;

	if (bits & LANE_STOP) {
		lane_end(&l->shell.lane, 1);
		return;
	}
	if (bits & LANE_DRAIN) {
		log_info("session", "draining");
		capture_stop(l->capture);
		start_drain(l, false);
		end(l);
	}
}

static const struct lane_ops lane_ops = {
	.deadline = deadline,
	.tick = tick,
	.message = message,
};

/* ---- the beginning ---- */

static bool
open_shell(struct relay_lane *l, char *error, size_t error_bytes)
{
	const struct relay_settings *s = l->settings;
	struct half_settings both = HALF_SETTINGS(s);

	if (!shell_open(&l->shell, &both, &tunnel_ops, error, error_bytes))
		return false;
	l->capture =
		capture_open(l->shell.lane.base, &s->capture, s->channels,
			     s->channel_count, &capture_ops, l, error, error_bytes);
	return l->capture != NULL;
}

struct relay_lane *
relay_lane_new(const struct relay_settings *settings, unsigned int n, char *error,
	       size_t error_bytes)
{
	struct half_settings both = HALF_SETTINGS(settings);
	struct relay_lane *l = calloc(1, sizeof *l);

	snprintf(error, error_bytes, "out of memory");
	if (l == NULL)
		return NULL;
	l->settings = settings;
	if (shell_init(&l->shell, &both, &lane_ops) != 0)
		goto fail;
	l->core = relay_new(settings, (uint16_t)n, random_id(), clock_now(), &relay_ops,
			    l);
	if (l->core == NULL) {
		snprintf(error, error_bytes,
			 "out of memory: history.memory is %" PRIu64
			 " bytes; lower it or give the host more",
			 settings->history.memory_bytes);
		goto fail;
	}
	if (!open_shell(l, error, error_bytes))
		goto fail;
	log_info("lane", "lane=%u epoch=%016" PRIx64 " channels=%zu memory_bytes=%zu",
		 n, relay_epoch(l->core), settings->channel_count,
		 relay_memory_bytes(l->core));
	tunnel_start(l->shell.tunnel);
	capture_start(l->capture);
	return l;
fail:
	relay_lane_free(l);
	return NULL;
}

void
relay_lane_free(struct relay_lane *l)
{
	if (l == NULL)
		return;
	if (l->capture != NULL)
		capture_free(l->capture);
	if (l->shell.tunnel != NULL)
		tunnel_free(l->shell.tunnel);
	relay_free(l->core);
	shell_fini(&l->shell);
	free(l);
}

void
relay_lane_turn(struct relay_lane *l)
{
	end(l);
}

struct shell *
relay_lane_shell(struct relay_lane *l)
{
	return &l->shell;
}

struct relay *
relay_lane_core(struct relay_lane *l)
{
	return l->core;
}

const struct capture_figures *
relay_lane_capture(const struct relay_lane *l)
{
	return capture_figures(l->capture);
}
