/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SETTINGS_H
#define TOMBOLO_SETTINGS_H
/*
 * What the two YAML files say, parsed, checked and with every default filled
 * in. Built by relay_conf_load() and peer_conf_load(), and shared by all threads, who
 * only read it: a reload changes it in place, by lane_call(), while all stand still.
 * Strings are owned by the configuration. Addresses and ports are in host byte order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_BYTES_MAX     64   /* of a node or a channel, with the NUL */
#define CHANNELS_MAX       4096 /* in one file */
#define REMOTES_MAX        32   /* peers of a relay, relays of a peer */
#define PATHS_MAX          8    /* of one session */
#define LISTENERS_MAX      8
#define DATAGRAM_BYTES_MAX 65507 /* UDP over IPv4: 65535 - 20 - 8 */

struct endpoint {
	uint32_t addr;
	uint16_t port;
};

enum transport { TRANSPORT_TLS, TRANSPORT_DTLS };
enum path_use { PATH_DUPLICATE, PATH_STANDBY };

struct tls_settings {
	char *certificate;      /* PEM file, chain included */
	char *key;              /* PEM file */
	char *ca;               /* PEM file: who may sign a remote's certificate */
	char *crl;              /* PEM file: which of those are revoked; NULL: none */
	uint64_t rekey_records; /* key update after this many records */
	int64_t handshake_timeout_ns; /* from TCP accept or connect to ready */
};

struct listen_settings {
	struct endpoint address;
	enum transport transport;
};

struct path_settings {
	struct endpoint connect;
	uint32_t bind; /* local address, 0 = by route */
	enum transport transport;
	enum path_use use;
	uint32_t mtu;          /* of a packet, IP header included; 0: the route's */
	uint64_t max_rate_bps; /* 0: no limit */
};

/* The other half: an entry of a relay's peers: or of a peer's relays:. */
struct remote_settings {
	char name[NAME_BYTES_MAX]; /* as in a SAN of its certificate */
	struct path_settings paths[PATHS_MAX];
	size_t path_count; /* 0: the remote dials in */
	/* In a relay only: when to prefer the present. 0 = never. */
	int64_t shed_age_ns;
	uint64_t shed_bytes;
	uint64_t repair_rate; /* repairs/s at most; 0 = a quarter of the live rate */
};

struct session_settings {
	int64_t heartbeat_ns;     /* the longest step of the ladder */
	int64_t path_timeout_ns;  /* silence after which a path is dead */
	int64_t drain_timeout_ns; /* how long SIGTERM may take */
};

struct service_settings {
	struct endpoint metrics; /* port 0: none */
	char *control_socket;    /* NULL: none */
	int log_level;           /* enum log_level */
};

/* What the settings of either half have in common, for what does not care whose they are.
 * Borrowed from them. */
struct half_settings {
	const char *node;
	const struct tls_settings *tls;
	const struct listen_settings *listen;
	size_t listen_count;
	const struct remote_settings *remotes;
	size_t remote_count;
	const struct session_settings *session;
	const struct service_settings *service;
};

/* s: struct relay_settings * or struct peer_settings *. */
#define HALF_SETTINGS(s)                                           \
	((struct half_settings){.node = (s)->node,                 \
				.tls = &(s)->tls,                  \
				.listen = (s)->listen,             \
				.listen_count = (s)->listen_count, \
				.remotes = (s)->remotes,           \
				.remote_count = (s)->remote_count, \
				.session = &(s)->session,          \
				.service = &(s)->service})

/* ---- relay ---- */

/* JOIN_DEMAND: as JOIN_IGMP, but only what some peer wants, which alone is captured. */
enum join_mode { JOIN_IGMP, JOIN_NONE, JOIN_DEMAND };

struct capture_settings {
	char *interface; /* exactly one of interface and file is set */
	char *file;
	enum join_mode join;
	uint64_t buffer_bytes;
	bool immediate;   /* deliver at once; false: by block, less CPU, later */
	bool promiscuous; /* for TAP and SPAN ports */
	double pace;      /* 1.0 = original, 10.0 = 10x, 0 = max */
	uint32_t fragment_datagrams; /* being reassembled at once */
	int64_t fragment_timeout_ns;
};

/* Minutes of a day, 0 to 1440; `to` at or before `from` is on the next day. */
struct hours {
	uint16_t from_min, to_min; /* both 0: always */
};

#define DAYS_ALL   0x7f      /* bit 0: Monday */
#define ZONE_LOCAL INT16_MAX /* as the host has it, summer time included */

/* What a channel has to bring lest it be called silent. */
struct expect_settings {
	uint64_t rate_per_h; /* 0: nothing is expected */
	int64_t over_ns;     /* the interval that is measured */
	struct hours hours;
	uint8_t days;     /* on which the hours begin */
	int16_t zone_min; /* east of UTC, or ZONE_LOCAL */
};

struct channel_settings {
	char name[NAME_BYTES_MAX];
	uint32_t group;
	uint16_t port;
	uint32_t source; /* 0 = any */
	int feed;        /* index into the table of feed.c, 0 = none */
	struct expect_settings expect;
};

struct history_settings {
	uint64_t memory_bytes;
	int64_t age_ns;
	uint32_t channels; /* room for so many, those that a reload removed included;
			      0: for twice those of the file, at least 512 */
};

struct relay_settings {
	char node[NAME_BYTES_MAX];
	struct capture_settings capture;
	struct channel_settings *channels;
	size_t channel_count;
	struct history_settings history;
	struct tls_settings tls;
	struct listen_settings listen[LISTENERS_MAX];
	size_t listen_count;
	struct remote_settings *remotes; /* peers: */
	size_t remote_count;
	struct session_settings session;
	struct service_settings service;
};

/* ---- peer ---- */

enum delivery { DELIVERY_ORDERED, DELIVERY_IMMEDIATE };
/* Of all groups, or as EC2 has it for the domain. */
enum members_from { MEMBERS_ALL, MEMBERS_EC2 };
enum over_quota { QUOTA_WARN, QUOTA_PACE };

struct emit_settings {
	char *interface;
	char *domain; /* of the Transit Gateway: "tgw-mcast-domain-…"; NULL: not said */
	enum members_from members; /* who has members: what is not is not wanted */
	uint8_t ttl;
	uint8_t dscp;  /* 0..63 */
	bool fragment; /* false: DF set, too long is refused as oversize */
	bool loop;     /* receivers on this host see it too */
	struct {
		uint64_t flow_pps, flow_bps; /* 0 = unlimited; bits per second */
		uint64_t total_pps, total_bps;
	} quota;
	enum over_quota over_quota;
};

/* An entry of a peer's channels:, matched by name (and relay, when given). */
struct output_settings {
	char name[NAME_BYTES_MAX];
	char relay[NAME_BYTES_MAX]; /* "" = of any relay */
	uint32_t group;             /* 0 = as captured */
	uint16_t port;              /* 0 = as captured */
	enum delivery delivery;
	int64_t max_age_ns; /* 0 = never stale */
};

struct recovery_settings {
	int64_t give_up_ns;
	int64_t reorder_ns;        /* hold-off before the first request; 0 = measured */
	uint32_t window_datagrams; /* per channel, power of two */
	uint64_t memory_bytes;     /* for what is held, per lane */
	uint32_t channels;         /* most channels taken from one relay */
};

struct peer_settings {
	char node[NAME_BYTES_MAX];
	struct listen_settings listen[LISTENERS_MAX];
	size_t listen_count;
	struct tls_settings tls;
	struct remote_settings *remotes; /* relays: */
	size_t remote_count;
	struct emit_settings emit;
	struct output_settings *outputs; /* channels: */
	size_t output_count;
	struct recovery_settings recovery;
	struct history_settings history; /* memory_bytes 0: none */
	struct session_settings session;
	struct service_settings service;
};

#endif
