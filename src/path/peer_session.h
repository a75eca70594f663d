/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_SESSION_H
#define TOMBOLO_PEER_SESSION_H
/*
 * One session of a peer lane: its paths, its channels, the greeting, requests and
 * reports. Pure. Used by peer.c, and read by those who print figures.
 *
 *   peer_session.c  paths, greeting, dispatch of frames
 *   peer_channel.c  one channel: window, gaps, losses, books
 *   peer_report.c   what the peer says: WELCOME, REQUEST, REPORT, BYE
 */
#include "base/bucket.h"
#include "path/batch.h"
#include "path/gap_log.h"
#include "path/peer.h"
#include "path/traffic.h"

/* Channel 0 of the relay's lane: marks and changes. What is held of it begins with a
 * byte that says which. */
#define MARKS_ID      0
#define RECORD_MARK   0
#define RECORD_CHANGE 1

struct peer_channel {
	struct peer_session *session;
	uint32_t index;
	_Atomic bool active; /* announced in this epoch */
	uint16_t id;         /* in this epoch */
	char name[NAME_BYTES_MAX];
	uint32_t group, source; /* as captured */
	uint16_t port;
	uint32_t out_group; /* as emitted */
	uint16_t out_port;
	uint32_t flow; /* these two, for the quota, or QUOTA_NONE */
	enum delivery delivery;
	int64_t max_age_ns;

	struct window window;
	seq_t first;              /* of this epoch, for this process */
	seq_t announced;          /* the relay's newest + 1 */
	uint64_t expected_before; /* of earlier epochs */
	uint64_t ready;           /* released, waiting to be emitted */
	seq_t ready_low;   /* the lowest of these, or lower; valid while ready > 0 */
	bool unordered;    /* some of those may have been released out of order */
	uint32_t greeting; /* announced by this one */
	seq_t resumed;     /* what was known of when that was answered */
	/* The relay's last word on shedding, and what had been numbered then. */
	struct gap_shed shed;
	seq_t shed_next;
	bool untold; /* a gap's cause waits for the next word */
	bool welcome_due, report_due, books_due;

	struct peer_book book;
	struct sent_book relay;  /* as the relay last told it */
	gauge_t emitted_last_ns; /* UTC of the last emission */
	gauge_t latency_ns;      /* capture to emission, a mean of the last few */
	/* As last balanced: between two balances the books alone do not add up. */
	gauge_t received_residual, expected_residual;
	/* For scrapes: what the last announcement said, again. */
	counter_t name_seen[NAME_BYTES_MAX / sizeof(uint64_t)];
	gauge_t is_marks, is_immediate, group_seen, port_seen; /* as emitted */
	gauge_t is_withdrawn; /* the relay no longer captures it */
	gauge_t is_unwanted;  /* its group has no member */
	gauge_t source_seen;  /* as captured */
	uint32_t tenant;      /* counts who had the place before */
};

struct peer_path {
	bool up;
	enum path_kind kind;
	size_t mtu;
	uint8_t relay_slot; /* the relay's number of it */
	bool welcoming;     /* HELLO came, WELCOME is not complete */
	bool join_due;
	bool greet_due; /* asks to be greeted: it cannot join what it does not know */
	uint64_t greet_epoch;
	bool open;
	bool blocked; /* a stream that is not read for want of memory */
	mono_t heard;
	mono_t report_due;
	uint32_t report_at; /* next channel of a report under way */
	bool report_now;    /* a heartbeat waits for its echo */
	bool report_books;  /* … and for the books */
	bool bye_due, bye_sent, bye_heard;
	enum wire_bye bye; /* heard, or why we close */
	struct timing timing;
	struct traffic traffic;
	counter_t bytes;            /* sent by us */
	uint64_t frames;            /* DATA, MARK and CHANGE frames received */
	counter_t firsts;           /* … of datagrams that were not here before */
	unsigned int unheard;       /* requests since anything was heard: the breaker */
	gauge_t is_up, is_datagram; /* up and kind again, for scrapes */
	gauge_t is_silent;          /* closed for silence, and no path came up since */
};

/* What the relay is told that we can do without. */
struct demand {
	uint8_t unwanted[WIRE_DEMAND_MAX]; /* a bit for each channel id */
	size_t len;
	uint32_t generation; /* of that; 0: nothing was said yet */
	bool stale;          /* channels or members are others now */
	bool answered;       /* the relay has it */
	unsigned int paths;  /* a bit for each that it is due on */
	mono_t again;
};

struct names;

struct peer_session {
	struct peer *peer;
	unsigned int remote;
	const struct remote_settings *settings;
	_Atomic int state;
	_Atomic uint64_t epoch;
	uint32_t era;      /* counts epochs */
	uint32_t capacity; /* channels at most, the marks' among them */
	uint32_t greeting;
	uint16_t greeting_total, greeting_seen;
	seq_t changes_known; /* all before it, of channel 0, the greeting has told */
	struct peer_channel *channels;
	_Atomic uint32_t channel_count;
	uint16_t *by_id;     /* index + 1 of each channel id, 0 for none */
	struct names *names; /* of the channels, by index */
	uint32_t idle_at;    /* where the last search for an idle place ended */
	uint32_t welcome_at; /* no channel before this index is due a welcome */
	struct recover *recover;
	struct gap_log *gap_log;
	struct parts *parts;
	int64_t reorder_ns; /* measured: how late originals fill their gaps */
	mono_t fade_due;
	struct bucket request_budget;
	bool breaker_open; /* told */
	struct peer_path paths[PATHS_MAX];
	mono_t checked; /* the paths, for silence */
	utc_t last_captured;
	bool progress; /* not reported yet */
	struct demand demand;
	struct peer_figures figures;
};

bool peer_session_init(struct peer_session *s, struct peer *peer, unsigned int remote,
		       const struct remote_settings *settings, mono_t now);
void peer_session_fini(struct peer_session *s);
void peer_session_path_up(struct peer_session *s, struct now now, unsigned int slot,
			  enum path_kind kind, size_t mtu);
void peer_session_path_down(struct peer_session *s, unsigned int slot);
/* What became of one frame. */
enum peer_frame {
	PEER_TAKEN,
	PEER_NO_ROOM, /* a stream's: give it again when memory is free */
	PEER_BROKEN,  /* the relay broke the protocol */
};
enum peer_frame peer_session_frame(struct peer_session *s, struct now now,
				   unsigned int slot, const struct wire_frame *f);
/* A change of the relay's channels, at its place among the marks. */
void peer_session_change(struct peer_session *s, seq_t seq, const uint8_t *entry,
			 size_t len);
/* The settings were changed in place. */
void peer_session_settings_changed(struct peer_session *s);
void peer_session_tick(struct peer_session *s, struct now now);
mono_t peer_session_deadline(const struct peer_session *s);
/* Our clock minus the relay's, by the best path. */
int64_t peer_session_offset_ns(const struct peer_session *s);
void peer_session_event(struct peer_session *s, enum session_event event,
			const char *why);
size_t peer_session_memory_bytes(const struct peer_session *s);
/* For those who print figures. */
const struct peer_session *peer_session(const struct peer *p, unsigned int remote);
uint64_t peer_session_instance(const struct peer_session *s); /* of this process */

/* ---- peer_channel.c ---- */

bool peer_channel_init(struct peer_channel *c, struct peer_session *s, uint32_t index);
/* Its place is taken by a channel of another name: the books begin anew. */
void peer_channel_forget(struct peer_channel *c);
/* Takes over an entry of HELLO, or of CHANGE, for a new epoch. */
void peer_channel_announce(struct peer_channel *c, const struct wire_channel *e);
/* The same channel told of again: it may have moved, gone or come back. */
void peer_channel_update(struct peer_channel *c, const struct wire_channel *e);
/* Where it goes, and how, by the settings as they are now. */
void peer_channel_redirect(struct peer_channel *c);
/* The relay's book came, of which e is the entry: for the causes of gaps. */
void peer_channel_shed(struct peer_channel *c, const struct wire_books *e);
/* A new epoch: what was missing is lost, what is held is released. */
void peer_channel_end_epoch(struct peer_channel *c);
/* The relay numbered everything before next. */
void peer_channel_know(struct peer_channel *c, seq_t next);
/* A DATA or MARK frame; false: no room now, a stream may be read again later. */
bool peer_channel_take(struct peer_channel *c, struct now now,
		       const struct wire_data *d, bool repair, bool stream);
/* The relay passed everything before `sent`: what is not here is a gap. */
void peer_channel_passed(struct peer_channel *c, mono_t now, seq_t sent);
/* What is missing in [first, end) will not come. */
void peer_channel_lose(struct peer_channel *c, seq_t first, seq_t end,
		       enum lost_reason reason);
/* The relay says that [first, end) will not come, known of or not. */
void peer_channel_gone(struct peer_channel *c, mono_t now, seq_t first, seq_t end,
		       enum lost_reason reason);
/* Where the relay should go on after a reconnect, and what to report. */
seq_t peer_channel_resume(const struct peer_channel *c);
seq_t peer_channel_settled(const struct peer_channel *c);
void peer_channel_drain(struct peer_channel *c);
void peer_channel_balance(struct peer_channel *c);
/* From any thread; at the moment when another channel takes this place the name may
 * be a mixture of both. */
void peer_channel_name(const struct peer_channel *c, char name[NAME_BYTES_MAX]);

/* ---- peer_demand.c ---- */

/* Channels, where they go, or members are others now. */
void peer_demand_changed(struct peer_session *s);
/* A greeting is complete: the relay may be one that was never told. */
void peer_demand_greeted(struct peer_session *s);
void peer_demand_fill(struct peer_session *s, unsigned int slot, struct batch *b);
/* The relay's answer; false: it broke the protocol. */
bool peer_demand_answered(struct peer_session *s, const struct wire_frame *f);
void peer_demand_tick(struct peer_session *s, mono_t now);
mono_t peer_demand_deadline(const struct peer_session *s);

/* ---- peer_report.c ---- */

void peer_report_fill(struct peer_session *s, struct now now, unsigned int slot,
		      struct batch *b);
/* The path that requests go out on; PATHS_MAX: none may. */
unsigned int peer_report_path(const struct peer_session *s);
/* A path is heard: when requesting had stopped it goes on, and that is told. */
void peer_report_heard(struct peer_session *s);
/* Progress to be reported soon. */
void peer_report_progress(struct peer_session *s, struct peer_channel *c);

#endif
