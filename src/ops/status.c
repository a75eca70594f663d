/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/status.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "ops/status_shared.h"
#include "path/refusal.h"
#include "path/timing.h"
#include "path/traffic.h"
#include "path/tunnel.h"

/* ---- values ---- */

static void
put(struct status *s, json_t *in, const char *key, json_t *value)
{
	if (json_object_set_new(in, key, value) != 0)
		s->failed = true;
}

json_t *
status_object(struct status *s, json_t *in, const char *key)
{
	json_t *o = json_object();

	put(s, in, key, o);
	return s->failed ? NULL : o;
}

json_t *
status_array(struct status *s, json_t *in, const char *key)
{
	json_t *a = json_array();

	put(s, in, key, a);
	return s->failed ? NULL : a;
}

json_t *
status_append(struct status *s, json_t *array)
{
	json_t *o = json_object();

	if (json_array_append_new(array, o) != 0)
		s->failed = true;
	return s->failed ? NULL : o;
}

void
status_string(struct status *s, json_t *in, const char *key, const char *value)
{
	if (value)
		put(s, in, key, json_string(value));
}

void
status_integer(struct status *s, json_t *in, const char *key, int64_t value)
{
	put(s, in, key, json_integer(value));
}

void
status_boolean(struct status *s, json_t *in, const char *key, bool value)
{
	put(s, in, key, json_boolean(value));
}

void
status_counter(struct status *s, json_t *in, const char *key, const counter_t *value)
{
	status_integer(s, in, key, (int64_t)counter_get(value));
}

void
status_hex(struct status *s, json_t *in, const char *key, uint64_t value)
{
	char text[24];

	if (value == 0)
		return;
	snprintf(text, sizeof(text), "%016" PRIx64, value);
	status_string(s, in, key, text);
}

void
status_address(struct status *s, json_t *in, const char *key, uint32_t value)
{
	char text[20];

	snprintf(text, sizeof(text), "%u.%u.%u.%u", value >> 24, value >> 16 & 0xff,
		 value >> 8 & 0xff, value & 0xff);
	status_string(s, in, key, text);
}

void
status_histogram(struct status *s, json_t *in, const char *key,
		 const struct histogram *h)
{
	json_t *o = status_object(s, in, key);

	status_counter(s, o, "count", &h->count);
	status_counter(s, o, "negative", &h->negative);
	status_integer(s, o, "p50_ns", histogram_percentile(h, 50));
	status_integer(s, o, "p99_ns", histogram_percentile(h, 99));
	status_integer(s, o, "p99_9_ns", histogram_percentile(h, 99.9));
	status_integer(s, o, "max_ns", gauge_get(&h->max_ns));
}

void
status_verdict(struct status *s, json_t *in, const struct ledger_page *p)
{
	char text[LEDGER_VERDICT_BYTES];

	ledger_verdict(p, text);
	status_string(s, in, "verdict", text);
}

void
status_verdict_now(struct status *s, json_t *in, const struct ledger_page *p,
		   const struct trouble *t)
{
	char text[LEDGER_VERDICT_BYTES + TROUBLE_BYTES];

	ledger_verdict(p, text);
	snprintf(text + strlen(text), TROUBLE_BYTES, "%s", t->text);
	status_string(s, in, "verdict", text);
}

/* ---- what both halves have ---- */

void
status_put_process(struct status *s, json_t *root, const char *half,
		   struct lane_views lanes)
{
	struct lane_view v;

	status_string(s, root, "half", half);
	if (lanes.count == 0)
		return;
	v = lanes.at(lanes.views, 0);
	status_string(s, root, "node", v.node);
	status_string(s, root, "version", v.version);
	status_integer(s, root, "now_ns", clock_now().utc.ns);
	status_string(s, root, "log_level", log_level_name(log_get_level()));
	status_put_interfaces(s, root, lanes.interfaces);
}

static void
put_tunnel(struct status *s, json_t *lane, const struct tunnel_figures *f)
{
	json_t *o = status_object(s, lane, "tunnel");

#define X(id, unit, help) status_counter(s, o, #id, &f->id);
	TUNNEL_COUNTERS(X)
#undef X
	status_integer(s, o, "certificate_expires_s",
		       gauge_get(&f->certificate_expires_s));
}

void
status_put_lane(struct status *s, json_t *lane, size_t index, const struct lane_view *v)
{
	status_integer(s, lane, "lane", (int64_t)index);
	status_integer(s, lane, "started_ns", v->started.ns);
	status_integer(s, lane, "memory_bytes", (int64_t)v->memory_bytes);
	if (v->turns)
		status_histogram(s, lane, "turns", v->turns);
	put_tunnel(s, lane, v->tunnel);
}

static void
put_timing(struct status *s, json_t *path, const struct timing *t)
{
	status_integer(s, path, "rtt_ns", gauge_get(&t->rtt_ns));
	status_integer(s, path, "rtt_min_ns", gauge_get(&t->rtt_min_ns));
	status_integer(s, path, "clock_offset_ns", gauge_get(&t->offset_ns));
	status_integer(s, path, "clock_error_ns", gauge_get(&t->offset_error_ns));
}

static void
put_traffic(struct status *s, json_t *path, const struct path_view *p)
{
	status_counter(s, path, "data_frames", &p->traffic->frames);
	status_counter(s, path, "data_bytes", &p->traffic->bytes);
	status_integer(s, path, "data_frames_per_s",
		       gauge_get(&p->traffic->frames_per_s));
	status_integer(s, path, "data_bytes_per_s",
		       gauge_get(&p->traffic->bytes_per_s));
	if (p->firsts != NULL)
		status_counter(s, path, "first_datagrams", p->firsts);
	if (p->up)
		status_integer(s, path, "loss_ppm", gauge_get(&p->timing->loss));
}

static void
put_path(struct status *s, json_t *paths, unsigned int slot, const struct path_view *p)
{
	static const char *const transports[] = {
		[TRANSPORT_TLS] = "tls",
		[TRANSPORT_DTLS] = "dtls",
	};
	json_t *path = status_append(s, paths);

	status_integer(s, path, "path", slot);
	status_string(s, path, "transport", transports[p->transport]);
	status_boolean(s, path, "dialled", p->dialled);
	status_boolean(s, path, "up", p->up);
	if (!p->up && p->unreached > 0 && p->unreached <= REFUSAL_COUNT)
		status_string(s, path, "unreached",
			      refusal_text((enum refusal)(p->unreached - 1)));
	if (p->narrow_bytes != 0)
		status_integer(s, path, "narrow_bytes", p->narrow_bytes);
	status_integer(s, path, "sent_bytes", (int64_t)p->sent_bytes);
	put_traffic(s, path, p);
	/* What was measured on a path that is gone says nothing of now. */
	if (p->up && gauge_get(&p->timing->rtt_ns) > 0)
		put_timing(s, path, p->timing);
}

void
status_put_remote(struct status *s, json_t *remote, const struct lane_view *v,
		  unsigned int index)
{
	int64_t since_ns = v->started.ns; /* down, until something happens */
	json_t *paths;

	status_string(s, remote, "name", v->remotes[index].name);
	status_string(s, remote, "state", session_state_name(v->state(v->view, index)));
	if (v->since_ns && gauge_get(&v->since_ns[index]) != 0)
		since_ns = gauge_get(&v->since_ns[index]);
	status_integer(s, remote, "state_since_ns", since_ns);
	paths = status_array(s, remote, "paths");
	for (unsigned int slot = 0; slot < PATHS_MAX; slot++) {
		struct path_view p = v->path(v->view, index, slot);

		if (p.known)
			put_path(s, paths, slot, &p);
	}
}

/* ---- the answer ---- */

static int
add_text(const char *text, size_t len, void *out)
{
	return evbuffer_add(out, text, len);
}

void
status_finish(const struct status *s, json_t *root, struct evbuffer *out,
	      const char **content_type, int *status)
{
	if (!s->failed &&
	    json_dump_callback(root, add_text, out, JSON_INDENT(1)) == 0) {
		evbuffer_add(out, "\n", 1);
		*content_type = STATUS_CONTENT_TYPE;
	} else {
		evbuffer_drain(out, evbuffer_get_length(out));
		evbuffer_add_printf(out, "out of memory\n");
		*status = 500;
	}
	json_decref(root);
}

bool
status_sessions_open(struct evbuffer *out, struct lane_views lanes)
{
	bool all = true;

	for (size_t i = 0; i < lanes.count; i++) {
		struct lane_view v = lanes.at(lanes.views, i);
		unsigned int r = 0;

		while (r < v.remote_count && v.state(v.view, r) != SESSION_OPEN)
			r++;
		if (r < v.remote_count)
			continue;
		evbuffer_add_printf(out, "lane %zu: no session is open\n", i);
		all = false;
	}
	return all;
}
