/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LOG_H
#define TOMBOLO_LOG_H
/*
 * Log lines to stderr, one write(2) a line: "<6>tunnel: path up remote=vpc-a".
 * The journal's priority prefix (sd-daemon(3)) is put in front only when
 * stderr is the journal (JOURNAL_STREAM names it, systemd.exec(5)); anything else
 * gets "2026-02-01T09:00:00.123456Z ident level " instead. All but printable ASCII
 * in a message is escaped (\n, \x1b), so that no remote can forge a line. Where
 * stderr does not take a line now, the line is dropped and the next one that
 * passes tells "lost=N": logging does not wait.
 * Lines are a subsystem, a message and key=value pairs; events on transitions
 * only. Thread-safe; errno is preserved; never call it from a signal handler.
 */
#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* something that needs a person */
	LOG_LEVEL_WARN,  /* something was lost or refused */
	LOG_LEVEL_INFO,  /* a transition */
	LOG_LEVEL_DEBUG,
};

/* Names as in the configuration's log.level: error, warn, info, debug. */
const char *log_level_name(enum log_level level);

/* Call once, before threads; ident is the program's name. */
void log_init(const char *ident, enum log_level level);

/* May be called at any time from any thread. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* A limiter for one call site: at most `burst` lines a second; what was held
 * back is told by "suppressed=N" on the next line that passes. */
struct log_limit {
	int64_t second;
	unsigned int passed;
	unsigned int held;
};

#define LOG_FORMAT(a, b) __attribute__((format(printf, a, b)))

void log_line(enum log_level level, const char *subsystem, struct log_limit *limit,
	      const char *fmt, ...) LOG_FORMAT(4, 5);

/* Each call site has its own thread-local limiter of 10 lines a second. */
#define LOG_AT(level, subsystem, ...)                                 \
	do {                                                          \
		static _Thread_local struct log_limit log_limit_;     \
		log_line(level, subsystem, &log_limit_, __VA_ARGS__); \
	} while (0)

#define log_error(subsystem, ...) LOG_AT(LOG_LEVEL_ERROR, subsystem, __VA_ARGS__)
#define log_warn(subsystem, ...)  LOG_AT(LOG_LEVEL_WARN, subsystem, __VA_ARGS__)
#define log_info(subsystem, ...)  LOG_AT(LOG_LEVEL_INFO, subsystem, __VA_ARGS__)
#define log_debug(subsystem, ...) LOG_AT(LOG_LEVEL_DEBUG, subsystem, __VA_ARGS__)

/* Start-up only: logs at error level and exits with status 1. */
void fatal(const char *subsystem, const char *fmt, ...) LOG_FORMAT(2, 3)
	__attribute__((noreturn));

#endif
