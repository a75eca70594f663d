/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define RING_BYTES   (8u << 20) /* 4096 slots at the usual MTU */
#define BLOCK_BYTES  (64u << 10)
#define SLOT_BYTES   2048u /* at least */
#define SLOT_EXTRA   256u  /* beyond the MTU: the kernel's headers, and the frame's */
#define SOCKET_BYTES (4 << 20)

/* ---- opening ---- */

static bool
ask_interface(const char *name, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;
	bool done;

	if (fd < 0)
		return false;
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
	done = ioctl(fd, what, request) == 0;
	error = errno;
	close(fd);
	errno = error;
	return done;
}

static bool
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* TPACKET_V2, because V3 hands over blocks, when they are full or old. */
static bool
map_ring(struct port *p, unsigned int mtu)
{
	struct tpacket_req request = {.tp_block_size = BLOCK_BYTES,
				      .tp_block_nr = RING_BYTES / BLOCK_BYTES,
				      .tp_frame_size = SLOT_BYTES};

	while (request.tp_frame_size < mtu + SLOT_EXTRA)
		request.tp_frame_size *= 2;
	request.tp_frame_nr = RING_BYTES / request.tp_frame_size;
	p->slot_bytes = request.tp_frame_size;
	p->slots = request.tp_frame_nr;
	if (!set_int(p->fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2) ||
	    setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) !=
		    0)
		return false;
	p->ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, p->fd, 0);
	return p->ring != MAP_FAILED;
}

/* SO_TIMESTAMPNS: frames are stamped as they come off the cable, not when the socket's
 * turn has come. */
static bool
set_up(struct port *p, unsigned int mtu, int index)
{
	struct sockaddr_ll on = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = index};

	return map_ring(p, mtu) &&
	       set_int(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) &&
	       set_int(p->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) &&
	       set_int(p->fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BYTES) &&
	       bind(p->fd, (struct sockaddr *)&on, sizeof(on)) == 0;
}

bool
port_open(struct port *p, const char *interface)
{
	struct ifreq mtu, index;

	*p = (struct port){.fd = -1};
	if (!ask_interface(interface, SIOCGIFMTU, &mtu) ||
	    !ask_interface(interface, SIOCGIFINDEX, &index))
		return false;
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	return p->fd >= 0 && set_up(p, (unsigned int)mtu.ifr_mtu, index.ifr_ifindex);
}

void
port_close(struct port *p)
{
	munmap(p->ring, RING_BYTES);
	close(p->fd);
}

/* ---- frames ---- */

/* No slot spans two blocks: a block is a multiple of a slot. */
static struct tpacket2_hdr *
slot(const struct port *p)
{
	return (struct tpacket2_hdr *)(void *)(p->ring + p->next * p->slot_bytes);
}

/* As it would be on a cable: whole, its checksum computed, its tag where it was. */
static bool
is_fit(const struct tpacket2_hdr *h, uint32_t status, size_t room)
{
	return (status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_VLAN_VALID)) == 0 &&
	       h->tp_snaplen == h->tp_len && h->tp_len > 0 && h->tp_len <= room;
}

size_t
port_take(struct port *p, uint8_t *to, size_t room, int64_t *arrived_ns)
{
	size_t len = 0;

	while (len == 0) {
		struct tpacket2_hdr *h = slot(p);
		uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);

		if ((status & TP_STATUS_USER) == 0)
			return 0;
		if (is_fit(h, status, room)) {
			len = h->tp_len;
			memcpy(to, (const uint8_t *)h + h->tp_mac, len);
			*arrived_ns = h->tp_sec * NS_PER_S + h->tp_nsec;
		} else {
			p->unfit++;
		}
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		p->next = p->next + 1 == p->slots ? 0 : p->next + 1;
	}
	return len;
}

bool
port_give(const struct port *p, const uint8_t *bytes, size_t len)
{
	return send(p->fd, bytes, len, MSG_DONTWAIT) >= 0;
}

uint64_t
port_dropped(const struct port *p)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) != 0)
		return 0;
	return stats.tp_drops;
}
