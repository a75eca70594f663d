/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf.h"

#include <string.h>

#include "ops/conf_shared.h"
#include "ops/conf_twins.h"
#include "ops/expect.h"
#include "path/feed.h"

static const char *
join_word(int value)
{
	static const char *const words[] = {[JOIN_IGMP] = "igmp",
					    [JOIN_NONE] = "none",
					    [JOIN_DEMAND] = "demand",
					    NULL};

	return words[value];
}

static const char *
feed_word(int value)
{
	return (size_t)value < feed_count() ? feed_name(value) : NULL;
}

static const struct conf_row fragments_rows[] = {
	{.key = "datagrams",
	 .type = CONF_COUNT,
	 CONF_FIELD(struct capture_settings, fragment_datagrams),
	 .min = "1",
	 .max = "4096",
	 .fallback = "64",
	 .help = "fragmented datagrams being put together at once"},
	{.key = "timeout",
	 .type = CONF_DURATION,
	 CONF_FIELD(struct capture_settings, fragment_timeout_ns),
	 .min = "1ms",
	 .max = "1min",
	 .fallback = "1s",
	 .help = "how long the fragments of a datagram are awaited"},
};
static const struct conf_record fragments =
	CONF_RECORD_OF(struct capture_settings, fragments_rows);

/* netdevice(7): IFNAMSIZ is 16 with the NUL. pcap_set_buffer_size(3PCAP) takes an
 * int, so that 2GiB would be one too many. */
static const struct conf_row capture_rows[] = {
	{.key = "interface",
	 .type = CONF_STRING,
	 CONF_FIELD(struct capture_settings, interface),
	 .min = "1",
	 .max = "15",
	 .help = "interface on the exchange's network"},
	{.key = "file",
	 .type = CONF_STRING,
	 CONF_FIELD(struct capture_settings, file),
	 .min = "1",
	 .max = "4095",
	 .help = "capture file to play instead"},
	{.key = "join",
	 .type = CONF_WORD,
	 CONF_FIELD(struct capture_settings, join),
	 .fallback = "igmp",
	 .word = join_word,
	 .help = "how groups are joined, and which"},
	{.key = "buffer",
	 .type = CONF_SIZE,
	 CONF_FIELD(struct capture_settings, buffer_bytes),
	 .min = "1MiB",
	 .max = "1GiB",
	 .fallback = "64MiB",
	 .help = "the kernel's capture ring"},
	{.key = "immediate",
	 .type = CONF_BOOL,
	 CONF_FIELD(struct capture_settings, immediate),
	 .fallback = "true",
	 .help = "deliver each datagram at once, not by block"},
	{.key = "promiscuous",
	 .type = CONF_BOOL,
	 CONF_FIELD(struct capture_settings, promiscuous),
	 .fallback = "false",
	 .help = "take frames for other hosts too, on a TAP or SPAN port"},
	{.key = "pace",
	 .type = CONF_PACE,
	 CONF_FIELD(struct capture_settings, pace),
	 .fallback = "original",
	 .help = "how fast a file is played"},
	{.key = "fragments",
	 .type = CONF_RECORD,
	 .record = &fragments,
	 .help = "reassembly of IP fragments"},
};
static const struct conf_record capture =
	CONF_RECORD_OF(struct capture_settings, capture_rows);

static const struct conf_row expect_rows[] = {
	{.key = "rate",
	 .type = CONF_CADENCE,
	 .required = true,
	 CONF_FIELD(struct expect_settings, rate_per_h),
	 .min = "1/h",
	 .max = "100000000/s",
	 .help = "datagrams that it brings at least"},
	{.key = "over",
	 .type = CONF_DURATION,
	 CONF_FIELD(struct expect_settings, over_ns),
	 .min = "1s",
	 .max = "24h",
	 .fallback = "10s",
	 .help = "the interval over which that is measured"},
	{.key = "hours",
	 .type = CONF_HOURS,
	 CONF_FIELD(struct expect_settings, hours),
	 .help = "when it is expected, each day"},
	{.key = "days",
	 .type = CONF_DAYS,
	 CONF_FIELD(struct expect_settings, days),
	 .fallback = "mon-sun",
	 .help = "days on which those hours begin"},
	{.key = "zone",
	 .type = CONF_ZONE,
	 CONF_FIELD(struct expect_settings, zone_min),
	 .fallback = "local",
	 .help = "whose time that is"},
};
static const struct conf_record expect =
	CONF_RECORD_OF(struct expect_settings, expect_rows);

static const struct conf_row channel_rows[] = {
	{.key = "name",
	 .type = CONF_NAME,
	 .required = true,
	 CONF_FIELD(struct channel_settings, name),
	 .help = "the channel's own name"},
	{.key = "group",
	 .type = CONF_GROUP,
	 .required = true,
	 CONF_FIELD(struct channel_settings, group),
	 .help = "its multicast address"},
	{.key = "port",
	 .type = CONF_COUNT,
	 .required = true,
	 CONF_FIELD(struct channel_settings, port),
	 .min = "1",
	 .max = "65535",
	 .help = "its UDP destination port"},
	{.key = "source",
	 .type = CONF_HOST,
	 CONF_FIELD(struct channel_settings, source),
	 .help = "the only sender that is taken"},
	{.key = "feed",
	 .type = CONF_WORD,
	 CONF_FIELD(struct channel_settings, feed),
	 .fallback = "none",
	 .word = feed_word,
	 .help = "framing in which upstream gaps are looked for"},
	{.key = "expect",
	 .type = CONF_RECORD,
	 .record = &expect,
	 .optional = true,
	 CONF_FIELD(struct channel_settings, expect),
	 .help = "what it has to bring lest it be called silent"},
};
static const struct conf_record channel =
	CONF_RECORD_OF(struct channel_settings, channel_rows);

static const struct conf_row history_rows[] = {
	{.key = "memory",
	 .type = CONF_SIZE,
	 CONF_FIELD(struct history_settings, memory_bytes),
	 .min = "1MiB",
	 .max = "1024GiB",
	 .fallback = "256MiB",
	 .help = "memory of the history, per lane"},
	{.key = "age",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct history_settings, age_ns),
	 .min = "1ms",
	 .max = "1h",
	 .fallback = "10s",
	 .help = "how long a datagram can be repaired"},
	{.key = "channels",
	 .type = CONF_COUNT,
	 CONF_FIELD(struct history_settings, channels),
	 .min = "1",
	 .max = "4096",
	 .fallback = "0",
	 .zero = "twice those of the file, and 512 at least",
	 .help = "room for channels, those that a reload removed included"},
};
static const struct conf_record history =
	CONF_RECORD_OF(struct history_settings, history_rows);

static const struct conf_row peer_rows[] = {
	CONF_REMOTE_NAME_ROW,
	CONF_REMOTE_PATHS_ROW,
	{.key = "shed_age",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct remote_settings, shed_age_ns),
	 .min = "1ms",
	 .max = "1h",
	 .fallback = "0",
	 .zero = "never",
	 .help = "age at which a datagram is no longer sent live"},
	{.key = "shed_bytes",
	 .live = true,
	 .type = CONF_SIZE,
	 CONF_FIELD(struct remote_settings, shed_bytes),
	 .min = "64KiB",
	 .max = "1024GiB",
	 .fallback = "0",
	 .zero = "never",
	 .help = "unsent bytes beyond which the oldest are no longer sent live"},
	{.key = "repair_rate",
	 .live = true,
	 .type = CONF_FREQUENCY,
	 CONF_FIELD(struct remote_settings, repair_rate),
	 .min = "1",
	 .max = "100000000",
	 .fallback = "0",
	 .zero = "a quarter of the live rate",
	 .help = "repairs per second at most"},
};
static const struct conf_record peer =
	CONF_RECORD_OF(struct remote_settings, peer_rows);

static const struct conf_row relay_rows[] = {
	CONF_NODE_ROW(struct relay_settings),
	{.key = "capture",
	 .type = CONF_RECORD,
	 .required = true,
	 .record = &capture,
	 CONF_FIELD(struct relay_settings, capture),
	 .help = "where datagrams come from"},
	{.key = "channels",
	 .live = true,
	 .type = CONF_LIST,
	 .required = true,
	 .record = &channel,
	 CONF_FIELD(struct relay_settings, channels),
	 .heap = true,
	 .count_offset = offsetof(struct relay_settings, channel_count),
	 .capacity = CHANNELS_MAX,
	 .help = "what is carried"},
	{.key = "history",
	 .type = CONF_RECORD,
	 .record = &history,
	 CONF_FIELD(struct relay_settings, history),
	 .help = "what is kept for repairs"},
	CONF_TLS_ROW(struct relay_settings),
	CONF_LISTEN_ROW(struct relay_settings, "where peers may dial in"),
	CONF_REMOTES_ROW(struct relay_settings, "peers", &peer, "who is served"),
	CONF_SERVICE_ROWS(struct relay_settings),
};
static const struct conf_record relay =
	CONF_RECORD_OF(struct relay_settings, relay_rows);

static void
check_capture(struct conf *c, const struct capture_settings *s)
{
	if ((s->interface == NULL) == (s->file == NULL))
		conf_refuse(c, conf_path("capture"),
			    "has %s of interface and file; exactly one is due",
			    s->file == NULL ? "none" : "both");
	if (s->interface != NULL && s->pace != 1.0)
		conf_refuse(c, conf_path("capture.pace"),
			    "is for capture.file only; leave it out with "
			    "capture.interface");
}

static void
check_room(struct conf *c, const struct relay_settings *s)
{
	if (s->history.channels != 0 && s->channel_count > s->history.channels)
		conf_refuse(c, conf_path("channels"),
			    "there are %zu, and room for %u; raise history.channels",
			    s->channel_count, s->history.channels);
}

static int
compare_names(const void *a, const void *b)
{
	const struct channel_settings *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
compare_addresses(const void *a, const void *b)
{
	const struct channel_settings *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->source < y->source ? -1 : x->source > y->source;
}

static void
check_twins(struct conf *c, const struct channel_settings *channels, size_t i,
	    const struct conf_twins *name, const struct conf_twins *address)
{
	if (i == name->second)
		conf_refuse(c, conf_path("channels[%zu].name", i),
			    "\"%s\" is the name of channels[%zu] too; names must "
			    "differ",
			    channels[i].name, name->first);
	if (i == address->second)
		conf_refuse(c, conf_path("channels[%zu].group", i),
			    "group, port and source are those of channels[%zu]; "
			    "one channel carries them",
			    address->first);
}

/* What is less than a datagram in an interval is there in every one. */
static void
check_expect(struct conf *c, const struct expect_settings *e, size_t i)
{
	if (e->rate_per_h != 0 && expect_due(e, e->over_ns) < 1)
		conf_refuse(c, conf_path("channels[%zu].expect.over", i),
			    "is too short for the rate, which is less than one "
			    "datagram in it; give more, or a higher rate");
}

static void
check_channels(struct conf *c, const struct relay_settings *s)
{
	const struct channel_settings *channels = s->channels;
	size_t count = s->channel_count;
	struct conf_twins name, address;

	if (!conf_twins_find(channels, count, sizeof(*channels), compare_names,
			     &name) ||
	    !conf_twins_find(channels, count, sizeof(*channels), compare_addresses,
			     &address)) {
		conf_refuse(c, conf_path("channels"), "out of memory");
		return;
	}
	for (size_t i = 0; i < count && !c->report.failed; i++) {
		check_twins(c, channels, i, &name, &address);
		check_expect(c, &channels[i].expect, i);
	}
}

/* What was shed must still be in the history, or shedding would be losing. */
static void
check_shed(struct conf *c, const struct relay_settings *s, size_t i)
{
	const struct remote_settings *r = &s->remotes[i];

	if (r->shed_age_ns >= s->history.age_ns)
		conf_refuse(c, conf_path("peers[%zu].shed_age", i),
			    "must be less than history.age, or what is shed cannot be "
			    "repaired");
	if (r->shed_bytes >= s->history.memory_bytes)
		conf_refuse(
			c, conf_path("peers[%zu].shed_bytes", i),
			"must be less than history.memory, or what is shed cannot be "
			"repaired");
}

static void
check_relay(struct conf *c, void *settings)
{
	struct relay_settings *s = settings;
	struct half_settings both = HALF_SETTINGS(s);

	check_capture(c, &s->capture);
	check_room(c, s);
	check_channels(c, s);
	conf_check_ends(c, &both, "peers");
	for (size_t i = 0; i < s->remote_count; i++)
		check_shed(c, s, i);
	conf_check_session(c, &s->session);
}

static struct half_settings
shared(const void *settings)
{
	const struct relay_settings *s = settings;

	return HALF_SETTINGS(s);
}

const struct conf_half relay_conf = {
	.record = &relay, .check = check_relay, .shared = shared};

struct relay_settings *
relay_conf_load(const char *file, char *error, size_t error_bytes)
{
	return conf_load(&relay_conf, file, error, error_bytes);
}

struct relay_settings *
relay_conf_parse(const char *file, const char *text, size_t bytes, char *error,
		 size_t error_bytes)
{
	return conf_parse(&relay_conf, conf_report_init(file, error, error_bytes), text,
			  bytes);
}

void
relay_conf_print(const struct relay_settings *s, FILE *out)
{
	conf_print(&relay, s, out);
}

void
relay_conf_free(struct relay_settings *s)
{
	conf_delete(&relay_conf, s);
}

const struct conf_record *
relay_conf_record(void)
{
	return &relay;
}
