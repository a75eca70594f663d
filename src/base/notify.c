/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_BYTES_MAX 256

/* Returns the address's length or a negative errno. "@name" is a name in the
 * abstract namespace (unix(7)): its first byte is NUL, and it has no last one. */
static int
fill_address(struct sockaddr_un *to, const char *name)
{
	size_t len = strlen(name);

	if (name[0] != '/' && name[0] != '@')
		return -EAFNOSUPPORT;
	if (len >= sizeof(to->sun_path))
		return -ENAMETOOLONG;
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(to->sun_path, name, len);
	if (name[0] == '@')
		to->sun_path[0] = '\0';
	return (int)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int
send_to(const struct sockaddr_un *to, int to_len, const char *state)
{
	struct timeval patience = {.tv_sec = 1};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)to,
		   (socklen_t)to_len) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int
notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to;
	int to_len;

	if (!name || !*name)
		return 0;
	to_len = fill_address(&to, name);
	return to_len < 0 ? to_len : send_to(&to, to_len, state);
}

int
notify_ready(void)
{
	return notify("READY=1");
}

int
notify_reloading(mono_t now)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 now.ns / NS_PER_US);
	return notify(state);
}

int
notify_stopping(void)
{
	return notify("STOPPING=1");
}

int
notify_status(const char *text)
{
	char state[sizeof("STATUS=") - 1 + STATUS_BYTES_MAX];

	snprintf(state, sizeof(state), "STATUS=%s", text);
	/* a line break would begin another assignment */
	for (char *p = state; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	return notify(state);
}

int
notify_watchdog(void)
{
	return notify("WATCHDOG=1");
}

/* A whole positive decimal number, or 0. */
static int64_t
parse_number(const char *text)
{
	char *end;
	long long n;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	n = strtoll(text, &end, 10);
	return errno || *end ? 0 : n;
}

int64_t
notify_watchdog_ns(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	int64_t usec = parse_number(getenv("WATCHDOG_USEC"));

	if (pid && parse_number(pid) != getpid())
		return 0;
	return usec > INT64_MAX / NS_PER_US ? 0 : usec * NS_PER_US;
}
