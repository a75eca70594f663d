/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_shared.h"

#include <string.h>

#include "base/log.h"

static const char *
transport_word(int value)
{
	static const char *const words[] = {
		[TRANSPORT_TLS] = "tls", [TRANSPORT_DTLS] = "dtls", NULL};

	return words[value];
}

static const char *
use_word(int value)
{
	static const char *const words[] = {
		[PATH_DUPLICATE] = "duplicate", [PATH_STANDBY] = "standby", NULL};

	return words[value];
}

static const char *
level_word(int value)
{
	return value <= LOG_LEVEL_DEBUG ? log_level_name((enum log_level)value) : NULL;
}

/* The most records per key are 2^24: RFC 8446 section 5.5 allows AES-GCM 2^24.5. */
static const struct conf_row tls_rows[] = {
	{.key = "certificate",
	 .live = true,
	 .type = CONF_STRING,
	 .required = true,
	 CONF_FIELD(struct tls_settings, certificate),
	 .min = "1",
	 .max = "4095",
	 .help = "PEM file of the own certificate, chain included"},
	{.key = "key",
	 .live = true,
	 .type = CONF_STRING,
	 .required = true,
	 CONF_FIELD(struct tls_settings, key),
	 .min = "1",
	 .max = "4095",
	 .help = "PEM file of the own private key"},
	{.key = "ca",
	 .live = true,
	 .type = CONF_STRING,
	 .required = true,
	 CONF_FIELD(struct tls_settings, ca),
	 .min = "1",
	 .max = "4095",
	 .help = "PEM file of who may sign a remote's certificate"},
	{.key = "crl",
	 .live = true,
	 .type = CONF_STRING,
	 CONF_FIELD(struct tls_settings, crl),
	 .min = "1",
	 .max = "4095",
	 .help = "PEM file of the revocation lists of those"},
	{.key = "rekey",
	 .live = true,
	 .type = CONF_COUNT,
	 CONF_FIELD(struct tls_settings, rekey_records),
	 .min = "64",
	 .max = "16777216",
	 .fallback = "8388608",
	 .help = "records until the keys are changed"},
	{.key = "handshake_timeout",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct tls_settings, handshake_timeout_ns),
	 .min = "100ms",
	 .max = "1min",
	 .fallback = "5s",
	 .help = "time from connection to an authenticated path"},
};
const struct conf_record conf_tls = CONF_RECORD_OF(struct tls_settings, tls_rows);

static const struct conf_row listen_rows[] = {
	{.key = "address",
	 .type = CONF_LISTEN,
	 .required = true,
	 CONF_FIELD(struct listen_settings, address),
	 .help = "where remotes dial in"},
	{.key = "transport",
	 .type = CONF_WORD,
	 CONF_FIELD(struct listen_settings, transport),
	 .fallback = "tls",
	 .word = transport_word,
	 .help = "what paths are made of"},
};
const struct conf_record conf_listen =
	CONF_RECORD_OF(struct listen_settings, listen_rows);

static const struct conf_row path_rows[] = {
	{.key = "connect",
	 .type = CONF_CONNECT,
	 .required = true,
	 CONF_FIELD(struct path_settings, connect),
	 .help = "address of the remote to dial"},
	{.key = "bind",
	 .type = CONF_HOST,
	 CONF_FIELD(struct path_settings, bind),
	 .help = "local address, which selects the line"},
	{.key = "transport",
	 .type = CONF_WORD,
	 CONF_FIELD(struct path_settings, transport),
	 .fallback = "tls",
	 .word = transport_word,
	 .help = "what the path is made of"},
	{.key = "use",
	 .type = CONF_WORD,
	 CONF_FIELD(struct path_settings, use),
	 .fallback = "duplicate",
	 .word = use_word,
	 .help = "carries live data always, or only when no other path does"},
	{.key = "mtu",
	 .type = CONF_COUNT,
	 CONF_FIELD(struct path_settings, mtu),
	 .min = "576",
	 .max = "9216",
	 .fallback = "0",
	 .zero = "from the route",
	 .help = "bytes of a DTLS path's packets"},
	{.key = "max_rate",
	 .type = CONF_RATE,
	 CONF_FIELD(struct path_settings, max_rate_bps),
	 .min = "64kbit",
	 .max = "1000Gbit",
	 .fallback = "0",
	 .zero = "unlimited",
	 .help = "bits per second of what this node sends on it"},
};
const struct conf_record conf_paths = CONF_RECORD_OF(struct path_settings, path_rows);

static const struct conf_row session_rows[] = {
	{.key = "heartbeat",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct session_settings, heartbeat_ns),
	 .min = "1ms",
	 .max = "1min",
	 .fallback = "200ms",
	 .help = "longest time between heartbeats"},
	{.key = "path_timeout",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct session_settings, path_timeout_ns),
	 .min = "2ms",
	 .max = "10min", /* 3 x heartbeat: conf_check_session() */
	 .help = "silence after which a path is dead"},
	{.key = "drain_timeout",
	 .live = true,
	 .type = CONF_DURATION,
	 CONF_FIELD(struct session_settings, drain_timeout_ns),
	 .min = "1ms",
	 .max = "5min",
	 .fallback = "5s",
	 .zero = "at once",
	 .help = "how long a stop may wait for what is still to be sent"},
};
const struct conf_record conf_session =
	CONF_RECORD_OF(struct session_settings, session_rows);

static const struct conf_row metrics_rows[] = {
	{.key = "listen",
	 .type = CONF_LISTEN,
	 CONF_FIELD(struct service_settings, metrics),
	 .help = "address of the HTTP server for figures"},
};
const struct conf_record conf_metrics =
	CONF_RECORD_OF(struct service_settings, metrics_rows);

/* unix(7): sun_path has 108 bytes with the NUL. */
static const struct conf_row control_rows[] = {
	{.key = "socket",
	 .type = CONF_STRING,
	 CONF_FIELD(struct service_settings, control_socket),
	 .min = "1",
	 .max = "107",
	 .help = "UNIX socket of tomboloctl(8)"},
};
const struct conf_record conf_control =
	CONF_RECORD_OF(struct service_settings, control_rows);

static const struct conf_row log_rows[] = {
	{.key = "level",
	 .live = true,
	 .type = CONF_WORD,
	 CONF_FIELD(struct service_settings, log_level),
	 .fallback = "info",
	 .word = level_word,
	 .help = "what is logged"},
};
const struct conf_record conf_log = CONF_RECORD_OF(struct service_settings, log_rows);

static bool
clash(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port &&
	       (a->addr == b->addr || a->addr == 0 || b->addr == 0);
}

static void
check_listen(struct conf *c, const struct half_settings *s)
{
	const struct listen_settings *l = s->listen;

	for (size_t i = 0; i < s->listen_count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (l[k].transport == l[i].transport &&
			    clash(&l[k].address, &l[i].address))
				conf_refuse(c, conf_path("listen[%zu].address", i),
					    "is taken by listen[%zu]; give another "
					    "address or port",
					    k);
		}
		if (l[i].transport == TRANSPORT_TLS && s->service->metrics.port != 0 &&
		    clash(&l[i].address, &s->service->metrics))
			conf_refuse(c, conf_path("metrics.listen"),
				    "is taken by listen[%zu]; give another address or "
				    "port",
				    i);
	}
}

static void
check_remote(struct conf *c, const struct half_settings *s, const char *remotes_key,
	     size_t i)
{
	const struct remote_settings *r = &s->remotes[i];

	for (size_t k = 0; k < i; k++) {
		if (strcmp(s->remotes[k].name, r->name) == 0)
			conf_refuse(
				c, conf_path("%s[%zu].name", remotes_key, i),
				"\"%s\" is the name of %s[%zu] too; names must differ",
				r->name, remotes_key, k);
	}
	if (r->path_count == 0 && s->listen_count == 0)
		conf_refuse(c, conf_path("%s[%zu]", remotes_key, i),
			    "has no paths and this node has no listen, so that neither "
			    "can dial; give paths here or listen above");
	for (size_t k = 0; k < r->path_count; k++) {
		if (r->paths[k].mtu != 0 && r->paths[k].transport != TRANSPORT_DTLS)
			conf_refuse(
				c,
				conf_path("%s[%zu].paths[%zu].mtu", remotes_key, i, k),
				"is for transport: dtls; TCP finds it by itself");
	}
}

void
conf_check_ends(struct conf *c, const struct half_settings *s, const char *remotes_key)
{
	check_listen(c, s);
	for (size_t i = 0; i < s->remote_count; i++)
		check_remote(c, s, remotes_key, i);
}

void
conf_check_session(struct conf *c, struct session_settings *s)
{
	if (s->path_timeout_ns == 0)
		s->path_timeout_ns = 3 * s->heartbeat_ns;
	if (s->path_timeout_ns < 2 * s->heartbeat_ns)
		conf_refuse(c, conf_path("session.path_timeout"),
			    "is less than twice session.heartbeat, so that one late "
			    "heartbeat ends a path; allowed: at least 2 x heartbeat");
}
