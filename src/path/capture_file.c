/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of the relay, from a file; gets frames from libpcap, hands them to decap;
 * runs on the lane's thread. A file waits: nothing of it is ever shed, so each frame
 * is handed on only when its time has come and may_read agrees.
 */
#include "path/capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/alarm.h"

/* A step of the file's clock that no pause and no re-ordering explains. */
#define STEP_BACK_NS    (1 * NS_PER_S)
#define STEP_FORWARD_NS (24LL * 3600 * NS_PER_S)
/* Longer than any run, and far from what int64_t holds. */
#define WAIT_NS_MAX 1e18

#define AT_ONCE ((mono_t){0})

struct capture_file {
	struct capture_sink *sink;
	pcap_t *pcap;
	struct alarm turn;
	int link_type;
	double pace; /* 0: as fast as may_read allows */

	/* The frame read but not yet handed on. */
	bool held;
	struct pcap_pkthdr header;
	const uint8_t *bytes;
	mono_t due;
	uint64_t frames_read;

	/* The pace is kept against one frame, so that rounding does not add up. */
	bool anchored;
	int64_t anchor_ns; /* the file's time of that frame … */
	mono_t anchor;     /* … and when it was due here */
	int64_t previous_ns;

	bool running; /* started, and neither stopped nor at its end */
	bool blocked; /* may_read said no */
	bool ended;   /* and end() is still to be called */
	char error[PCAP_ERRBUF_SIZE + 64]; /* "": an orderly end */
};

/* The file's time of a frame in ns; false when it is none. */
static bool
file_time(const struct pcap_pkthdr *h, int64_t *ns)
{
	/* Opened for nanoseconds, libpcap fills tv_usec with those. */
	if (h->ts.tv_usec < 0 || h->ts.tv_usec >= NS_PER_S || h->ts.tv_sec < 0 ||
	    h->ts.tv_sec > INT64_MAX / NS_PER_S - 1)
		return false;
	*ns = h->ts.tv_sec * NS_PER_S + h->ts.tv_usec;
	return true;
}

static mono_t
anchor_here(struct capture_file *f, int64_t ns, mono_t now)
{
	f->anchored = true;
	f->anchor_ns = f->previous_ns = ns;
	f->anchor = now;
	return now;
}

/* When a frame is to be handed on. One out of order is late already and so leaves at
 * once; one with no valid time does too; where the file's clock was set, the pace
 * starts anew from there. */
static mono_t
find_due(struct capture_file *f, const struct pcap_pkthdr *h, mono_t now)
{
	int64_t ns, step;
	double offset_ns;

	if (f->pace <= 0 || !file_time(h, &ns))
		return now;
	if (!f->anchored)
		return anchor_here(f, ns, now);
	step = ns - f->previous_ns;
	if (step < -STEP_BACK_NS || step > STEP_FORWARD_NS)
		return anchor_here(f, ns, now);
	f->previous_ns = ns;
	offset_ns = (double)(ns - f->anchor_ns) / f->pace;
	return mono_add(f->anchor,
			(int64_t)(offset_ns < WAIT_NS_MAX ? offset_ns : WAIT_NS_MAX));
}

/* Takes the next frame from the file; false when there is no more. */
static bool
read_ahead(struct capture_file *f)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int rc;

	if (f->held)
		return true;
	rc = pcap_next_ex(f->pcap, &header, &bytes);
	if (rc != 1) {
		f->running = false;
		f->ended = true;
		if (rc != PCAP_ERROR_BREAK) /* which is the end of the file */
			snprintf(f->error, sizeof(f->error), "frame %" PRIu64 ": %s",
				 f->frames_read + 1, pcap_geterr(f->pcap));
		return false;
	}
	f->held = true;
	f->header = *header;
	f->bytes = bytes;
	f->frames_read++;
	f->due = find_due(f, header, clock_now().mono);
	return true;
}

static void
hand_on(struct capture_file *f)
{
	struct frame frame = {
		.link_type = f->link_type,
		/* Ages are measured from here on, so the file's own time is none
		 * of theirs. */
		.captured = clock_now().utc,
		.bytes = f->bytes,
		.caplen = f->header.caplen,
		.len = f->header.len,
	};

	f->held = false;
	capture_sink_frame(f->sink, &frame);
}

/* One frame more in this turn? When not, the turn after it is arranged for. */
static bool
step(struct capture_file *f)
{
	if (!f->running || !read_ahead(f))
		return false;
	if (mono_before(clock_now().mono, f->due)) {
		alarm_set(&f->turn, f->due);
		return false;
	}
	if (!f->sink->ops.may_read(f->sink->arg)) {
		f->blocked = true;
		return false;
	}
	hand_on(f);
	return true;
}

static void
take_turn(void *arg)
{
	struct capture_file *f = arg;
	int n = 0;

	while (n < CAPTURE_TURN_FRAMES && step(f))
		n++;
	if (n == CAPTURE_TURN_FRAMES && f->running)
		alarm_set(&f->turn, AT_ONCE);
	if (n > 0)
		f->sink->ops.batch_end(f->sink->arg);
	if (f->ended) {
		f->ended = false;
		f->sink->ops.end(f->sink->arg, f->error[0] != '\0' ? f->error : NULL);
	}
}

static bool
is_gzip(int fd)
{
	uint8_t magic[2];

	return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       magic[0] == 0x1f && magic[1] == 0x8b;
}

/* A stream on the file, or NULL with a line in error. */
static FILE *
open_stream(const char *name, char *error, size_t error_bytes)
{
	/* O_NONBLOCK: opening a FIFO by mistake must not hang. */
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *reason = NULL;
	FILE *stream = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		reason = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		reason = "is not a regular file";
	else if (st.st_size == 0)
		reason = "is empty";
	else if (is_gzip(fd))
		reason = "is compressed: gunzip it first";
	else if ((stream = fdopen(fd, "rb")) == NULL)
		reason = strerror(errno);
	if (stream == NULL) {
		snprintf(error, error_bytes, "capture file %s: %s", name, reason);
		if (fd >= 0)
			close(fd);
	}
	return stream;
}

static pcap_t *
open_pcap(const char *name, char *error, size_t error_bytes)
{
	char reason[PCAP_ERRBUF_SIZE];
	FILE *stream = open_stream(name, error, error_bytes);
	pcap_t *pcap;

	if (stream == NULL)
		return NULL;
	pcap = pcap_fopen_offline_with_tstamp_precision(
		stream, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (pcap == NULL) {
		snprintf(error, error_bytes, "capture file %s: %s", name, reason);
		fclose(stream);
	}
	return pcap;
}

struct capture_file *
capture_file_open(struct event_base *base, const struct capture_settings *s,
		  struct capture_sink *sink, char *error, size_t error_bytes)
{
	struct capture_file *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		snprintf(error, error_bytes, "capture file: out of memory");
		return NULL;
	}
	f->sink = sink;
	f->pace = s->pace;
	f->pcap = open_pcap(s->file, error, error_bytes);
	if (f->pcap == NULL)
		goto fail;
	f->link_type = pcap_datalink(f->pcap);
	if (alarm_init(&f->turn, base, take_turn, f) != 0) {
		snprintf(error, error_bytes, "capture file: no timer");
		goto fail;
	}
	return f;
fail:
	capture_file_free(f);
	return NULL;
}

void
capture_file_start(struct capture_file *f)
{
	f->running = true;
	gauge_set(&f->sink->figures.link_up, 1);
	alarm_set(&f->turn, AT_ONCE);
}

void
capture_file_stop(struct capture_file *f)
{
	f->running = false;
	f->blocked = false;
	f->ended = false;
	gauge_set(&f->sink->figures.link_up, 0);
	alarm_set(&f->turn, MONO_NEVER);
}

void
capture_file_resume(struct capture_file *f)
{
	if (!f->blocked)
		return;
	f->blocked = false;
	alarm_set(&f->turn, AT_ONCE);
}

void
capture_file_free(struct capture_file *f)
{
	if (f == NULL)
		return;
	alarm_fini(&f->turn);
	if (f->pcap != NULL)
		pcap_close(f->pcap);
	free(f);
}
