/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

#include "path/classify.h"

/* ---- what a core is told by the options ---- */

void
script_relay_settings(struct script_relay *s, uint8_t options)
{
	static char interface[] = "fuzz", file[] = "fuzz.pcap";
	bool tight = (options & SCRIPT_TIGHT) != 0;

	*s = (struct script_relay){.remote = {.name = "vpc"}};
	for (unsigned int i = 0; i < SCRIPT_CHANNELS; i++)
		core_rig_channel(&s->channels[i], i + 1);
	if (options & SCRIPT_SHEDS) {
		s->remote.shed_age_ns = 10 * NS_PER_MS;
		s->remote.shed_bytes = 3000;
	}
	s->settings = (struct relay_settings){
		.node = "colo",
		.capture = {.interface = options & SCRIPT_FILE ? NULL : interface,
			    .file = options & SCRIPT_FILE ? file : NULL,
			    .fragment_datagrams = 1,
			    .fragment_timeout_ns = NS_PER_S},
		.channels = s->channels,
		.channel_count = SCRIPT_CHANNELS - 1,
		.history = {.memory_bytes = tight ? 16384 : 1 << 20,
			    .age_ns = tight ? 50 * NS_PER_MS : 10 * NS_PER_S,
			    .channels = SCRIPT_CHANNELS},
		.remotes = &s->remote,
		.remote_count = 1,
		.session = core_rig_session,
	};
}

void
script_peer_settings(struct script_peer *s, uint8_t options)
{
	bool tight = (options & SCRIPT_TIGHT) != 0;

	*s = (struct script_peer){.remote = {.name = "colo"}};
	for (unsigned int i = 0; i < SCRIPT_CHANNELS - 1; i++) {
		struct output_settings *o = &s->outputs[i];

		snprintf(o->name, NAME_BYTES_MAX, "ch%u", i + 1);
		o->delivery = options & SCRIPT_IMMEDIATE ? DELIVERY_IMMEDIATE
							 : DELIVERY_ORDERED;
		o->max_age_ns = options & SCRIPT_STALE ? 20 * NS_PER_MS : 0;
	}
	s->settings = (struct peer_settings){
		.node = "vpc",
		.remotes = &s->remote,
		.remote_count = 1,
		.outputs = s->outputs,
		.output_count = SCRIPT_CHANNELS - 1,
		.recovery = {.give_up_ns = 100 * NS_PER_MS,
			     .window_datagrams = tight ? 16 : 256,
			     .memory_bytes = (tight ? 36 : 256) * POOL_CHUNK_BYTES,
			     .channels = SCRIPT_CHANNELS + 1},
		.session = core_rig_session,
	};
}

struct wire_greeting
script_greeting(const char *node)
{
	struct wire_greeting g = core_rig_greeting(node, SCRIPT_CHANNELS);

	g.epoch = RIG_EPOCH;
	g.instance = RIG_INSTANCE;
	return g;
}

/* ---- what steps do to a core ---- */

size_t
script_limit(uint8_t choice)
{
	static const size_t limits[] = {512, 1400, 4096, 16384};

	return limits[choice & 3];
}

void
script_frame(const struct script_relay *s, uint8_t channel, uint16_t len,
	     uint8_t bytes[SCRIPT_FRAME_BYTES], struct frame *f)
{
	const struct channel_settings *c =
		&s->channels[channel == UINT8_MAX ? SCRIPT_CHANNELS - 1
						  : channel % (SCRIPT_CHANNELS - 1)];
	struct wr w = wr_init(bytes, SCRIPT_HEADERS);

	core_rig_put_headers(&w, DLT_EN10MB, c, len);
	CHECK(!w.failed && wr_left(&w) == 0 && len <= SCRIPT_PAYLOAD_MAX);
	f->link_type = DLT_EN10MB;
	f->bytes = bytes;
	f->caplen = f->len = SCRIPT_HEADERS + (size_t)len;
}

enum emit_verdict
script_verdict(uint8_t pattern, size_t number)
{
	static const enum emit_verdict kinds[] = {EMIT_SENT, EMIT_SENT, EMIT_OVERSIZE,
						  EMIT_ERROR};

	return kinds[pattern >> 2 * (number % 4) & 3];
}

void
script_change(struct script_relay *s, struct relay *r, struct now now, uint8_t arg)
{
	struct channel_settings listed[SCRIPT_CHANNELS];
	uint16_t ids[SCRIPT_CHANNELS];
	size_t n = 0;

	for (unsigned int i = 0; i < SCRIPT_CHANNELS; i++) {
		s->channels[i].group = CORE_RIG_GROUP + 1 + i + 0x100U * (arg >> 3 & 3);
		if (arg & 1 << i)
			listed[n++] = s->channels[i];
	}
	CHECK(relay_place_channels(r, listed, n, ids) <= relay_channel_capacity(r));
	classify_free(relay_set_channels(r, now, listed, n, ids,
					 classify_new(listed, n, ids)));
}

void
script_redirect(struct script_peer *s, struct peer *p, struct now now, uint8_t arg)
{
	for (unsigned int i = 0; i < SCRIPT_CHANNELS - 1; i++) {
		struct output_settings *o = &s->outputs[i];

		o->delivery = arg & 1 << i ? DELIVERY_IMMEDIATE : DELIVERY_ORDERED;
		o->group = arg & 4 << i ? 0xef000001U + i : 0;
		o->max_age_ns = arg & 16 ? 20 * NS_PER_MS : 0;
	}
	peer_settings_changed(p, now);
}

/* ---- paths ---- */

void
script_path_up(struct script_shell *x, unsigned int slot, bool stream)
{
	if (x->up[slot])
		return;
	x->up[slot] = true;
	x->stream[slot] = stream;
	x->half->up(x, slot, stream ? PATH_STREAM : PATH_DATAGRAM);
}

void
script_path_down(struct script_shell *x, unsigned int slot)
{
	if (x->up[slot])
		x->half->down(x, slot);
	x->up[slot] = x->close[slot] = false;
	x->inbox_len[slot] = 0;
}

/* What the core wanted closed. */
static void
close_paths(struct script_shell *x)
{
	for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++) {
		if (x->close[slot])
			script_path_down(x, slot);
	}
}

static void
check_frames(const uint8_t *bytes, size_t len)
{
	struct wire_frame f;
	size_t size;

	for (size_t at = 0; at < len; at += size) {
		CHECK(wire_next(bytes + at, len - at, &f, &size) == WIRE_WHOLE);
		CHECK(f.type >= WIRE_HELLO && f.type <= WIRE_DEMAND);
	}
}

bool
script_fill(struct script_shell *x, unsigned int slot, size_t limit)
{
	size_t cap = x->stream[slot] ? sizeof x->out : limit;
	size_t n = x->half->fill(x, slot, limit, cap);

	CHECK(n <= cap && (n == 0 || x->up[slot]));
	check_frames(x->out, n);
	return n > 0;
}

/* ---- ops ---- */

void
script_on_session(void *arg, unsigned int remote, enum session_state from,
		  enum session_state to, const char *why)
{
	CHECK(arg != NULL && remote == 0 && from != to && why != NULL);
	CHECK(to < SESSION_STATES);
}

void
script_on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct script_shell *x = arg;

	(void)reason; /* the peer's, which may be any */
	CHECK(remote == 0 && slot < SCRIPT_PATHS);
	x->close[slot] = true;
}

void
script_on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	CHECK(arg != NULL && remote == 0 && reason <= UINT8_MAX);
	CHECK(strlen(text) <= WIRE_NAME_MAX);
}

/* ---- a script is run ---- */

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

size_t
script_allocated(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL
		       ? __sanitizer_get_current_allocated_bytes()
		       : 0;
}

/* The bytes of a STEP_BYTES or STEP_FRAME, in memory of their exact size, where a read
 * past it shows; to be freed. NULL: the script ends within the step's head. */
static uint8_t *
received(struct rd *r, enum script_step step, size_t *len)
{
	uint8_t type = step == STEP_FRAME ? rd_u8(r) : 0;
	uint8_t flags = step == STEP_FRAME ? rd_u8(r) : 0;
	size_t head = step == STEP_FRAME ? WIRE_HEADER_BYTES : 0, n = rd_u16(r);
	uint8_t *bytes;
	struct wr w;

	if (r->failed)
		return NULL;
	if (n > rd_left(r))
		n = rd_left(r);
	*len = head + n;
	bytes = malloc(*len + 1);
	CHECK(bytes != NULL);
	w = wr_init(bytes + 1, *len);
	if (step == STEP_FRAME) {
		wr_u8(&w, type);
		wr_u8(&w, flags);
		wr_u16(&w, (uint16_t)n);
	}
	if (n > 0)
		wr_bytes(&w, rd_bytes(r, n), n);
	return bytes;
}

static void
check(struct script_shell *x)
{
	x->half->check(x);
	CHECK(script_allocated() == x->allocated);
}

/* False: the script ends here. */
static bool
take_step(struct script_shell *x, struct rd *r)
{
	uint8_t byte = rd_u8(r), arg;
	enum script_step step = (byte & 0x0f) % STEP_KINDS;
	unsigned int slot = byte >> 4 & 1;
	uint8_t *bytes;
	size_t len;

	switch (step) {
	case STEP_BYTES:
	case STEP_FRAME:
		bytes = received(r, step, &len);
		if (bytes == NULL)
			return false;
		x->half->receive(x, slot, bytes + 1, len);
		free(bytes);
		break;
	case STEP_WAIT:
		core_rig_pass(&x->now, rd_u16(r) * SCRIPT_WAIT_NS);
		x->half->tick(x);
		break;
	case STEP_FILL:
		arg = rd_u8(r);
		for (int i = arg >> 2 & 15;
		     i >= 0 && script_fill(x, slot, script_limit(arg));)
			i--;
		break;
	case STEP_UP: script_path_up(x, slot, (rd_u8(r) & 1) == 0); break;
	case STEP_DOWN: script_path_down(x, slot); break;
	case STEP_DRAIN:
	case STEP_CAPTURE:
	case STEP_DROP:
	case STEP_EMIT:
	case STEP_CHANGE: x->half->step(x, step, r); break;
	case STEP_KINDS: break;
	}
	return !r->failed && rd_left(r) > 0;
}

/* Whatever happened: it ends. */
static void
finish(struct script_shell *x)
{
	unsigned int fills = 0;

	for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++) {
		while (script_fill(x, slot, 512))
			CHECK(fills++ < 20000);
	}
	x->half->leave(x);
	for (int i = 0; i < 20000 && !x->half->has_left(x); i++) {
		if (x->half->work != NULL)
			x->half->work(x);
		for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++)
			script_fill(x, slot, 1400);
		x->half->tick(x);
		close_paths(x);
	}
	CHECK(x->half->has_left(x));
	check(x);
}

void
script_run(struct script_shell *x, const struct script_half *half, const uint8_t *data,
	   size_t size)
{
	struct rd r = rd_init(data, size);
	uint8_t options = size > 0 ? rd_u8(&r) : 0;
	bool more = size > 1;

	x->half = half;
	x->now = core_rig_start();
	half->start(x, options);
	x->allocated = script_allocated();
	if (options & SCRIPT_GREETED)
		half->greet(x);
	while (more) {
		more = take_step(x, &r);
		close_paths(x);
		check(x);
	}
	finish(x);
}
