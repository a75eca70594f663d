/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of the relay, the kernel's ring; gets frames from the kernel, hands them to
 * capture_live; runs on the lane's thread.
 */
#include "path/ring.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/ring_filter.h"

/* How long a block may stay with the kernel when not immediate; the kernel rounds it
 * up to its own timer's tick. */
#define BLOCK_MS 1

#define ETHERNET_BYTES 14
#define TAG_BYTES      4
/* A slot of an immediate ring is of fixed length, and the kernel puts as many in a
 * page as fit: with this snapshot length two. The maximum of libpcap would cost 64
 * KiB a frame wherever an offload is on, and leave 64 MiB with 1,000 slots. */
#define SNAPLEN_MIN 1960

static int
set_up(pcap_t *pcap, const struct ring_settings *s)
{
	int snaplen = s->mtu + ETHERNET_BYTES + VLAN_TAGS_MAX * TAG_BYTES;
	int rc = 0;

	rc |= pcap_set_snaplen(pcap, snaplen > SNAPLEN_MIN ? snaplen : SNAPLEN_MIN);
	rc |= pcap_set_promisc(pcap, s->promiscuous);
	rc |= pcap_set_timeout(pcap, BLOCK_MS);
	rc |= pcap_set_immediate_mode(pcap, s->immediate);
	rc |= pcap_set_buffer_size(pcap, (int)s->buffer_bytes);
	/* Refused: the time stamps stay in microseconds. */
	(void)pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	return rc;
}

static int
explain(const struct ring_settings *s, int status, const char *reason, char *error)
{
	switch (status) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		snprintf(error, RING_ERROR_BYTES, "no interface %s", s->interface);
		return -ENODEV;
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		snprintf(error, RING_ERROR_BYTES,
			 "capturing on %s needs CAP_NET_RAW: %s", s->interface, reason);
		return -EPERM;
	case PCAP_ERROR_IFACE_NOT_UP:
		snprintf(error, RING_ERROR_BYTES, "interface %s is down", s->interface);
		return -ENETDOWN;
	default:
		snprintf(error, RING_ERROR_BYTES, "cannot capture on %s: %s",
			 s->interface,
			 reason[0] != '\0' ? reason : pcap_statustostr(status));
		return -EIO;
	}
}

/*
 * A second VLAN tag is a protocol that nobody in the kernel takes, so the kernel
 * counts each such frame in rx_dropped although the ring has it. A socket that asks
 * for the protocol, and passes nothing on, keeps that counter true. Returns -1 when
 * it cannot be had: then the counter says too much, and nothing else is lost.
 */
static int
claim(int index, uint16_t protocol)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = index};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	ring_filter_attach_none(fd);
	to.sll_protocol = htons(protocol);
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The memory of the ring, as mapped: libpcap makes it smaller without a word when the
 * kernel has not enough. 0 when it cannot be told. */
static uint64_t
measure(int fd)
{
	char line[512], name[64];
	uint64_t from, to, bytes = 0;
	struct stat st;
	FILE *maps;

	if (fstat(fd, &st) < 0 || (maps = fopen("/proc/self/maps", "re")) == NULL)
		return 0;
	snprintf(name, sizeof(name), "socket:[%" PRIuMAX "]", (uintmax_t)st.st_ino);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, name) != NULL &&
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
			bytes += to - from;
	}
	fclose(maps);
	return bytes;
}

static void
settle(struct ring *r, const struct ring_settings *s)
{
	int fd = pcap_fileno(r->pcap);

	r->claims[0] = claim(s->index, ETH_P_8021Q);
	r->claims[1] = claim(s->index, ETH_P_8021AD);
	r->link_type = pcap_datalink(r->pcap);
	r->by_block = !s->immediate;
	r->nano = pcap_get_tstamp_precision(r->pcap) == PCAP_TSTAMP_PRECISION_NANO;
	r->bytes = measure(fd);
	/* What was dropped before there was a filter is none of ours. */
	r->drops_seen = 0;
	(void)ring_drops(r);
}

static void
discard(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	(void)user;
	(void)h;
	(void)bytes;
}

/* An active handle takes everything there is on the wire, and to compile a filter of
 * some hundred groups takes milliseconds: nothing comes in meanwhile, and what came
 * before this is thrown away. By block some of that may still be the kernel's; it is
 * of no channel, and so counted as that. */
static void
start_empty(pcap_t *pcap)
{
	ring_filter_attach_none(pcap_fileno(pcap));
	while (pcap_dispatch(pcap, -1, discard, NULL) > 0)
		;
}

/* From a handle to a ring that is being filled. 0 or a negative errno. */
static int
activate(pcap_t *pcap, const struct ring_settings *s, char *error)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	int status = set_up(pcap, s), on = 1;

	if (status == 0)
		status = pcap_activate(pcap);
	/* Above 0 are warnings, such as of a missing promiscuous mode. */
	if (status < 0)
		return explain(s, status, pcap_geterr(pcap), error);
	if (pcap_setnonblock(pcap, 1, reason) < 0)
		return explain(s, PCAP_ERROR, reason, error);
	start_empty(pcap);
	if (pcap_setdirection(pcap, PCAP_D_IN) < 0)
		return explain(s, PCAP_ERROR, pcap_geterr(pcap), error);
	/* libpcap throws away what we send only after it has been through the ring,
	 * where it would take room and count as dropped. */
	(void)setsockopt(pcap_fileno(pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
			 sizeof(on));
	return ring_filter_set(pcap, s->filters, error);
}

int
ring_open(struct ring *r, const struct ring_settings *s, char *error)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	int rc;

	assert(r->pcap == NULL);
	if (s->buffer_bytes > INT_MAX) {
		snprintf(error, RING_ERROR_BYTES,
			 "a capture buffer of %" PRIu64 " bytes: libpcap takes at "
			 "most 2 GiB - 1",
			 s->buffer_bytes);
		return -EINVAL;
	}
	r->pcap = pcap_create(s->interface, reason);
	if (r->pcap == NULL)
		return explain(s, PCAP_ERROR, reason, error);
	rc = activate(r->pcap, s, error);
	if (rc < 0) {
		pcap_close(r->pcap);
		r->pcap = NULL;
		return rc;
	}
	settle(r, s);
	return 0;
}

int
ring_fd(const struct ring *r)
{
	return pcap_get_selectable_fd(r->pcap);
}

struct visit {
	const struct ring *ring;
	ring_visit_fn *fn;
	void *arg;
};

static void
visit_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	const struct visit *v = (const struct visit *)user;
	int64_t fraction_ns = h->ts.tv_usec * (v->ring->nano ? 1 : NS_PER_US);
	struct frame frame = {
		.link_type = v->ring->link_type,
		.captured = {h->ts.tv_sec * NS_PER_S + fraction_ns},
		.bytes = bytes,
		.caplen = h->caplen,
		.len = h->len,
	};

	v->fn(v->arg, &frame);
}

int
ring_run(struct ring *r, int max, ring_visit_fn *visit, void *arg, char *error)
{
	struct visit v = {.ring = r, .fn = visit, .arg = arg};
	int n = pcap_dispatch(r->pcap, max, visit_packet, (u_char *)&v);

	if (n >= 0)
		return n;
	snprintf(error, RING_ERROR_BYTES, "%s", pcap_geterr(r->pcap));
	return -EIO;
}

uint64_t
ring_drops(struct ring *r)
{
	struct pcap_stat stat;
	uint32_t more;

	if (pcap_stats(r->pcap, &stat) < 0)
		return 0;
	/* 32 bits that wrap: the difference is right as long as fewer than 2^32 were
	 * dropped between two calls. */
	more = stat.ps_drop - r->drops_seen;
	r->drops_seen = stat.ps_drop;
	return more;
}

void
ring_mute(struct ring *r)
{
	/* By the socket: pcap_setfilter() would also throw away what the ring has. */
	ring_filter_attach_none(pcap_fileno(r->pcap));
}

void
ring_close(struct ring *r)
{
	if (r->pcap == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		if (r->claims[i] >= 0)
			close(r->claims[i]);
	}
	pcap_close(r->pcap);
	*r = (struct ring){0};
}
