/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the seed corpora of fuzz_relay_input and fuzz_peer_input: seed_input
 * DIRECTORY. Every seed is one conversation of two real cores, written down twice:
 * what the relay went through in DIRECTORY/relay_input, and the peer's side of it
 * in DIRECTORY/peer_input.
 */
#include "script.h"

#define LIMIT     1 /* as STEP_FILL names it */
#define FILLS_MAX 16

struct pair {
	uint8_t options;
	struct script_relay relay_settings;
	struct script_peer peer_settings;
	struct relay *relay;
	struct peer *peer;
	uint64_t epoch, instance;
	struct now now;
	bool stream;
	bool deaf;              /* the line is dark */
	unsigned int lose_each; /* one in so many to the peer; 0: none */
	unsigned int said;
	FILE *to_relay, *to_peer; /* the scripts; NULL: not of its first process */
};

/* ---- the two scripts ---- */

static void
put(FILE *f, const void *bytes, size_t len)
{
	if (f != NULL && len > 0)
		CHECK(fwrite(bytes, len, 1, f) == 1);
}

static void
put_step(FILE *f, enum script_step step, unsigned int slot, uint64_t arg, size_t width)
{
	uint8_t bytes[9];
	struct wr w = wr_init(bytes, sizeof bytes);

	wr_u8(&w, (uint8_t)(step | slot << 4));
	wr_be(&w, arg, width);
	put(f, bytes, 1 + width);
}

static void
put_bytes(FILE *f, unsigned int slot, const uint8_t *bytes, size_t len)
{
	put_step(f, STEP_BYTES, slot, len, 2);
	put(f, bytes, len);
}

static FILE *
open_script(const char *directory, const char *half, const char *name, uint8_t options)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s/%s", directory, half, name);
	f = fopen(path, "wb");
	if (f == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	put(f, &options, 1);
	return f;
}

/* ---- the conversation ---- */

static void
start_relay(struct pair *x)
{
	relay_free(x->relay);
	x->relay = relay_new(&x->relay_settings.settings, 0, x->epoch++, x->now,
			     &core_rig_deaf_relay, x);
	CHECK(x->relay != NULL);
}

static void
start_peer(struct pair *x)
{
	peer_free(x->peer);
	x->peer = peer_new(&x->peer_settings.settings, x->instance++, x->now,
			   &core_rig_deaf_peer, x);
	CHECK(x->peer != NULL);
}

static void
up(struct pair *x, unsigned int slot, bool stream)
{
	enum path_kind kind = stream ? PATH_STREAM : PATH_DATAGRAM;

	x->stream = stream;
	relay_path_up(x->relay, x->now, 0, slot, kind, 1400);
	peer_path_up(x->peer, x->now, 0, slot, kind, 1400);
	put_step(x->to_relay, STEP_UP, slot, !stream, 1);
	put_step(x->to_peer, STEP_UP, slot, !stream, 1);
}

static void
down(struct pair *x, unsigned int slot)
{
	relay_path_down(x->relay, x->now, 0, slot);
	peer_path_down(x->peer, x->now, 0, slot);
	put_step(x->to_relay, STEP_DOWN, slot, 0, 0);
	put_step(x->to_peer, STEP_DOWN, slot, 0, 0);
}

static void
wait(struct pair *x, uint16_t units)
{
	core_rig_pass(&x->now, units * SCRIPT_WAIT_NS);
	relay_tick(x->relay, x->now);
	peer_tick(x->peer, x->now);
	put_step(x->to_relay, STEP_WAIT, 0, units, 2);
	put_step(x->to_peer, STEP_WAIT, 0, units, 2);
}

static void
capture(struct pair *x, uint8_t channel, uint8_t count, uint16_t len)
{
	uint8_t bytes[SCRIPT_FRAME_BYTES] = {0};
	struct frame f = {.captured = x->now.utc};

	put_step(x->to_relay, STEP_CAPTURE, 0,
		 (uint32_t)channel << 24 | (uint32_t)count << 16 | len, 4);
	script_frame(&x->relay_settings, channel, len, bytes, &f);
	while (count-- > 0)
		relay_frame(x->relay, x->now, &f);
}

static void
drop(struct pair *x, enum drop_point point, uint8_t n)
{
	relay_dropped(x->relay, x->now, point, n);
	put_step(x->to_relay, STEP_DROP, 0, (uint64_t)point << 8 | n, 2);
}

static void
emit(struct pair *x, uint8_t count, uint8_t pattern)
{
	enum emit_verdict verdicts[EMIT_BATCH];
	struct outgoing out[EMIT_BATCH];
	size_t n = peer_ready(x->peer, x->now, out, EMIT_BATCH);

	if (n > count)
		n = count;
	for (size_t i = 0; i < n; i++)
		verdicts[i] = script_verdict(pattern, i);
	peer_emitted(x->peer, x->now, verdicts, n);
	put_step(x->to_peer, STEP_EMIT, 0, (uint64_t)count << 8 | pattern, 2);
}

static size_t
cap(const struct pair *x)
{
	return x->stream ? SCRIPT_CAP : script_limit(LIMIT);
}

static void
relay_says(struct pair *x, unsigned int slot)
{
	static uint8_t buf[SCRIPT_CAP];
	size_t n;

	put_step(x->to_relay, STEP_FILL, slot, LIMIT | (FILLS_MAX - 1) << 2, 1);
	for (int i = 0; i < FILLS_MAX; i++) {
		n = relay_fill(x->relay, x->now, 0, slot, buf, script_limit(LIMIT),
			       cap(x));
		if (n == 0)
			break;
		if (x->deaf || (x->lose_each > 0 && x->said++ % x->lose_each == 0))
			continue;
		put_bytes(x->to_peer, slot, buf, n);
		(void)peer_input(x->peer, x->now, 0, slot, buf, n);
	}
}

static void
peer_says(struct pair *x, unsigned int slot)
{
	static uint8_t buf[SCRIPT_CAP];
	size_t n;

	put_step(x->to_peer, STEP_FILL, slot, LIMIT | (FILLS_MAX - 1) << 2, 1);
	for (int i = 0; i < FILLS_MAX; i++) {
		n = peer_fill(x->peer, x->now, 0, slot, buf, script_limit(LIMIT),
			      cap(x));
		if (n == 0)
			break;
		if (x->deaf)
			continue;
		put_bytes(x->to_relay, slot, buf, n);
		(void)relay_input(x->relay, x->now, 0, slot, buf, n);
	}
}

/* `turns` milliseconds, each with the words of both. */
static void
talk(struct pair *x, unsigned int slot, unsigned int turns)
{
	for (; turns > 0; turns--) {
		relay_says(x, slot);
		emit(x, EMIT_BATCH, 0);
		wait(x, 10);
		peer_says(x, slot);
		wait(x, 10);
	}
}

/* ---- the seeds ---- */

static void
live(struct pair *x)
{
	up(x, 0, true);
	talk(x, 0, 2);
	capture(x, 0, 3, 20);
	capture(x, 1, 2, 0);
	drop(x, DROP_INTERFACE, 3);
	talk(x, 0, 3);
	capture(x, 0, 1, 1500);
	talk(x, 0, 5);
}

static void
lossy(struct pair *x)
{
	up(x, 0, false);
	x->lose_each = 4;
	talk(x, 0, 3);
	wait(x, 5000); /* HELLO again */
	for (int i = 0; i < 12; i++) {
		capture(x, (uint8_t)i, 2, 30);
		drop(x, DROP_KERNEL_RING, 1);
		talk(x, 0, 2);
	}
	talk(x, 0, 20);
}

/* Longer than the path: in pieces, of which some are lost. */
static void
pieces(struct pair *x)
{
	up(x, 0, false);
	talk(x, 0, 2);
	capture(x, 0, 1, 2000);
	talk(x, 0, 2);
	x->lose_each = 3;
	capture(x, 0, 2, 1500);
	talk(x, 0, 20);
}

static void
reconnect(struct pair *x)
{
	up(x, 0, true);
	talk(x, 0, 2);
	capture(x, 0, 5, 20);
	talk(x, 0, 2);
	capture(x, 0, 5, 20);
	x->deaf = true;
	talk(x, 0, 1);
	x->deaf = false;
	down(x, 0);
	wait(x, 2000);
	capture(x, 0, 5, 20);
	up(x, 0, true);
	talk(x, 0, 5);
}

static void
relay_restart(struct pair *x)
{
	up(x, 0, true);
	talk(x, 0, 2);
	capture(x, 0, 5, 20);
	talk(x, 0, 2);
	down(x, 0);
	x->to_relay = NULL;
	start_relay(x);
	capture(x, 0, 5, 20);
	up(x, 0, true);
	talk(x, 0, 5);
}

static void
peer_restart(struct pair *x)
{
	up(x, 0, true);
	talk(x, 0, 2);
	capture(x, 0, 5, 20);
	talk(x, 0, 2);
	peer_drain(x->peer);
	put_step(x->to_peer, STEP_DRAIN, 0, 0, 1);
	(void)peer_drained(x->peer);
	peer_says(x, 0);
	down(x, 0);
	x->to_peer = NULL;
	start_peer(x);
	capture(x, 0, 5, 20);
	up(x, 0, true);
	talk(x, 0, 5);
}

static void
drained(struct pair *x)
{
	up(x, 0, true);
	talk(x, 0, 2);
	capture(x, 0, 5, 20);
	talk(x, 0, 2);
	relay_drain(x->relay, true);
	put_step(x->to_relay, STEP_DRAIN, 0, 1, 1);
	talk(x, 0, 40);
}

static void
two_paths(struct pair *x)
{
	up(x, 0, true);
	talk(x, 0, 2);
	up(x, 1, true);
	for (int i = 0; i < 4; i++) {
		capture(x, 0, 2, 20);
		talk(x, 0, 1);
		talk(x, 1, 1);
	}
	down(x, 0);
	capture(x, 0, 2, 20);
	talk(x, 1, 3);
	up(x, 0, true);
	talk(x, 0, 2);
}

/* More than the window, the memory and the history take. */
static void
flood(struct pair *x)
{
	up(x, 0, false);
	talk(x, 0, 2);
	x->lose_each = 7;
	for (int i = 0; i < 6; i++) {
		capture(x, (uint8_t)i, 30, 60);
		relay_says(x, 0);
		emit(x, 3, 0x1b);
		wait(x, 200);
		peer_says(x, 0);
	}
	talk(x, 0, 5);
}

/* Members in the groups of the first so many channels. */
static void
set_members(struct pair *x, size_t count)
{
	uint32_t *groups = calloc(count + 1, sizeof *groups);

	CHECK(groups != NULL);
	for (size_t i = 0; i < count; i++)
		groups[i] = x->relay_settings.settings.channels[i].group;
	free(peer_set_demand(x->peer, groups, count));
}

/* The peer says what it can do without, over a line that loses, and to a relay that is
 * told again. */
static void
demanded(struct pair *x)
{
	set_members(x, 1);
	up(x, 0, false);
	talk(x, 0, 3);
	capture(x, 0, 2, 20);
	set_members(x, 0);
	x->deaf = true;
	talk(x, 0, 1);
	x->deaf = false;
	x->lose_each = 3;
	wait(x, 4000); /* DEMAND again */
	talk(x, 0, 3);
	down(x, 0);
	up(x, 0, false);
	talk(x, 0, 5);
}

static void
change(struct pair *x, uint8_t arg)
{
	script_change(&x->relay_settings, x->relay, x->now, arg);
	put_step(x->to_relay, STEP_CHANGE, 0, arg, 1);
}

static void
redirect(struct pair *x, uint8_t arg)
{
	script_redirect(&x->peer_settings, x->peer, x->now, arg);
	put_step(x->to_peer, STEP_CHANGE, 0, arg, 1);
}

/* Channels come, move, go and come back, over a line that loses. */
static void
changes(struct pair *x)
{
	static const uint8_t files[] = {0x07, 0x0f, 0x0e, 0x17};

	up(x, 0, false);
	talk(x, 0, 2);
	x->lose_each = 5;
	for (size_t i = 0; i < sizeof files; i++) {
		change(x, files[i]);
		capture(x, UINT8_MAX, 3, 20);
		capture(x, 1, 3, 20);
		talk(x, 0, 2);
		redirect(x, (uint8_t)(5 * i));
	}
	down(x, 0);
	change(x, 0x1d);
	capture(x, UINT8_MAX, 2, 20);
	up(x, 0, true);
	talk(x, 0, 4);
}

/* The two ends of the scripts begin where SCRIPT_GREETED leaves off. */
static void
greeted(struct pair *x)
{
	FILE *to_relay = x->to_relay, *to_peer = x->to_peer;

	x->to_relay = x->to_peer = NULL;
	up(x, 0, true);
	relay_says(x, 0);
	peer_says(x, 0);
	x->to_relay = to_relay;
	x->to_peer = to_peer;
	capture(x, 0, 5, 20);
	talk(x, 0, 3);
	x->deaf = true;
	capture(x, 1, 3, 20);
	talk(x, 0, 1);
	x->deaf = false;
	talk(x, 0, 5);
}

struct seed {
	const char *name;
	void (*run)(struct pair *x);
	uint8_t options;
};

static void
write_seed(const char *directory, const struct seed *seed)
{
	struct pair *x = calloc(1, sizeof *x);
	FILE *to_relay =
		open_script(directory, "relay_input", seed->name, seed->options);
	FILE *to_peer = open_script(directory, "peer_input", seed->name, seed->options);

	CHECK(x != NULL);
	x->options = seed->options;
	x->epoch = RIG_EPOCH;
	x->instance = RIG_INSTANCE;
	x->now = core_rig_start();
	x->to_relay = to_relay;
	x->to_peer = to_peer;
	script_relay_settings(&x->relay_settings, seed->options);
	script_peer_settings(&x->peer_settings, seed->options);
	start_relay(x);
	start_peer(x);
	seed->run(x);
	relay_free(x->relay);
	peer_free(x->peer);
	free(x);
	CHECK(fclose(to_relay) == 0 && fclose(to_peer) == 0);
}

int
main(int argc, char **argv)
{
	static const struct seed seeds[] = {
		{"live", live, 0},
		{"lossy", lossy, 0},
		{"lossy_immediate", lossy, SCRIPT_IMMEDIATE},
		{"lossy_tight", lossy, SCRIPT_TIGHT},
		{"pieces", pieces, 0},
		{"reconnect", reconnect, 0},
		{"reconnect_sheds", reconnect, SCRIPT_SHEDS | SCRIPT_STALE},
		{"relay_restart", relay_restart, 0},
		{"peer_restart", peer_restart, 0},
		{"peer_restart_immediate", peer_restart, SCRIPT_IMMEDIATE},
		{"drained", drained, 0},
		{"drained_file", drained, SCRIPT_FILE},
		{"two_paths", two_paths, 0},
		{"flood", flood, SCRIPT_STALE},
		{"flood_tight", flood, SCRIPT_TIGHT},
		{"flood_sheds", flood, SCRIPT_TIGHT | SCRIPT_SHEDS | SCRIPT_IMMEDIATE},
		{"demanded", demanded, 0},
		{"greeted", greeted, SCRIPT_GREETED},
		{"changes", changes, 0},
		{"changes_tight", changes, SCRIPT_TIGHT},
	};

	if (argc != 2) {
		fprintf(stderr, "usage: seed_input DIRECTORY\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
		write_seed(argv[1], &seeds[i]);
	return EXIT_SUCCESS;
}
