/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EXPIRY_H
#define TOMBOLO_EXPIRY_H
/*
 * A daemon runs for months and reads its certificate once: that it ends soon, or has
 * ended, is told when it is read and again as the day comes nearer. On the loop's
 * thread.
 */
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct tls_settings;

struct expiry {
	struct event timer;
	bool open;
	const struct tls_settings *tls; /* not owned; a reload may change them */
	int64_t expires_s;              /* UTC, since 1970 */
	int step;                       /* as last looked at */
};

void expiry_open(struct expiry *e, struct event_base *base,
		 const struct tls_settings *tls);
/* Also after it was only zeroed. */
void expiry_close(struct expiry *e);
/* A certificate was read, and expiry_warn() called. */
void expiry_set(struct expiry *e, int64_t expires_s, int64_t now_s);

/* The line for a certificate that has so many seconds left, when they are few. */
void expiry_warn(const char *certificate, int64_t left_s);

/* How far it is: 0 expired, then one for each of a day, 7 and 30 days; more: further
 * away. wait_s: until it is nearer, at most an hour, for clocks are set. */
int expiry_step(int64_t left_s, int64_t *wait_s);

#endif
