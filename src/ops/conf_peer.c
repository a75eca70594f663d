/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf.h"

#include <string.h>

#include "cloud/domain.h"
#include "ops/conf_outputs.h"
#include "ops/conf_shared.h"

static const char *
delivery_word(int value)
{
	static const char *const words[] = {[DELIVERY_ORDERED] = "ordered",
					    [DELIVERY_IMMEDIATE] = "immediate",
					    NULL};

	return words[value];
}

static const char *
members_word(int value)
{
	static const char *const words[] = {
		[MEMBERS_ALL] = "all", [MEMBERS_EC2] = "ec2", NULL};

	return words[value];
}

static const char *
over_quota_word(int value)
{
	static const char *const words[] = {
		[QUOTA_WARN] = "warn", [QUOTA_PACE] = "pace", NULL};

	return words[value];
}

static const struct conf_row relay_rows[] = {
	CONF_REMOTE_NAME_ROW,
	CONF_REMOTE_PATHS_ROW,
};
static const struct conf_record relay =
	CONF_RECORD_OF(struct remote_settings, relay_rows);

/* The defaults are a flow's limits in a Transit Gateway multicast domain with
 * fewer than ten receivers. */
static const struct conf_row quota_rows[] = {
	{.key = "flow_pps",
	 .live = true,
	 .type = CONF_FREQUENCY,
	 CONF_FIELD(struct emit_settings, quota.flow_pps),
	 .min = "1",
	 .max = "1000000000",
	 .fallback = "75000",
	 .zero = "unlimited",
	 .help = "packets per second of one channel"},
	{.key = "flow_rate",
	 .live = true,
	 .type = CONF_RATE,
	 CONF_FIELD(struct emit_settings, quota.flow_bps),
	 .min = "1kbit",
	 .max = "1000Gbit",
	 .fallback = "1Gbit",
	 .zero = "unlimited",
	 .help = "bits per second of one channel"},
	{.key = "total_pps",
	 .live = true,
	 .type = CONF_FREQUENCY,
	 CONF_FIELD(struct emit_settings, quota.total_pps),
	 .min = "1",
	 .max = "1000000000",
	 .fallback = "0",
	 .zero = "unlimited",
	 .help = "packets per second of all channels"},
	{.key = "total_rate",
	 .live = true,
	 .type = CONF_RATE,
	 CONF_FIELD(struct emit_settings, quota.total_bps),
	 .min = "1kbit",
	 .max = "1000Gbit",
	 .fallback = "0",
	 .zero = "unlimited",
	 .help = "bits per second of all channels"},
};
static const struct conf_record quota =
	CONF_RECORD_OF(struct emit_settings, quota_rows);

static const struct conf_row emit_rows[] = {
	{.key = "interface",
	 .type = CONF_STRING,
	 .required = true,
	 CONF_FIELD(struct emit_settings, interface),
	 .min = "1",
	 .max = "15",
	 .help = "interface in the multicast domain"},
	{.key = "domain",
	 .type = CONF_STRING,
	 CONF_FIELD(struct emit_settings, domain),
	 .min = "1",
	 .max = "47",
	 .live = true,
	 .help = "multicast domain of a Transit Gateway"},
	{.key = "members",
	 .type = CONF_WORD,
	 CONF_FIELD(struct emit_settings, members),
	 .fallback = "all",
	 .word = members_word,
	 .help = "of which groups relays are told that they are wanted"},
	{.key = "ttl",
	 .live = true,
	 .type = CONF_COUNT,
	 CONF_FIELD(struct emit_settings, ttl),
	 .min = "1",
	 .max = "255",
	 .fallback = "8",
	 .help = "IP time to live"},
	{.key = "dscp",
	 .live = true,
	 .type = CONF_COUNT,
	 CONF_FIELD(struct emit_settings, dscp),
	 .min = "0",
	 .max = "63",
	 .fallback = "0",
	 .help = "differentiated services code point"},
	{.key = "fragment",
	 .type = CONF_BOOL,
	 CONF_FIELD(struct emit_settings, fragment),
	 .fallback = "false",
	 .help = "whether too long a datagram may be fragmented"},
	{.key = "loop",
	 .type = CONF_BOOL,
	 CONF_FIELD(struct emit_settings, loop),
	 .fallback = "false",
	 .help = "whether receivers on this host see it too"},
	{.key = "quota",
	 .type = CONF_RECORD,
	 .record = &quota,
	 .help = "what the network takes"},
	{.key = "over_quota",
	 .live = true,
	 .type = CONF_WORD,
	 CONF_FIELD(struct emit_settings, over_quota),
	 .fallback = "warn",
	 .word = over_quota_word,
	 .help = "what is done beyond the quota"},
};
static const struct conf_record emit = CONF_RECORD_OF(struct emit_settings, emit_rows);

static const struct conf_row output_rows[] = {
	{.key = "name",
	 .type = CONF_NAME,
	 .required = true,
	 CONF_FIELD(struct output_settings, name),
	 .help = "as in the relay"},
	{.key = "relay",
	 .type = CONF_NAME,
	 CONF_FIELD(struct output_settings, relay),
	 .help = "the one relay that is meant"},
	{.key = "group",
	 .type = CONF_GROUP,
	 CONF_FIELD(struct output_settings, group),
	 .help = "multicast address to emit to"},
	{.key = "port",
	 .type = CONF_COUNT,
	 CONF_FIELD(struct output_settings, port),
	 .min = "1",
	 .max = "65535",
	 .help = "UDP port to emit to"},
	{.key = "delivery",
	 .type = CONF_WORD,
	 CONF_FIELD(struct output_settings, delivery),
	 .fallback = "ordered",
	 .word = delivery_word,
	 .help = "in sequence order, or on arrival"},
	{.key = "max_age",
	 .type = CONF_DURATION,
	 CONF_FIELD(struct output_settings, max_age_ns),
	 .min = "1ms",
	 .max = "1h",
	 .fallback = "0",
	 .zero = "never",
	 .help = "age from capture beyond which a datagram is not emitted"},
};
static const struct conf_record output =
	CONF_RECORD_OF(struct output_settings, output_rows);

static const struct conf_row recovery_rows[] = {
	{.key = "give_up",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct recovery_settings, give_up_ns),
	 .min = "1ms",
	 .max = "1min",
	 .fallback = "200ms",
	 .help = "age at which a gap is no longer requested"},
	{.key = "reorder",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct recovery_settings, reorder_ns),
	 .min = "1us",
	 .max = "10s",
	 .fallback = "0",
	 .zero = "as measured",
	 .help = "hold-off before the first request"},
	{.key = "window",
	 .type = CONF_COUNT,
	 CONF_FIELD(struct recovery_settings, window_datagrams),
	 .min = "64",
	 .max = "1048576",
	 .fallback = "16384",
	 .help = "datagrams from the next to emit to the newest, per channel"},
	{.key = "memory",
	 .type = CONF_SIZE,
	 CONF_FIELD(struct recovery_settings, memory_bytes),
	 .min = "1MiB",
	 .max = "1024GiB",
	 .fallback = "64MiB",
	 .help = "for what is held, per lane"},
	{.key = "channels",
	 .type = CONF_COUNT,
	 CONF_FIELD(struct recovery_settings, channels),
	 .min = "1",
	 .max = "4096",
	 .fallback = "512",
	 .help = "most channels taken from one relay"},
};
static const struct conf_record recovery =
	CONF_RECORD_OF(struct recovery_settings, recovery_rows);

static const struct conf_row history_rows[] = {
	{.key = "memory",
	 .type = CONF_SIZE,
	 CONF_FIELD(struct history_settings, memory_bytes),
	 .min = "1MiB",
	 .max = "1024GiB",
	 .fallback = "16MiB",
	 .zero = "nothing is remembered",
	 .help = "memory of what was emitted, per lane"},
	{.key = "age",
	 .type = CONF_DURATION,
	 CONF_FIELD(struct history_settings, age_ns),
	 .min = "1ms",
	 .max = "1h",
	 .fallback = "10s",
	 .live = true,
	 .help = "how long it is remembered"},
};
static const struct conf_record history =
	CONF_RECORD_OF(struct history_settings, history_rows);

static const struct conf_row peer_rows[] = {
	CONF_NODE_ROW(struct peer_settings),
	CONF_LISTEN_ROW(struct peer_settings, "where relays may dial in"),
	CONF_TLS_ROW(struct peer_settings),
	CONF_REMOTES_ROW(struct peer_settings, "relays", &relay,
			 "from whom channels are taken"),
	{.key = "emit",
	 .type = CONF_RECORD,
	 .required = true,
	 .record = &emit,
	 CONF_FIELD(struct peer_settings, emit),
	 .help = "where datagrams go"},
	{.key = "channels",
	 .live = true,
	 .type = CONF_LIST,
	 .record = &output,
	 CONF_FIELD(struct peer_settings, outputs),
	 .heap = true,
	 .count_offset = offsetof(struct peer_settings, output_count),
	 .capacity = CHANNELS_MAX,
	 .help = "channels that are not emitted as they were captured"},
	{.key = "recovery",
	 .type = CONF_RECORD,
	 .record = &recovery,
	 CONF_FIELD(struct peer_settings, recovery),
	 .help = "how gaps are repaired"},
	{.key = "history",
	 .type = CONF_RECORD,
	 .record = &history,
	 CONF_FIELD(struct peer_settings, history),
	 .help = "what tomboloctl(8) can show of the recent past"},
	CONF_SERVICE_ROWS(struct peer_settings),
};
static const struct conf_record peer = CONF_RECORD_OF(struct peer_settings, peer_rows);

static void
check_emit(struct conf *c, const struct emit_settings *s)
{
	if (s->over_quota == QUOTA_PACE && s->quota.flow_pps == 0 &&
	    s->quota.flow_bps == 0 && s->quota.total_pps == 0 &&
	    s->quota.total_bps == 0)
		conf_refuse(c, conf_path("emit.over_quota"),
			    "there is nothing to pace to: all of emit.quota is "
			    "unlimited; set one, or say warn");
	if (s->domain != NULL && !domain_is_one(s->domain))
		conf_refuse(c, conf_path("emit.domain"),
			    "\"%s\" is no multicast domain of a Transit Gateway; "
			    "allowed: tgw-mcast-domain- and hexadecimal digits",
			    s->domain);
	if (s->members == MEMBERS_EC2 && s->domain == NULL)
		conf_refuse(c, conf_path("emit.members"),
			    "EC2 is asked who is in a multicast domain: say which, in "
			    "emit.domain");
}

static void
check_recovery(struct conf *c, const struct recovery_settings *s)
{
	uint32_t window = s->window_datagrams;

	if ((window & (window - 1)) != 0)
		conf_refuse(
			c, conf_path("recovery.window"),
			"%u is not a power of two; allowed: 64, 128, 256 ... 1048576",
			window);
	if (s->reorder_ns >= s->give_up_ns)
		conf_refuse(c, conf_path("recovery.reorder"),
			    "must be less than recovery.give_up, or nothing is ever "
			    "requested");
}

static void
check_peer(struct conf *c, void *settings)
{
	struct peer_settings *s = settings;
	struct half_settings both = HALF_SETTINGS(s);

	conf_check_ends(c, &both, "relays");
	check_emit(c, &s->emit);
	conf_outputs_check(c, s);
	check_recovery(c, &s->recovery);
	conf_check_session(c, &s->session);
}

static struct half_settings
shared(const void *settings)
{
	const struct peer_settings *s = settings;

	return HALF_SETTINGS(s);
}

const struct conf_half peer_conf = {
	.record = &peer, .check = check_peer, .shared = shared};

struct peer_settings *
peer_conf_load(const char *file, char *error, size_t error_bytes)
{
	return conf_load(&peer_conf, file, error, error_bytes);
}

struct peer_settings *
peer_conf_parse(const char *file, const char *text, size_t bytes, char *error,
		size_t error_bytes)
{
	return conf_parse(&peer_conf, conf_report_init(file, error, error_bytes), text,
			  bytes);
}

void
peer_conf_print(const struct peer_settings *s, FILE *out)
{
	conf_print(&peer, s, out);
}

void
peer_conf_free(struct peer_settings *s)
{
	conf_delete(&peer_conf, s);
}

const struct conf_record *
peer_conf_record(void)
{
	return &peer;
}
