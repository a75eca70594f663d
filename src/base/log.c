/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LINES_PER_SECOND 10
#define MESSAGE_BYTES    1024
/* A write(2) of up to PIPE_BUF (4096) bytes to a pipe is not interleaved. */
#define LINE_BYTES 4096
/* Kept free behind the message for " suppressed=N lost=N\n". */
#define TAIL_BYTES 64

enum sink {
	SINK_FILE,   /* terminal, pipe, file */
	SINK_SOCKET, /* can be told not to wait, by send(2) */
};

/*
 * The one piece of mutable file-scope state of the project: stderr is one, and
 * a log that had to be handed down to every function would not be used. All but
 * the two atomics is written once, by log_init(), before there are threads.
 */
static struct {
	const char *ident;
	bool journal;
	enum sink sink;
	atomic_int level;
	atomic_uint lost; /* lines that stderr did not take */
} state = {.ident = "tombolo", .level = LOG_LEVEL_INFO};

struct line {
	char text[LINE_BYTES];
	size_t len;
	size_t limit;
};

const char *
log_level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error";
	case LOG_LEVEL_WARN: return "warn";
	case LOG_LEVEL_INFO: return "info";
	case LOG_LEVEL_DEBUG: return "debug";
	}
	return "unknown";
}

/* syslog(3) priorities, as sd-daemon(3) wants them. */
static char
journal_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return '3';
	case LOG_LEVEL_WARN: return '4';
	case LOG_LEVEL_INFO: return '6';
	case LOG_LEVEL_DEBUG: return '7';
	}
	return '6';
}

/* systemd.exec(5): the variable alone proves nothing, for it is inherited by
 * children whose stderr was sent elsewhere; device and inode must match. */
static bool
is_journal(const struct stat *st)
{
	const char *text = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	char *end;

	if (text == NULL)
		return false;
	device = strtoumax(text, &end, 10);
	if (end == text || *end != ':')
		return false;
	text = end + 1;
	inode = strtoumax(text, &end, 10);
	if (end == text || *end != '\0')
		return false;
	return device == st->st_dev && inode == st->st_ino;
}

void
log_init(const char *ident, enum log_level level)
{
	struct stat st;

	state.ident = ident;
	state.journal = false;
	state.sink = SINK_FILE;
	if (fstat(STDERR_FILENO, &st) == 0) {
		state.journal = is_journal(&st);
		state.sink = S_ISSOCK(st.st_mode) ? SINK_SOCKET : SINK_FILE;
	}
	log_set_level(level);
}

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&state.level, (int)level, memory_order_relaxed);
}

enum log_level
log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&state.level, memory_order_relaxed);
}

static void
append(struct line *l, const char *text)
{
	size_t len = strlen(text);

	if (len > l->limit - l->len)
		len = l->limit - l->len;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

/*
 * Everything but printable ASCII is escaped, the backslash too: what a remote
 * chose (a name in its certificate) can neither end a line, nor drive a
 * terminal, nor make the journal take the line for a blob.
 */
static void
append_escaped(struct line *l, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char piece[5] = {(char)c, '\0'};

		if (c == '\\' || c == '\n' || c == '\t')
			snprintf(piece, sizeof(piece), "\\%c",
				 c == '\\' ? '\\' : (c == '\n' ? 'n' : 't'));
		else if (c < 0x20 || c > 0x7e)
			snprintf(piece, sizeof(piece), "\\x%02x", c);
		append(l, piece);
	}
}

static void
append_head(struct line *l, enum log_level level, utc_t t)
{
	time_t seconds = (time_t)(t.ns / NS_PER_S);
	char date[32], text[160];
	struct tm tm;

	if (state.journal) {
		snprintf(text, sizeof(text), "<%c>", journal_priority(level));
	} else {
		gmtime_r(&seconds, &tm);
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(text, sizeof(text), "%s.%06dZ %.64s %s ", date,
			 (int)(t.ns % NS_PER_S / NS_PER_US), state.ident,
			 log_level_name(level));
	}
	append(l, text);
}

static void
append_tail(struct line *l, unsigned int held, unsigned int lost)
{
	char text[TAIL_BYTES];

	l->limit = sizeof(l->text);
	if (held > 0) {
		snprintf(text, sizeof(text), " suppressed=%u", held);
		append(l, text);
	}
	if (lost > 0) {
		snprintf(text, sizeof(text), " lost=%u", lost);
		append(l, text);
	}
	append(l, "\n");
}

/* One system call writes the line, or nothing does: a lane that waited here for
 * a journal or a terminal that has stopped reading would be a lane that blocks. Only
 * where another thread fills a pipe between poll(2) and write(2) can it still wait. */
static ssize_t
write_line(const struct line *l, bool wait)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);

	if (state.sink == SINK_SOCKET)
		return send(STDERR_FILENO, l->text, l->len, flags);
	if (!wait && poll(&p, 1, 0) == 0)
		return -1;
	return write(STDERR_FILENO, l->text, l->len);
}

static void
put(enum log_level level, const char *subsystem, unsigned int held, bool wait,
    const char *fmt, va_list args)
{
	struct line l = {.len = 0, .limit = LINE_BYTES - TAIL_BYTES};
	unsigned int lost =
		atomic_exchange_explicit(&state.lost, 0, memory_order_relaxed);
	char message[MESSAGE_BYTES];
	int saved = errno, len;

	len = vsnprintf(message, sizeof(message), fmt, args); /* %m is the caller's */
	if (len < 0)
		message[0] = '\0';
	if (len >= (int)sizeof(message))
		memcpy(message + sizeof(message) - 4, "...", 4);
	append_head(&l, level, clock_now().utc);
	append(&l, subsystem);
	append(&l, ": ");
	append_escaped(&l, message);
	append_tail(&l, held, lost);
	if (write_line(&l, wait) < 0) /* and what it would have told */
		atomic_fetch_add_explicit(&state.lost, lost + held + 1,
					  memory_order_relaxed);
	errno = saved;
}

/* True when a line may pass; *held is then how many did not since the last. */
static bool
pass(struct log_limit *limit, int64_t second, unsigned int *held)
{
	*held = 0;
	if (limit == NULL)
		return true;
	if (limit->second != second) {
		limit->second = second;
		limit->passed = 0;
	}
	if (limit->passed >= LINES_PER_SECOND) {
		limit->held++;
		return false;
	}
	limit->passed++;
	*held = limit->held;
	limit->held = 0;
	return true;
}

void
log_line(enum log_level level, const char *subsystem, struct log_limit *limit,
	 const char *fmt, ...)
{
	int saved = errno;
	unsigned int held;
	va_list args;

	if ((int)level > atomic_load_explicit(&state.level, memory_order_relaxed))
		return;
	if (pass(limit, clock_now().mono.ns / NS_PER_S, &held)) {
		errno = saved;
		va_start(args, fmt);
		put(level, subsystem, held, false, fmt, args);
		va_end(args);
	}
	errno = saved;
}

void
fatal(const char *subsystem, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(LOG_LEVEL_ERROR, subsystem, 0, true, fmt, args);
	va_end(args);
	exit(1);
}
