/* SPDX-License-Identifier: Apache-2.0 */
#include "path/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

struct sockaddr_in
endpoint_sockaddr(struct endpoint e)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(e.port),
				    .sin_addr.s_addr = htonl(e.addr)};
}

struct endpoint
endpoint_from(const struct sockaddr_in *a)
{
	return (struct endpoint){.addr = ntohl(a->sin_addr.s_addr),
				 .port = ntohs(a->sin_port)};
}

struct endpoint
endpoint_local(int fd)
{
	struct sockaddr_in sa = {0};
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return (struct endpoint){.addr = 0};
	return endpoint_from(&sa);
}

const char *
endpoint_text(struct endpoint e, char *out)
{
	snprintf(out, ENDPOINT_TEXT_BYTES, "%u.%u.%u.%u:%u", e.addr >> 24,
		 e.addr >> 16 & 0xff, e.addr >> 8 & 0xff, e.addr & 0xff, e.port);
	return out;
}
