/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_SESSION_H
#define TOMBOLO_RELAY_SESSION_H
/*
 * One session of a relay lane: its paths, their cursors into the history, the
 * greeting, heartbeats, the answers to requests, and the books. Pure. Used by
 * relay.c alone, and read by those who print figures.
 */
#include "base/bucket.h"
#include "path/batch.h"
#include "path/relay.h"
#include "path/timing.h"
#include "path/traffic.h"

#define REPAIR_RANGES 1024 /* waiting to be repaired */
#define ANSWERS       1024 /* verdicts waiting to be sent */
#define REPAIR_COPIES 512
#define LINGER        4096 /* repairs remembered for a round trip */

/* The backlog's way out over a datagram path. */
struct catchup {
	bool active; /* what is sent now is of the past */
	bool held;   /* there is more, when the budget allows */
	struct bucket budget;
	uint64_t rate; /* datagrams/s */
	/* The interval that is judged next. */
	mono_t judged;
	uint64_t sent, asked_before;
	uint32_t usual_ppm; /* the path's loss before it began */
};

/* Two heartbeats, a short and a long datagram, on a datagram path that loses. */
struct probe {
	mono_t due;
	size_t mtu;                /* as the path is said to take */
	int64_t short_ns, long_ns; /* time stamps of the two on the way; 0: none */
	bool short_heard, long_heard;
	unsigned int missed; /* long ones in a row */
	mono_t over; /* until then no other heartbeat, whose echo would replace theirs */
};

struct relay_path {
	bool up;
	enum path_kind kind;
	size_t mtu;
	struct probe probe;
	gauge_t narrow_bytes; /* of frames in a datagram, when longer ones vanish; or 0 */
	bool open;            /* greeted: carries data */
	uint16_t hello_at;    /* next channel to announce; past the last: all are */
	mono_t hello_due;     /* to announce again what was not welcomed */
	bool standby;         /* carries data only when no better path is open */
	uint64_t cursor;      /* position in the history */
	uint64_t part_pos;    /* the record being sent in pieces, and how far it is */
	size_t part_at;
	struct catchup catchup;
	uint64_t frames; /* DATA and MARK frames written */
	seq_t *sent;     /* per channel: all before it was passed on this path */
	mono_t heard;
	/* Heartbeat ladder: soon after the last datagram, then ever rarer. */
	mono_t beat_due;
	int64_t beat_step_ns;
	mono_t beat_last;
	bool beating; /* a round is not complete: the next entry is beat_at */
	bool beat_books;
	uint16_t beat_at;
	uint32_t demand_heard; /* a DEMAND to be answered: its generation; 0: none */
	bool bye_sent;
	bool bye_heard;
	mono_t bye_again;  /* a datagram path may have lost it */
	enum wire_bye bye; /* heard, or why we close */
	struct timing timing;
	struct traffic traffic;
	gauge_t is_up, is_datagram; /* up and kind again, for scrapes */
	gauge_t is_silent;          /* closed for silence, and no path came up since */
};

struct repair_range {
	uint16_t channel;
	seq_t next;
	seq_t end;
	size_t part_at; /* of a record that goes in pieces */
	uint8_t slot;   /* the path that asked */
};

struct repaired {
	uint16_t channel;
	seq_t seq;
	mono_t at;
	uint8_t slot;
};

struct relay_session {
	struct relay *relay;
	unsigned int remote;
	const struct remote_settings *settings;
	_Atomic int state; /* enum session_state; one writer */
	uint64_t instance; /* of the peer process, 0 before the first WELCOME */
	uint32_t greeting;
	unsigned int greeter;    /* slot of the path that greets; PATHS_MAX: none */
	uint16_t welcomed;       /* channels, of this greeting */
	uint64_t abandoned;      /* of all channels, as this greeting found */
	counter_t instance_seen; /* instance again, for scrapes */
	uint16_t capacity_said;  /* channels that the peer takes, by its WELCOME */
	gauge_t peer_capacity;   /* the same once it is greeted; 0: not yet */
	seq_t changes_told;      /* all before it, of channel 0, a greeting has said */
	struct outlet *outlets;  /* per channel */
	uint8_t *unwanted;       /* a bit for each channel: the peer can do without */
	uint32_t demand_generation; /* of that; 0: this process said nothing yet */
	mono_t demand_until;        /* then what its predecessor said is forgotten */
	gauge_t *residuals; /* per channel, as last balanced: between two balances the
			     * books alone do not add up */
	struct relay_path paths[PATHS_MAX];
	unsigned int open_paths;
	struct repair_range repairs[REPAIR_RANGES];
	unsigned int repair_head, repair_count;
	struct wire_answer answers[ANSWERS];
	unsigned int answer_head, answer_count;
	struct repaired linger[LINGER];
	/* On a bad path each repair goes out twice, a little apart. */
	struct repaired copies[REPAIR_COPIES];
	unsigned int copy_head, copy_count;
	struct bucket repair_budget;
	uint64_t repair_pending; /* datagrams in the ranges that wait */
	/* The live rate, measured: datagrams a second, smoothed. */
	uint64_t captured_before;
	mono_t rate_measured;
	uint64_t live_rate;
	uint64_t asked_total; /* datagrams that were to be repaired */
	uint64_t acked;       /* position: the peer has settled all before it */
	mono_t checked;       /* the paths, for silence */
	mono_t books_due;
	unsigned int books_rounds;
	bool books_all; /* this round lists every channel */
	bool draining;
	bool books_final;      /* the final books are being sent */
	mono_t books_final_at; /* their last frame; MONO_NEVER before */
	uint16_t books_wanted; /* channels whose final books were not answered */
	bool peer_left;        /* said BYE: what it reported is all that it emitted */
	bool bye_due;
	bool bye_said;
};

bool relay_session_init(struct relay_session *s, struct relay *relay,
			unsigned int remote, const struct remote_settings *settings,
			mono_t now);
void relay_session_fini(struct relay_session *s);

void relay_session_path_up(struct relay_session *s, struct now now, unsigned int slot,
			   enum path_kind kind, size_t mtu);
void relay_session_path_down(struct relay_session *s, unsigned int slot);
/* One frame; false: the remote broke the protocol. */
bool relay_session_frame(struct relay_session *s, struct now now, unsigned int slot,
			 const struct wire_frame *f);
/* Appends whole frames. */
void relay_session_fill(struct relay_session *s, struct now now, unsigned int slot,
			struct batch *b);
/* Channels came, moved or went, and (told) channel 0 says so. */
void relay_session_channels_changed(struct relay_session *s, bool told);
void relay_session_tick(struct relay_session *s, struct now now);
mono_t relay_session_deadline(const struct relay_session *s);
void relay_session_drain(struct relay_session *s);
/* Brings the books up to date. */
void relay_session_balance(struct relay_session *s);

/* BYE was said, on every path that is up. */
bool relay_session_has_left(const struct relay_session *s);
bool relay_session_is_active(const struct relay_session *s, const struct relay_path *p);
enum session_state relay_session_state(const struct relay_session *s);

/* ---- the parts of a fill, each in a file of its own ---- */

/* relay_stream.c: live data and catch-up, from the path's cursor. */
void relay_stream_resume(struct relay_session *s, struct relay_path *p);
void relay_stream_fill(struct relay_session *s, struct now now, struct relay_path *p,
		       struct batch *b);

/* A record as a frame, or in pieces where it is too long for a datagram of the
 * path; at says how far it is. False: the batch is full, go on with the next. */
bool relay_put_record(struct relay_path *p, struct batch *b, uint8_t flags,
		      const struct history_record *rec, size_t *at);

/* relay_catchup.c: may this record leave now, and if not, when to try again; it
 * left. */
bool relay_catchup_may(struct relay_session *s, struct relay_path *p, mono_t now,
		       const struct history_record *rec);
void relay_catchup_sent(struct relay_path *p, mono_t now);
mono_t relay_catchup_deadline(const struct relay_path *p);

/* relay_beat.c: heartbeats with their ladder, and the books. */
void relay_beat_start(struct relay_path *p, struct now now);
void relay_beat_after_data(struct relay_session *s, struct relay_path *p, mono_t now);
mono_t relay_beat_deadline(const struct relay_path *p);
void relay_beat_fill(struct relay_session *s, struct now now, struct relay_path *p,
		     struct batch *b);

/* relay_demand.c: what the peer can do without. False: it broke the protocol. */
bool relay_demand_init(struct relay_session *s);
bool relay_demand_take(struct relay_session *s, struct relay_path *p,
		       const struct wire_frame *f);
/* Another process of the peer: what the one before said stands for a moment. */
void relay_demand_succeed(struct relay_session *s, mono_t now);
void relay_demand_fill(struct relay_path *p, struct batch *b);
void relay_demand_tick(struct relay_session *s, mono_t now);

/* relay_probe.c: whether long datagrams arrive. True: this batch is a probe, complete. */
void relay_probe_start(struct relay_path *p, size_t mtu);
void relay_probe_heard(struct relay_session *s, struct relay_path *p,
		       const struct wire_timing *t);
bool relay_probe_fill(struct relay_session *s, struct now now, struct relay_path *p,
		      struct batch *b);
mono_t relay_probe_deadline(const struct relay_path *p);

/* relay_repair.c: requests, verdicts, repairs. */
bool relay_repair_request(struct relay_session *s, struct now now, unsigned int slot,
			  const struct wire_frame *f);
void relay_repair_answer(struct relay_session *s, const struct wire_answer *a);
void relay_repair_fill_answers(struct relay_session *s, struct batch *b);
void relay_repair_fill(struct relay_session *s, struct now now, struct relay_path *p,
		       struct batch *b);
mono_t relay_repair_deadline(const struct relay_session *s);
void relay_repair_rate(struct relay_session *s, mono_t now);
void relay_repair_forget(struct relay_session *s);

#endif
