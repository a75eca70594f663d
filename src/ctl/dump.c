/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/quantity.h"
#include "ctl/ask.h"
#include "ctl/reel.h"
#include "ctl/unit.h"

#define OK           200
#define TARGET_BYTES 6144 /* the daemon takes 8 KiB of request */

/* ---- the command line ---- */

static bool
is_ago(const char *text)
{
	uint64_t ns;

	return text == NULL ||
	       quantity_parse(QUANTITY_DURATION, text, &ns) == QUANTITY_OK;
}

bool
dump_check(const struct ctl *ctl, char *error, size_t bytes)
{
	const char *wrong = is_ago(ctl->since) ? ctl->until : ctl->since;

	if (ctl->since == NULL)
		snprintf(error, bytes, "history: --since when? as in --since 5s");
	else if (ctl->output == NULL)
		snprintf(error, bytes, "history: -w which file? - is standard output");
	else if (!is_ago(ctl->since) || !is_ago(ctl->until))
		snprintf(error, bytes,
			 "history: %s is not how long ago; a number and one of %s",
			 wrong, quantity_units(QUANTITY_DURATION));
	else
		return true;
	return false;
}

/* ---- the question ---- */

/* What is not safe in a query becomes %XX. */
static bool
append(char *target, const char *key, const char *value)
{
	size_t len = strlen(target);
	int n = snprintf(target + len, TARGET_BYTES - len, "%s", key);

	for (len += (size_t)n; *value != '\0' && len + 4 < TARGET_BYTES; value++) {
		bool safe = (*value >= '0' && *value <= '9') ||
			    (*value >= 'a' && *value <= 'z') ||
			    (*value >= 'A' && *value <= 'Z') || *value == '-' ||
			    *value == '.' || *value == '_';

		len += (size_t)snprintf(target + len, TARGET_BYTES - len,
					safe ? "%c" : "%%%02X", (unsigned char)*value);
	}
	return *value == '\0' && len + 32 < TARGET_BYTES;
}

static bool
ask_for_all(const struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->word_count; i++)
		if (strcmp(ctl->words[i], "all") == 0)
			return true;
	return false;
}

static bool
compose(const struct ctl *ctl, char target[TARGET_BYTES])
{
	bool ok;

	strcpy(target, "/history");
	ok = append(target, "?since=", ctl->since);
	if (ctl->until != NULL)
		ok = ok && append(target, "&until=", ctl->until);
	if (ask_for_all(ctl))
		return ok;
	for (size_t i = 0; i < ctl->word_count; i++)
		ok = ok && append(target, "&channel=", ctl->words[i]);
	return ok;
}

/* ---- the answer ---- */

struct dump {
	const struct ctl *ctl;
	int fd;    /* -1: not open yet */
	int error; /* errno of opening or writing */
	struct reel reel;
};

static bool
is_stdout(const struct ctl *ctl)
{
	return strcmp(ctl->output, "-") == 0;
}

/* Only when there is something to write, and for its owner alone: payloads are
 * licensed. */
static int
open_output(const struct ctl *ctl)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (ctl->force ? O_TRUNC : O_EXCL);
	int fd = is_stdout(ctl) ? STDOUT_FILENO : open(ctl->output, flags, 0600);

	return fd >= 0 ? fd : -errno;
}

static int
write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
take(void *arg, const char *bytes, size_t len)
{
	struct dump *d = arg;
	int rc;

	if (d->fd < 0) {
		rc = open_output(d->ctl);
		d->error = rc < 0 ? rc : 0;
		if (rc < 0)
			return -ECANCELED;
		d->fd = rc;
	}
	if (!reel_feed(&d->reel, (const uint8_t *)bytes, len))
		return -EPROTO;
	d->error = write_all(d->fd, (const uint8_t *)bytes, len);
	return d->error != 0 ? -ECANCELED : 0;
}

static void
tell(const struct dump *d)
{
	FILE *out = is_stdout(d->ctl) ? stderr : stdout;
	const struct reel *r = &d->reel;

	fprintf(out, "%" PRIu64 " datagrams of %" PRIu64 " channels", r->packets,
		r->interfaces);
	if (r->packets > 0)
		fprintf(out, ", captured from %s to %s UTC",
			unit_moment(r->first_ns).text, unit_moment(r->last_ns).text);
	fputc('\n', out);
	if (r->note[0] != '\0')
		fprintf(stderr, "tomboloctl: %s\n", r->note);
}

static enum ctl_exit
explain(const struct dump *d, int rc, const struct client_answer *a)
{
	char error[ASK_ERROR_BYTES];

	if (rc == -ECANCELED) {
		fprintf(stderr, "tomboloctl: %s: %s%s\n", d->ctl->output,
			strerror(-d->error),
			d->error == -EEXIST ? "; --force writes over it" : "");
		return CTL_TROUBLE;
	}
	if (rc == 0 && a->status != OK) {
		fprintf(stderr, "tomboloctl: %s",
			a->len > 0 ? a->body : "refused; is the daemon older?\n");
		return CTL_TROUBLE;
	}
	if (rc != 0)
		client_explain(d->ctl->socket, rc, error, sizeof(error));
	else
		snprintf(error, sizeof(error), "%s: the recording was cut",
			 d->ctl->socket);
	return ask_failed(error);
}

enum ctl_exit
dump_history(const struct ctl *ctl)
{
	struct dump d = {.ctl = ctl, .fd = -1};
	struct client_answer a = {.status = 0};
	char target[TARGET_BYTES];
	enum ctl_exit result = CTL_FINE;
	int rc;

	if (!compose(ctl, target)) {
		fprintf(stderr, "tomboloctl: too many channels; say all\n");
		return CTL_USAGE;
	}
	if (!is_stdout(ctl) && !ctl->force && access(ctl->output, F_OK) == 0) {
		d.error = -EEXIST;
		return explain(&d, -ECANCELED, &a);
	}
	rc = client_stream(ctl->socket, target, take, &d, &a);
	if (d.fd >= 0 && !is_stdout(ctl) && close(d.fd) != 0 && d.error == 0) {
		d.error = -errno;
		rc = -ECANCELED;
	}
	if (rc == 0 && a.status == OK && reel_is_whole(&d.reel))
		tell(&d);
	else
		result = explain(&d, rc, &a);
	free(a.body);
	return result;
}
