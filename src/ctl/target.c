/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/ctl.h"

/* 0, or errno. */
static int
look(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? 0 : errno;
}

const char *
target_find(const char *half, int *status, char *error, size_t bytes)
{
	int relay = look(TARGET_RELAY), peer = look(TARGET_PEER);

	if (half != NULL)
		return strcmp(half, "relay") == 0 ? TARGET_RELAY : TARGET_PEER;
	*status = CTL_UNREACHABLE;
	if (relay == 0 && peer == 0) {
		*status = CTL_USAGE;
		snprintf(error, bytes,
			 "a relay and a peer are here: say which, as in "
			 "'tomboloctl relay status', or -s SOCKET");
	} else if (relay == 0) {
		return TARGET_RELAY;
	} else if (peer == 0) {
		return TARGET_PEER;
	} else if (relay == EACCES) {
		snprintf(error, bytes,
			 "/run/tombolo: permission denied; be root, or a member of the "
			 "group that it belongs to");
	} else {
		snprintf(error, bytes,
			 "no daemon has its control socket at %s or %s; is one "
			 "running? see systemctl status 'tombolo-*', or name its "
			 "socket by -s",
			 TARGET_RELAY, TARGET_PEER);
	}
	return NULL;
}
