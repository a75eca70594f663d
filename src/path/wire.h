/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_WIRE_H
#define TOMBOLO_WIRE_H
/*
 * The frames of the tunnel, and the only place with their byte order. The
 * normative text is doc/PROTOCOL.md. Pure.
 *
 * Decoding: wire_next() cuts one frame from the bytes received; wire_get_*()
 * reads its fixed part and leaves a reader at its entries, which wire_get_*()
 * of the entry then takes one by one. Every getter returns false for a body
 * that is too short, too long or holds a value that cannot be: the remote broke
 * the protocol. Encoding: wire_begin(), the fixed part, the entries, and
 * wire_end(), which fails when anything did not fit and then takes all back.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/seq.h"

#define WIRE_VERSION      1
#define WIRE_HEADER_BYTES 4
#define WIRE_DATA_BYTES   (WIRE_HEADER_BYTES + 18) /* in front of the payload */
#define WIRE_PART_BYTES   (WIRE_DATA_BYTES + 4)    /* the same with WIRE_PART */
#define WIRE_MARK_BYTES   (WIRE_HEADER_BYTES + 25)
#define WIRE_NAME_MAX     63
#define WIRE_ENTRY_MAX    (39 + 1 + WIRE_NAME_MAX) /* of a channel */
#define WIRE_CHANGE_MAX   (WIRE_HEADER_BYTES + 16 + WIRE_ENTRY_MAX)
#define WIRE_PAYLOAD_MAX  65507 /* UDP over IPv4 */
#define WIRE_FIGURES_MAX  32
#define WIRE_DEMAND_BYTES (WIRE_HEADER_BYTES + 4) /* in front of the bits */
#define WIRE_DEMAND_MAX   8192                    /* bytes of bits: every id */
#define WIRE_SEQ_MAX      (UINT64_C(1) << 62)     /* more breaks the protocol */

/* Without entries: HEARTBEAT and REPORT; HELLO and WELCOME, at most. */
#define WIRE_TIMING_BYTES   (WIRE_HEADER_BYTES + 42)
#define WIRE_GREETING_BYTES (WIRE_HEADER_BYTES + 34 + 1 + WIRE_NAME_MAX + 2)

#define WIRE_TYPES(X)                \
	X(HELLO, 1, "hello")         \
	X(WELCOME, 2, "welcome")     \
	X(DATA, 3, "data")           \
	X(MARK, 4, "mark")           \
	X(HEARTBEAT, 5, "heartbeat") \
	X(REQUEST, 6, "request")     \
	X(VERDICT, 7, "verdict")     \
	X(REPORT, 8, "report")       \
	X(BYE, 9, "bye")             \
	X(CHANGE, 10, "change")      \
	X(DEMAND, 11, "demand")

enum wire_type {
#define X(id, n, name) WIRE_##id = n,
	WIRE_TYPES(X)
#undef X
};

const char *wire_type_name(unsigned int type); /* "?" for an unknown one */

/* Flags of the frame header. */
#define WIRE_REPAIR   0x01 /* DATA, MARK, CHANGE: the answer to a REQUEST */
#define WIRE_PART     0x02 /* DATA: one piece of a datagram too long for the path */
#define WIRE_BOOKS    0x04 /* HEARTBEAT, REPORT: entries carry the ledger's figures */
#define WIRE_STANDBY  0x08 /* WELCOME: data only when no better path is open */
#define WIRE_OPTIONAL 0x80 /* a receiver that does not know the type skips it */

struct wire_frame {
	uint8_t type;
	uint8_t flags;
	const uint8_t *body; /* borrowed */
	size_t len;
};

enum wire_next { WIRE_WHOLE, WIRE_SHORT };

/* WIRE_WHOLE: frame is set and takes `size` bytes. WIRE_SHORT: more is needed. */
enum wire_next wire_next(const uint8_t *bytes, size_t len, struct wire_frame *frame,
			 size_t *size);

struct wire_name {
	uint8_t len;
	char text[WIRE_NAME_MAX + 1]; /* NUL-terminated */
};

/* Sent with HEARTBEAT and REPORT. The clocks are the sender's; echo and hold
 * are about the last one received from the other side (both 0: none yet). */
struct wire_timing {
	int64_t sent_mono_ns;
	int64_t sent_utc_ns;
	int64_t echo_mono_ns; /* the other's sent_mono_ns */
	int64_t hold_ns;      /* from its arrival to this departure */
	uint64_t
		frames; /* DATA, MARK, CHANGE: relay, sent on this path; peer, received */
};

/* HELLO and WELCOME begin alike. */
struct wire_greeting {
	uint16_t version;
	uint32_t capabilities;
	uint64_t epoch;
	uint16_t lane;
	uint64_t
		instance; /* WELCOME: drawn by the peer process at start. HELLO: the last
			      one seen, 0 for none */
	uint32_t greeting; /* counts the relay's greetings within the epoch */
	uint16_t total;    /* HELLO: channels announced by this greeting, in all frames;
			      0: the path joins an open session */
	uint8_t slot;      /* HELLO: the relay's number of this path */
	struct wire_name node;
	uint16_t count; /* entries that follow in this frame */
};

#define WIRE_WITHDRAWN 0x01 /* it is no longer captured */

struct wire_channel { /* entry of HELLO, and what CHANGE carries */
	uint16_t id;
	uint8_t flags; /* WIRE_WITHDRAWN */
	uint32_t group;
	uint16_t port;
	uint32_t source;
	seq_t next;   /* newest + 1 */
	seq_t oldest; /* still in the history; = next when nothing is */
	seq_t fresh;  /* the first that was never sent to this peer */
	struct wire_name name;
};

struct wire_resume { /* entry of WELCOME */
	uint16_t id;
	seq_t next; /* the first that the peer wants */
};

struct wire_data {
	uint16_t channel;
	seq_t seq;
	utc_t captured;
	bool part;
	uint16_t offset; /* of this piece; 0 unless part */
	uint16_t total;  /* of the datagram; len unless part */
	const uint8_t *payload;
	size_t len;
};

struct wire_mark {
	seq_t seq; /* of channel 0 */
	utc_t at;
	uint8_t cause; /* enum drop_point */
	uint64_t count;
};

/* A channel came, moved or went. It is numbered like a mark, so that it is repaired like
 * one. */
struct wire_change {
	seq_t seq; /* of channel 0 */
	utc_t at;
	const uint8_t *entry; /* the channel as on the wire, for wire_get_entry() */
	size_t len;
};

/* What the peer can do without. The relay answers with the generation alone. */
struct wire_demand {
	uint32_t generation;     /* counts what the peer process said; from 1 */
	const uint8_t *unwanted; /* a bit for each channel id, lowest first; borrowed */
	size_t len;              /* bytes; what is beyond is wanted */
};

struct wire_books { /* entry of HEARTBEAT and of REPORT */
	uint16_t channel;
	seq_t next;    /* HEARTBEAT: newest + 1. REPORT: all before it is settled */
	seq_t sent;    /* HEARTBEAT only: all before it was sent, shed or is gone */
	uint8_t count; /* with WIRE_BOOKS: figures that follow */
	uint64_t figures[WIRE_FIGURES_MAX];
};

struct wire_range { /* entry of REQUEST */
	uint16_t channel;
	seq_t first;
	uint32_t count;
};

#define WIRE_VERDICTS(X)                                      \
	X(AGED, 1, "aged")           /* left the history */   \
	X(NEVER, 2, "never")         /* was never captured */ \
	X(THROTTLED, 3, "throttled") /* ask again after retry_us */

enum wire_verdict {
#define X(id, n, name) WIRE_##id = n,
	WIRE_VERDICTS(X)
#undef X
};

const char *wire_verdict_name(enum wire_verdict verdict);

struct wire_answer { /* entry of VERDICT */
	uint16_t channel;
	enum wire_verdict verdict;
	seq_t first;
	uint64_t count;
	uint32_t retry_us;
};

#define WIRE_BYES(X)                                                               \
	X(DRAINED, 1, "drained")   /* all was delivered; nothing more comes */     \
	X(SHUTDOWN, 2, "shutdown") /* ends by its operator's wish, not empty */    \
	X(VERSION, 3, "version")   /* no common protocol version */                \
	X(PROTOCOL, 4, "protocol") /* the other side broke the protocol */         \
	X(NODE, 5, "node")         /* HELLO's node is not the certificate's */     \
	X(CHANNELS, 6, "channels") /* more channels than the peer's limit */       \
	X(REPLACED, 7, "replaced") /* a newer connection took this path's place */ \
	X(TIMEOUT, 8, "timeout")   /* nothing was heard for path_timeout */

enum wire_bye {
#define X(id, n, name) WIRE_BYE_##id = n,
	WIRE_BYES(X)
#undef X
};

const char *wire_bye_name(unsigned int reason);

/* ---- decoding; f has the type that the name says ---- */

bool wire_get_greeting(const struct wire_frame *f, struct wire_greeting *g,
		       struct rd *entries);
bool wire_get_channel(struct rd *entries, struct wire_channel *c);
bool wire_get_resume(struct rd *entries, struct wire_resume *r);
bool wire_get_data(const struct wire_frame *f, struct wire_data *d);
bool wire_get_mark(const struct wire_frame *f, struct wire_mark *m);
/* Its entry is a good one, for wire_get_entry(). */
bool wire_get_change(const struct wire_frame *f, struct wire_change *c);
bool wire_get_entry(const uint8_t *entry, size_t len, struct wire_channel *c);
bool wire_get_timing(const struct wire_frame *f, struct wire_timing *t, uint16_t *count,
		     struct rd *entries);
bool wire_get_books(const struct wire_frame *f, struct rd *entries,
		    struct wire_books *b);
bool wire_get_count(const struct wire_frame *f, uint16_t *count, struct rd *entries);
bool wire_get_range(struct rd *entries, struct wire_range *r);
bool wire_get_answer(struct rd *entries, struct wire_answer *a);
bool wire_get_demand(const struct wire_frame *f, struct wire_demand *d);
bool wire_get_bye(const struct wire_frame *f, uint8_t *reason, struct wire_name *text);

/* ---- encoding ---- */

/* One frame under construction at w. The entry count is patched at the end. */
struct wire_draft {
	uint8_t *start; /* of the frame */
	uint8_t *count; /* of the entry count, NULL when the type has none */
	uint16_t entries;
};

struct wire_draft wire_begin(struct wr *w, enum wire_type type, uint8_t flags);
/* Reserves the entry count here. */
void wire_entries(struct wr *w, struct wire_draft *d);
/* False: it did not fit; w is as it was before wire_begin(). */
bool wire_end(struct wr *w, struct wire_draft *d);

void wire_put_greeting(struct wr *w, const struct wire_greeting *g);
void wire_put_channel(struct wr *w, const struct wire_channel *c);
void wire_put_resume(struct wr *w, const struct wire_resume *r);
void wire_put_timing(struct wr *w, const struct wire_timing *t);
void wire_put_books(struct wr *w, uint8_t type, uint8_t flags,
		    const struct wire_books *b);
void wire_put_range(struct wr *w, const struct wire_range *r);
void wire_put_answer(struct wr *w, const struct wire_answer *a);
/* Whole frames; false when they did not fit. */
bool wire_put_data(struct wr *w, uint8_t flags, const struct wire_data *d);
bool wire_put_mark(struct wr *w, uint8_t flags, const struct wire_mark *m);
bool wire_put_change(struct wr *w, uint8_t flags, const struct wire_change *c);
bool wire_put_demand(struct wr *w, const struct wire_demand *d);
bool wire_put_bye(struct wr *w, enum wire_bye reason, const char *text);

void wire_set_name(struct wire_name *name, const char *text);

#endif
