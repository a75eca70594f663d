/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/members.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "cloud/access.h"
#include "cloud/domain.h"
#include "cloud/ec2.h"
#include "cloud/groups.h"

/* Often enough that a new member is heard of within 10 s, the hops behind included, and
 * far below what EC2 allows an account. */
#define PERIOD_NS     (3 * NS_PER_S)
#define PERIOD_MAX_NS (24 * NS_PER_S) /* after failures, each twice as long */
#define TIMEOUT_NS    (3 * NS_PER_S)
/* Keys of a role are renewed some minutes before they expire. */
#define ACCESS_NS  (300 * NS_PER_S)
#define PARTING_MS 200

struct members {
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows, up to `fresh` */
	pthread_cond_t wake;
	char domain[DOMAIN_BYTES]; /* only the main thread writes it */
	bool stopping;
	uint32_t *groups;
	size_t count;
	int rc;
	char error[WEB_ERROR_BYTES];
	bool fresh; /* nobody looked at it yet */
	/* The thread's own. */
	struct access access;
	mono_t access_end;
	int64_t period_ns;
	/* The main thread's own. */
	uint32_t *given;
	size_t given_count;
	bool was_told, is_failing;
	struct members_figures figures;
};

/* ---- the thread ---- */

static int
ask(struct members *m, struct reply_members *members, char error[WEB_ERROR_BYTES])
{
	mono_t now = clock_now().mono;
	struct ec2 ec2 = {.endpoint = getenv("AWS_ENDPOINT_URL_EC2"),
			  .region = m->access.region,
			  .keys = &m->access.keys,
			  .timeout_ns = TIMEOUT_NS};
	char domain[DOMAIN_BYTES];
	int rc;

	if (mono_due(m->access_end, now)) {
		rc = access_find(&m->access, TIMEOUT_NS, error);
		if (rc != 0)
			return rc;
		m->access_end = mono_add(now, ACCESS_NS);
	}
	pthread_mutex_lock(&m->lock);
	memcpy(domain, m->domain, sizeof(domain));
	pthread_mutex_unlock(&m->lock);
	rc = ec2_members(&ec2, domain, members, error);
	if (rc != 0)
		m->access_end = now; /* perhaps the keys are others now */
	return rc;
}

static void
post(struct members *m, int rc, uint32_t *groups, size_t count, const char *error)
{
	uint32_t *before = NULL;

	pthread_mutex_lock(&m->lock);
	m->rc = rc;
	if (rc == 0) {
		before = m->groups;
		m->groups = groups;
		m->count = count;
	} else {
		memcpy(m->error, error, sizeof(m->error));
	}
	m->fresh = true;
	pthread_mutex_unlock(&m->lock);
	free(before);
}

static void
ask_and_post(struct members *m)
{
	char error[WEB_ERROR_BYTES] = "out of memory";
	struct reply_members members = {0};
	uint32_t *groups = NULL;
	size_t count = 0;
	int rc = ask(m, &members, error);

	counter_inc(&m->figures.asked);
	if (rc == 0) {
		groups = groups_of_members(&members, &count);
		rc = groups != NULL ? 0 : -ENOMEM;
	}
	free(members.list);
	if (rc == 0) {
		m->period_ns = PERIOD_NS;
	} else {
		counter_inc(&m->figures.failed);
		m->period_ns *= m->period_ns < PERIOD_MAX_NS ? 2 : 1;
	}
	post(m, rc, groups, count, error);
}

static struct timespec
after(clockid_t clock, int64_t ns)
{
	struct timespec end;

	clock_gettime(clock, &end);
	ns += end.tv_nsec;
	end.tv_sec += ns / NS_PER_S;
	end.tv_nsec = ns % NS_PER_S;
	return end;
}

/* False: it is over. */
static bool
wait_period(struct members *m)
{
	struct timespec end = after(CLOCK_MONOTONIC, m->period_ns);
	bool stopping;

	pthread_mutex_lock(&m->lock);
	while (!m->stopping &&
	       pthread_cond_timedwait(&m->wake, &m->lock, &end) != ETIMEDOUT)
		;
	stopping = m->stopping;
	pthread_mutex_unlock(&m->lock);
	return !stopping;
}

static void *
run(void *arg)
{
	struct members *m = arg;

	do
		ask_and_post(m);
	while (wait_period(m));
	return NULL;
}

/* ---- the main thread ---- */

static bool
start_thread(struct members *m)
{
	sigset_t all, before;
	int error;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&m->thread, NULL, run, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_setname_np(m->thread, "members");
	return error == 0;
}

struct members *
members_start(const char *domain)
{
	struct members *m = calloc(1, sizeof(*m));
	pthread_condattr_t by_mono;

	if (m == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		free(m);
		return NULL;
	}
	snprintf(m->domain, sizeof(m->domain), "%s", domain);
	m->period_ns = PERIOD_NS;
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&by_mono);
	pthread_condattr_setclock(&by_mono, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &by_mono);
	pthread_condattr_destroy(&by_mono);
	if (start_thread(m))
		return m;
	free(m);
	return NULL;
}

void
members_stop(struct members *m)
{
	struct timespec end;

	if (m == NULL)
		return;
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
	end = after(CLOCK_REALTIME, PARTING_MS * NS_PER_MS);
	if (pthread_timedjoin_np(m->thread, NULL, &end) != 0)
		return; /* it still uses all of it */
	free(m->groups);
	free(m->given);
	free(m);
}

static void
tell(struct members *m, int rc, size_t count, const char *error)
{
	bool failing = rc != 0;

	gauge_set(&m->figures.is_known, !failing);
	if (!failing)
		gauge_set(&m->figures.answered_ns, clock_now().utc.ns);
	if (failing && !m->is_failing)
		log_warn("members", "who is in %s is not known, %s: %s", m->domain,
			 m->given != NULL ? "so that what was known stands"
					  : "so that everything is wanted",
			 error);
	else if (!failing && (m->is_failing || !m->was_told))
		log_info("members", "who is in %s is known groups=%zu", m->domain,
			 count);
	m->is_failing = failing;
	m->was_told |= !failing;
}

/* Takes what the thread left. */
static bool
take(struct members *m, uint32_t **groups, size_t *count, int *rc,
     char error[WEB_ERROR_BYTES])
{
	bool fresh;

	pthread_mutex_lock(&m->lock);
	fresh = m->fresh;
	m->fresh = false;
	*groups = m->groups;
	*count = m->count;
	*rc = m->rc;
	memcpy(error, m->error, WEB_ERROR_BYTES);
	m->groups = NULL;
	pthread_mutex_unlock(&m->lock);
	return fresh;
}

static bool
is_given(const struct members *m, const uint32_t *groups, size_t count)
{
	return m->given != NULL && count == m->given_count &&
	       memcmp(groups, m->given, count * sizeof(*groups)) == 0;
}

/* A reload may have named another one. */
static void
set_domain(struct members *m, const char *domain)
{
	if (strcmp(m->domain, domain) == 0)
		return;
	pthread_mutex_lock(&m->lock);
	snprintf(m->domain, sizeof(m->domain), "%s", domain);
	pthread_mutex_unlock(&m->lock);
}

void
members_look(struct members *m, const char *domain,
	     void (*give)(void *arg, uint32_t *groups, size_t count), void *arg)
{
	char error[WEB_ERROR_BYTES];
	uint32_t *groups, *copy;
	size_t count;
	int rc;

	set_domain(m, domain);
	if (!take(m, &groups, &count, &rc, error))
		return;
	tell(m, rc, count, error);
	if (groups == NULL)
		return;
	gauge_set(&m->figures.groups, (int64_t)count);
	copy = is_given(m, groups, count) ? NULL : calloc(count + 1, sizeof(*groups));
	if (copy == NULL) {
		free(groups);
		return;
	}
	memcpy(copy, groups, count * sizeof(*groups));
	free(m->given);
	m->given = copy;
	m->given_count = count;
	give(arg, groups, count);
}

const struct members_figures *
members_figures(const struct members *m)
{
	return &m->figures;
}
