/* SPDX-License-Identifier: Apache-2.0 */
/* One datagram's story, frame by frame, and that of the requests for it. */
#include <stdio.h>

#include "world.h"

static void
say(const struct world *w, unsigned int link, const char *fate, const char *what)
{
	printf("  %12.3f ms path %u: %s %s\n",
	       (double)mono_sub(w->now.mono, w->started) / 1e6, link, what, fate);
}

/* What a path is told of the session itself. */
static void
say_greeting(const struct world *w, unsigned int link, enum half to, const char *fate,
	     const struct wire_frame *f)
{
	struct wire_greeting g;
	struct rd r;

	if (wire_get_greeting(f, &g, &r))
		printf("  %12.3f ms path %u: %s greeting %u total %u entries %u slot %u to "
		       "the %s %s\n",
		       (double)mono_sub(w->now.mono, w->started) / 1e6, link,
		       wire_type_name(f->type), g.greeting, g.total, g.count, g.slot,
		       to == PEER ? "peer" : "relay", fate);
}

static void
say_bye(const struct world *w, unsigned int link, enum half to, const char *fate,
	const struct wire_frame *f)
{
	struct wire_name text;
	uint8_t reason;

	if (wire_get_bye(f, &reason, &text))
		printf("  %12.3f ms path %u: bye %s to the %s %s\n",
		       (double)mono_sub(w->now.mono, w->started) / 1e6, link,
		       wire_bye_name(reason), to == PEER ? "peer" : "relay", fate);
}

static void
say_request(const struct world *w, unsigned int link, const char *fate,
	    const struct wire_frame *f)
{
	struct wire_range range;
	uint16_t count;
	struct rd r;

	if (!wire_get_count(f, &count, &r))
		return;
	while (count-- > 0 && wire_get_range(&r, &range)) {
		if (range.channel == w->trace_channel &&
		    !seq_before(w->trace_seq, range.first) &&
		    seq_before(w->trace_seq, seq_add(range.first, range.count)))
			say(w, link, fate, "request");
	}
}

static void
say_answer(const struct world *w, unsigned int link, const char *fate,
	   const struct wire_frame *f)
{
	struct wire_answer a;
	uint16_t count;
	struct rd r;

	if (!wire_get_count(f, &count, &r))
		return;
	while (count-- > 0 && wire_get_answer(&r, &a)) {
		if (a.channel == w->trace_channel &&
		    !seq_before(w->trace_seq, a.first) &&
		    seq_before(w->trace_seq, seq_add(a.first, a.count)))
			say(w, link, fate, wire_verdict_name(a.verdict));
	}
}

static void
say_data(const struct world *w, unsigned int link, const char *fate,
	 const struct wire_frame *f)
{
	struct wire_data d;

	if (wire_get_data(f, &d) && d.channel == w->trace_channel &&
	    seq_cmp(d.seq, w->trace_seq) == 0)
		say(w, link, fate, f->flags & WIRE_REPAIR ? "repair" : "data");
}

void
trace_packet(const struct world *w, unsigned int link, enum half to, const char *fate,
	     const uint8_t *bytes, size_t len)
{
	struct wire_frame f;
	size_t done = 0, size;

	while (w->tracing &&
	       wire_next(bytes + done, len - done, &f, &size) == WIRE_WHOLE) {
		if (f.type == WIRE_DATA)
			say_data(w, link, fate, &f);
		else if (f.type == WIRE_REQUEST)
			say_request(w, link, fate, &f);
		else if (f.type == WIRE_VERDICT)
			say_answer(w, link, fate, &f);
		else if (f.type == WIRE_HELLO || f.type == WIRE_WELCOME)
			say_greeting(w, link, to, fate, &f);
		else if (f.type == WIRE_BYE)
			say_bye(w, link, to, fate, &f);
		done += size;
	}
}

void
trace_path(const struct world *w, unsigned int link, enum half half, unsigned int slot,
	   const char *what)
{
	if (w->tracing)
		printf("  %12.3f ms path %u: %s at the %s, slot %u\n",
		       (double)mono_sub(w->now.mono, w->started) / 1e6, link, what,
		       half == PEER ? "peer" : "relay", slot);
}
