/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PATH_H
#define TOMBOLO_PATH_H
/*
 * Inside the tunnel, for its own files only. A connection is a socket on its
 * way to becoming a path, or the one under a path; a path is a slot of a remote,
 * with its buffers. A transport is a small table of functions: tls.c is one and
 * dtls.c the other, and what is said here of streams and datagrams is all that the
 * rest knows of the difference.
 *
 * tunnel.c      the tables, the lane's calls
 * dial.c        who is dialled, and when again
 * listen.c      accept
 * connection.c  from socket to authenticated, or refused
 * flow.c        bytes between a path and the lane; the end of a path
 * pace.c        max_rate
 * tls.c         one connection in TLS 1.3
 * dtls.c        one connection in DTLS 1.2; dtls_bio.c: what OpenSSL reads and
 *               writes of it; hello.c: listening, cookie.c: without state;
 *               udp.c: datagrams by the batch
 * answer.c      what OpenSSL said; identity.c: whose certificate it is;
 * credentials.c the files behind it; refusal.c why not
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "path/alarm.h"
#include "path/expiry.h"
#include "path/pace.h"
#include "path/refusal.h"
#include "path/tunnel.h"
#include "path/udp.h"

struct dtls;
struct hello;
struct ssl_st;
struct ssl_ctx_st;

#define UNAUTHENTICATED_MAX 64
#define READ_TURN_BYTES     (256 * 1024)
#define WRITE_TURN_BYTES    (256 * 1024)
#define REASON_BYTES        512

enum progress {
	PROGRESS_DONE,
	PROGRESS_WANT_READ,
	PROGRESS_WANT_WRITE,
	PROGRESS_ENDED,  /* the remote closed, as agreed */
	PROGRESS_FAILED, /* detail says how */
};

/* What must become possible before an operation is tried again. */
enum waits { WAITS_NOTHING, WAITS_READ, WAITS_WRITE };

/* The part of a connection that only datagrams need. */
struct datagram_end {
	struct udp_out out;   /* records that are written but not sent */
	uint32_t mtu;         /* as configured, 0: the route's */
	size_t payload;       /* of a datagram, at most */
	size_t frames;        /* bytes of them in a datagram; 0 before the handshake */
	uint64_t blocks_left; /* of 16 bytes, under these keys */
	uint32_t overflow;    /* as the kernel counts it */
	int error;            /* of the socket, in the handshake: errno */
	bool repeating;       /* a flight of the handshake */
	bool fed;             /* a datagram went in, nothing has come out of it yet */
};

enum connection_stage {
	CONNECTION_FREE,
	CONNECTION_CONNECTING,
	CONNECTION_HANDSHAKE,
	CONNECTION_UP,
};

struct connection {
	const struct transport_ops *ops;
	struct tunnel *tunnel;
	struct path *path; /* NULL: accepted, not yet authenticated */
	enum connection_stage stage;
	bool dialled;
	int fd;
	struct endpoint address; /* the other end */
	struct event readable, writable;
	struct event timer;  /* handshake time-out; when up: another turn, now */
	int64_t limit_ns;    /* that the time-out was set to */
	struct event repeat; /* a handshake's last flight may be lost: send it again */
	bool reading, writing; /* which of the two events are added */
	enum waits read_waits, write_waits;

	/* Filled in by the transport. */
	struct ssl_st *ssl;
	bool hello_seen;       /* what arrived was a ClientHello */
	bool updating;         /* a key update waits to be written */
	bool mid_write;        /* a write must be repeated with the same bytes */
	bool alerted;          /* it ended by the remote's alert */
	uint64_t records_left; /* until the next key update */
	size_t overhead;       /* bytes of the line for each record, besides its own */
	struct datagram_end udp;
	enum refusal refusal;
	char detail[REASON_BYTES];

	/* Whose certificates will do; which of them it was, or -1. */
	const struct remote_settings *candidates;
	size_t candidate_count;
	int found;

	struct connection *next_free;
};

struct dial {
	const struct path_settings *settings; /* NULL: this slot is not dialled */
	struct event timer;                   /* next attempt; when up: it has lasted */
	int64_t backoff_ns;
	unsigned int attempts;      /* since it last lasted */
	bool unstable;              /* the last time it was up did not last */
	bool told;                  /* up is in the log */
	char failure[REASON_BYTES]; /* the last one logged */
};

struct path {
	struct tunnel *tunnel;
	unsigned int remote, slot;
	struct connection *connection; /* dialling, or up */
	struct dial dial;
	bool paused;  /* may_read said no */
	bool resumed; /* hand over what was kept, before reading on */
	bool pumping; /* inside fill and write */
	bool doomed;  /* to be buried when no op is on the stack */
	bool broken;  /* nothing more can be written */
	bool ours;    /* the core asked for the end */
	bool failed;  /* … because the path does not work */
	bool heard;   /* it brought frames */
	char reason[REASON_BYTES];
	bool renew; /* it ended in order to be dialled again, at once */
	struct pace pace;
	struct alarm paced; /* until max_rate allows more */
	size_t cap;         /* of a fill */
	uint8_t *in, *out;  /* INPUT_BYTES_MAX, FILL_BYTES_MAX */
	size_t in_len, out_len;
};

struct listener;

struct transport_ops {
	enum transport transport;
	const char *name;
	/* What is written may be lost, and arrives in the pieces that it was written
	 * in: each a datagram of whole frames. */
	bool datagrams;
	/* Binds l->address. Returns a descriptor or negative errno. */
	int (*listen)(struct listener *l);
	/* It is readable: a bounded turn. */
	void (*accept)(struct listener *l);
	void (*unlisten)(struct listener *l);
	/* Begins to connect: sets fd and stage. Returns 0 or negative errno. */
	int (*connect)(struct connection *c, const struct path_settings *to);
	/* fd is ready for a handshake. Returns 0 or negative errno. */
	int (*begin)(struct connection *c);
	/* On ENDED and FAILED, refusal and detail are set. */
	enum progress (*handshake)(struct connection *c);
	enum progress (*read)(struct connection *c, uint8_t *buf, size_t cap,
			      size_t *got);
	/* WANT_READ and WANT_WRITE: to be repeated with the same bytes. Datagrams:
	 * ENDED when the connection must give way to a new one, detail says why. */
	enum progress (*write)(struct connection *c, const uint8_t *buf, size_t len);
	/* Datagrams only: sends what was written; the same answers. */
	enum progress (*flush)(struct connection *c);
	/* Datagrams only: when handshake() is to be called again though nothing has
	 * arrived; negative: never. */
	int64_t (*repeat_ns)(struct connection *c);
	/* Releases everything but the memory; politely: says goodbye first. */
	void (*close)(struct connection *c, bool politely);
};

struct listener {
	struct tunnel *tunnel;
	const struct transport_ops *ops;
	struct endpoint address;
	int fd;
	struct event acceptable;
	struct event pause; /* out of descriptors: try again then */
	bool open, paused;
	struct hello *hello; /* of datagrams */
};

struct tunnel {
	struct event_base *base;
	struct half_settings settings;
	const struct tunnel_ops *ops;
	void *arg;
	struct ssl_ctx_st *tls;
	struct dtls *dtls; /* NULL: not in the settings */
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	struct path *paths; /* remote * PATHS_MAX + slot */
	size_t path_count;
	uint8_t *buffers;
	struct connection *connections, *free_connections;
	size_t connection_count;
	unsigned int unauthenticated; /* accepted, still in the handshake */
	unsigned int depth;           /* of ops on the stack */
	unsigned int doomed;          /* paths */
	bool started, stopping;
	uint64_t random;
	struct refusal_limits limits;
	struct expiry expiry;
	struct tunnel_figures figures;
};

/* The transport, or NULL when there is none of that kind. */
const struct transport_ops *path_transport(enum transport transport);
const char *path_remote_name(const struct path *p);
/* Info when the core wanted it though it worked, else a warning. */
void path_log_down(const struct path *p);
struct timeval path_timeval(int64_t ns);

#endif
