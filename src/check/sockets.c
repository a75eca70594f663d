/* SPDX-License-Identifier: Apache-2.0 */
#include "check/sockets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TCP_LISTEN_STATE 0x0a
#define UDP_OPEN_STATE   0x07 /* not connected */

bool
sockets_has(const char *text, enum transport transport, struct endpoint at)
{
	unsigned int wanted =
		transport == TRANSPORT_TLS ? TCP_LISTEN_STATE : UDP_OPEN_STATE;
	unsigned int addr, port, state;

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, " %*u: %8x:%4x %*8x:%*4x %2x", &addr, &port, &state) ==
			    3 &&
		    port == at.port && state == wanted &&
		    (addr == 0 || at.addr == 0 || ntohl(addr) == at.addr))
			return true;
	}
	return false;
}
