/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HOST_H
#define TOMBOLO_HOST_H
/* The files of /proc and /sys that checks read, below a root that tests can set. Shell,
 * reads only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host {
	const char *root; /* "" */
};

#define HOST_TEXT_BYTES_MAX ((size_t)4 << 20)

/* A whole file, to be released with free(); NULL when it cannot be read. */
char *host_read(const struct host *h, const char *path);
/* Its first line, "" when it cannot be read. */
void host_line(const struct host *h, const char *path, char *line, size_t bytes);
/* The number in it, or absent. */
int64_t host_number(const struct host *h, const char *path, int64_t absent);
/* net.ipv4.conf.INTERFACE.KEY, absent likewise. */
int64_t host_ipv4_conf(const struct host *h, const char *interface, const char *key,
		       int64_t absent);
/* By its board's or system's vendor. */
bool host_is_ec2(const struct host *h);

#endif
