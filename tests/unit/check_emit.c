/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emission into a network namespace of its own: a veth pair, the emitter on one
 * end and a packet socket on the other, so what is checked is what is on the wire.
 */
#include "path/emit.c"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>

#define EXIT_SKIP   77
#define PATIENCE_MS 10000
#define GROUP       0xe94d3601 /* 233.77.54.1 */
#define PORT        30001
#define PAYLOAD_MAX 70000
#define ADDRESS     "10.77.0.1"
#define NAME_BYTES  20

static char near[NAME_BYTES], far[NAME_BYTES], error[512];
static int wire = -1;
static struct emitter *emitter;
static char bytes[PAYLOAD_MAX];

/* ---- the namespace ---- */

LOG_FORMAT(1, 2)
static void
run(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

static bool
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* As root, or as root of a user namespace of our own. */
static bool
enter_namespace(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned int)getuid());
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
	       write_file("/proc/self/uid_map", map);
}

static bool
is_running(const char *name)
{
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc;

	strcpy(r.ifr_name, name);
	rc = ioctl(fd, SIOCGIFFLAGS, &r);
	close(fd);
	return rc == 0 && (r.ifr_flags & IFF_RUNNING);
}

static int64_t
now_ms(void)
{
	return clock_now().mono.ns / NS_PER_MS;
}

#define WAIT_FOR(condition)                                                            \
	do {                                                                           \
		int64_t give_up_ = now_ms() + PATIENCE_MS;                             \
		while (!(condition))                                                   \
			ck_assert_msg(now_ms() < give_up_, "never came: " #condition); \
	} while (0)

static void
make_wire(void)
{
	struct sockaddr_ll sa = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP)};
	int room = 16 * 1024 * 1024;

	run("ip link add %s type veth peer name %s", near, far);
	run("ip address add " ADDRESS "/24 dev %s", near);
	run("ip link set %s up && ip link set %s up", near, far);
	WAIT_FOR(is_running(near));
	wire = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_IP));
	ck_assert_int_ge(wire, 0);
	setsockopt(wire, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	sa.sll_ifindex = (int)if_nametoindex(far);
	ck_assert_int_eq(bind(wire, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

static void
cut_wire(void)
{
	close(wire);
	wire = -1;
	run("ip link delete %s", near);
}

static struct emit_settings
settings(void)
{
	return (struct emit_settings){.interface = near, .ttl = 8, .dscp = 46};
}

static void
start(const struct emit_settings *s)
{
	emit_free(emitter);
	emitter = emit_new(s, error, sizeof(error));
	ck_assert_msg(emitter != NULL, "%s", error);
}

static void
setup(void)
{
	struct emit_settings s = settings();

	snprintf(near, sizeof(near), "tmb-%d-a", (int)getpid());
	snprintf(far, sizeof(far), "tmb-%d-b", (int)getpid());
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 + i / 256);
	make_wire();
	start(&s);
}

static void
teardown(void)
{
	emit_free(emitter);
	emitter = NULL;
	cut_wire();
}

/* ---- the far end ---- */

struct packet {
	struct iphdr ip;
	uint16_t dport;
	size_t len;
	uint8_t payload[PAYLOAD_MAX];
};

/* The next IPv4 packet with UDP, whole or a fragment; false if there is none now. */
static bool
take_packet(struct packet *p)
{
	static uint8_t raw[PAYLOAD_MAX];
	ssize_t n;

	while ((n = recv(wire, raw, sizeof(raw), 0)) >= 0 || errno == ENETDOWN) {
		if (n < 28)
			continue;
		memcpy(&p->ip, raw, sizeof(p->ip));
		if (p->ip.protocol != IPPROTO_UDP)
			continue;
		p->dport = (uint16_t)(raw[22] << 8 | raw[23]);
		p->len = (size_t)ntohs(p->ip.tot_len) - 28;
		memcpy(p->payload, raw + 28, p->len);
		return true;
	}
	return false;
}

static void
expect_packet(struct packet *p, size_t len)
{
	WAIT_FOR(take_packet(p));
	ck_assert_uint_eq(p->len, len);
	ck_assert_uint_eq(p->dport, PORT);
	ck_assert_int_eq(memcmp(p->payload, bytes, len), 0);
}

/* What was sent before this call has arrived when a marker has. */
static void
expect_no_packet(void)
{
	static struct packet p;
	struct iovec iov = {bytes, 1};
	struct outgoing o = {GROUP, PORT + 1, &iov, 1, 1};
	enum emit_verdict verdict;

	WAIT_FOR(emit_send(emitter, &o, 1, &verdict) == 1);
	WAIT_FOR(take_packet(&p));
	ck_assert_uint_eq(p.dport, PORT + 1);
}

/* ---- the near end ---- */

static enum emit_verdict
send_one(size_t len)
{
	struct iovec iov = {bytes, len};
	struct outgoing o = {GROUP, PORT, &iov, 1, len};
	enum emit_verdict verdict;
	size_t done = emit_send(emitter, &o, 1, &verdict);

	ck_assert_uint_eq(done, verdict != EMIT_AGAIN);
	return verdict;
}

/* As if it had looked at the interface just now: the kernel has to tell. */
static void
skip_inspection(void)
{
	emitter->inspected = mono_add(clock_now().mono, 60 * NS_PER_S);
}

static uint64_t
figure(const counter_t *c)
{
	return counter_get(c);
}

/* Numbered datagrams, sent as a lane does: what is AGAIN is tried again when
 * emit_fd() is writable or after emit_retry_ns(). */
static void
send_numbered(uint32_t count, size_t len)
{
	int64_t give_up = now_ms() + PATIENCE_MS;

	for (uint32_t next = 0; next < count;) {
		struct outgoing out[EMIT_BATCH];
		struct iovec iov[EMIT_BATCH][2];
		uint32_t numbers[EMIT_BATCH];
		enum emit_verdict verdicts[EMIT_BATCH];
		struct pollfd writable = {.fd = emit_fd(emitter), .events = POLLOUT};
		size_t n = 0, done;

		for (; n < EMIT_BATCH && next + n < count; n++) {
			numbers[n] = next + (uint32_t)n;
			iov[n][0] = (struct iovec){&numbers[n], 4};
			iov[n][1] = (struct iovec){bytes, len - 4};
			out[n] = (struct outgoing){GROUP, PORT, iov[n], 2, len};
		}
		done = emit_send(emitter, out, n, verdicts);
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(verdicts[i],
					 i < done ? EMIT_SENT : EMIT_AGAIN);
		next += (uint32_t)done;
		ck_assert_msg(now_ms() < give_up, "%u of %u sent", next, count);
		if (done < n && emit_retry_ns(emitter))
			poll(NULL, 0, (int)(emit_retry_ns(emitter) / NS_PER_MS));
		else if (done < n)
			ck_assert_int_eq(poll(&writable, 1, PATIENCE_MS), 1);
	}
}

static void
expect_numbered(uint32_t count, size_t len)
{
	static struct packet p;
	uint32_t number;

	for (uint32_t i = 0; i < count; i++) {
		WAIT_FOR(take_packet(&p));
		memcpy(&number, p.payload, 4);
		ck_assert_uint_eq(number, i);
		ck_assert_uint_eq(p.len, len);
	}
	expect_no_packet();
}

/* ---- on the wire ---- */

START_TEST(header_and_payload)
{
	static struct packet p;
	struct iovec iov[] = {{bytes, 3}, {bytes + 3, 0}, {bytes + 3, 500}};
	struct outgoing o = {GROUP, PORT, iov, 3, 503};
	enum emit_verdict verdict;

	ck_assert_uint_eq(emit_send(emitter, &o, 1, &verdict), 1);
	ck_assert_int_eq(verdict, EMIT_SENT);
	expect_packet(&p, 503);
	ck_assert_uint_eq(p.ip.ttl, 8);
	ck_assert_uint_eq(p.ip.tos, 46 << 2);
	ck_assert_uint_eq(ntohs(p.ip.frag_off), IP_DF);
	ck_assert_uint_eq(ntohl(p.ip.daddr), GROUP);
	ck_assert_uint_eq(p.ip.saddr, inet_addr(ADDRESS));
	ck_assert_uint_eq(figure(&emit_figures(emitter)->sent), 1);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->sent_bytes), 503);
	ck_assert_int_eq(gauge_get(&emit_figures(emitter)->mtu_bytes), 1500);
	expect_no_packet();
}
END_TEST

START_TEST(other_settings)
{
	static struct packet p;
	struct emit_settings s = settings();

	s.ttl = 255;
	s.dscp = 0;
	s.fragment = true;
	start(&s);
	ck_assert_int_eq(send_one(1472), EMIT_SENT);
	expect_packet(&p, 1472);
	ck_assert_uint_eq(p.ip.ttl, 255);
	ck_assert_uint_eq(p.ip.tos, 0);
	ck_assert_uint_eq(ntohs(p.ip.frag_off), 0);
}
END_TEST

/* While it runs; what cannot be is told. */
START_TEST(marks_change)
{
	static struct packet p;
	struct emit_settings s = settings();
	int fd = emitter->fd;

	ck_assert_int_eq(send_one(10), EMIT_SENT);
	expect_packet(&p, 10);
	s.ttl = 3;
	s.dscp = 10;
	ck_assert_int_eq(emit_mark(emitter, &s, error, sizeof(error)), 0);
	ck_assert_int_eq(send_one(11), EMIT_SENT);
	expect_packet(&p, 11);
	ck_assert_uint_eq(p.ip.ttl, 3);
	ck_assert_uint_eq(p.ip.tos, 10 << 2);
	ck_assert_uint_eq(ntohs(p.ip.frag_off), IP_DF);
	emitter->fd = -1;
	s.ttl = 99;
	ck_assert_int_eq(emit_mark(emitter, &s, error, sizeof(error)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "emit: IP_MULTICAST_TTL 99: "));
	emitter->fd = fd;
	ck_assert_int_eq(send_one(12), EMIT_SENT);
	expect_packet(&p, 12);
	ck_assert_uint_eq(p.ip.ttl, 3);
	ck_assert_uint_eq(p.ip.tos, 10 << 2);
}
END_TEST

START_TEST(empty_datagram)
{
	static struct packet p;

	ck_assert_int_eq(send_one(0), EMIT_SENT);
	expect_packet(&p, 0);
}
END_TEST

START_TEST(at_most_a_batch)
{
	struct iovec iov = {bytes, 10};
	struct outgoing out[EMIT_BATCH + 10];
	enum emit_verdict verdicts[EMIT_BATCH + 10];
	static struct packet p;

	for (size_t i = 0; i < EMIT_BATCH + 10; i++)
		out[i] = (struct outgoing){GROUP, PORT, &iov, 1, 10};
	ck_assert_uint_eq(emit_send(emitter, out, EMIT_BATCH + 10, verdicts),
			  EMIT_BATCH);
	for (size_t i = 0; i < EMIT_BATCH + 10; i++)
		ck_assert_int_eq(verdicts[i], i < EMIT_BATCH ? EMIT_SENT : EMIT_AGAIN);
	ck_assert_int_eq(emit_retry_ns(emitter), 0);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->batches), 1);
	for (size_t i = 0; i < EMIT_BATCH; i++)
		expect_packet(&p, 10);
	expect_no_packet();
}
END_TEST

static int
join(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct ip_mreqn mreq = {.imr_multiaddr = {htonl(GROUP)},
				.imr_ifindex = (int)if_nametoindex(near)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(
		setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)), 0);
	return fd;
}

/* Of one datagram without loop and one with it, a receiver here sees the second. */
START_TEST(loop)
{
	struct emit_settings s = settings();
	char got[100];
	ssize_t n;
	int fd = join(PORT);

	ck_assert_int_eq(send_one(10), EMIT_SENT);
	s.loop = true;
	start(&s);
	ck_assert_int_eq(send_one(20), EMIT_SENT);
	WAIT_FOR((n = recv(fd, got, sizeof(got), 0)) >= 0);
	ck_assert_int_eq(n, 20);
	close(fd);
}
END_TEST

/* ---- too long ---- */

START_TEST(oversize_boundary)
{
	static struct packet p;

	ck_assert_int_eq(send_one(1472), EMIT_SENT);
	ck_assert_int_eq(send_one(1473), EMIT_OVERSIZE);
	ck_assert_int_eq(send_one(65507), EMIT_OVERSIZE);
	ck_assert_int_eq(send_one(65508), EMIT_OVERSIZE);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->oversize), 3);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->sent), 1);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->batches), 1);
	expect_packet(&p, 1472);
	expect_no_packet();
}
END_TEST

static void
check_mixed_batch(const size_t *sizes, const enum emit_verdict *wanted, size_t count)
{
	struct outgoing out[8];
	struct iovec iov[8];
	enum emit_verdict verdicts[8];
	static struct packet p;

	for (size_t i = 0; i < count; i++) {
		iov[i] = (struct iovec){bytes, sizes[i]};
		out[i] = (struct outgoing){GROUP, PORT, &iov[i], 1, sizes[i]};
	}
	ck_assert_uint_eq(emit_send(emitter, out, count, verdicts), count);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(verdicts[i], wanted[i]);
		if (wanted[i] == EMIT_SENT)
			expect_packet(&p, sizes[i]);
	}
	expect_no_packet();
}

START_TEST(oversize_refuses_only_itself)
{
	static const size_t sizes[] = {1473, 100, 2000, 3000, 1472, 1473};
	static const enum emit_verdict wanted[] = {EMIT_OVERSIZE, EMIT_SENT,
						   EMIT_OVERSIZE, EMIT_OVERSIZE,
						   EMIT_SENT,     EMIT_OVERSIZE};

	check_mixed_batch(sizes, wanted, 6);
}
END_TEST

START_TEST(jumbo)
{
	static struct packet p;

	run("ip link set %s mtu 9500 && ip link set %s mtu 9500", far, near);
	ck_assert_int_eq(send_one(9401), EMIT_SENT);
	ck_assert_int_eq(send_one(9472), EMIT_SENT);
	ck_assert_int_eq(send_one(9473), EMIT_OVERSIZE);
	expect_packet(&p, 9401);
	ck_assert_uint_eq(ntohs(p.ip.frag_off), IP_DF);
	expect_packet(&p, 9472);
	expect_no_packet();
}
END_TEST

START_TEST(fragments)
{
	struct emit_settings s = settings();
	static struct packet p;

	s.fragment = true;
	start(&s);
	ck_assert_int_eq(send_one(1600), EMIT_SENT);
	WAIT_FOR(take_packet(&p));
	ck_assert_uint_eq(ntohs(p.ip.frag_off), IP_MF);
	WAIT_FOR(take_packet(&p));
	ck_assert_uint_eq(ntohs(p.ip.frag_off), 1480 / 8);
	ck_assert_int_eq(send_one(65507), EMIT_SENT);
	ck_assert_int_eq(send_one(65508), EMIT_OVERSIZE);
}
END_TEST

/* The kernel's EMSGSIZE comes before our next look. */
START_TEST(mtu_shrinks)
{
	static const size_t sizes[] = {100, 1372, 1373, 200, 1472, 300};
	static const enum emit_verdict wanted[] = {EMIT_SENT,     EMIT_SENT,
						   EMIT_OVERSIZE, EMIT_SENT,
						   EMIT_OVERSIZE, EMIT_SENT};

	run("ip link set %s mtu 1400", near);
	skip_inspection();
	check_mixed_batch(sizes, wanted, 6);
	ck_assert_int_eq(gauge_get(&emit_figures(emitter)->mtu_bytes), 1400);
}
END_TEST

/* Nothing is refused on an MTU that was. */
START_TEST(mtu_grows)
{
	static struct packet p;

	run("ip link set %s mtu 9000 && ip link set %s mtu 9000", far, near);
	skip_inspection();
	ck_assert_int_eq(send_one(8972), EMIT_SENT);
	expect_packet(&p, 8972);
	ck_assert_int_eq(send_one(8973), EMIT_OVERSIZE);
	ck_assert_int_eq(gauge_get(&emit_figures(emitter)->mtu_bytes), 9000);
}
END_TEST

/* ---- not now ---- */

START_TEST(interface_down)
{
	static struct packet p;
	int64_t wanted = NS_PER_MS;

	ck_assert_int_eq(send_one(100), EMIT_SENT);
	run("ip link set %s down", near);
	if (_i == 1)
		skip_inspection();
	else
		emitter->inspected = (mono_t){0};
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(send_one(100), EMIT_AGAIN);
		ck_assert_int_eq(emit_retry_ns(emitter), wanted);
		wanted = 2 * wanted > 100 * NS_PER_MS ? 100 * NS_PER_MS : 2 * wanted;
	}
	ck_assert_uint_eq(figure(&emit_figures(emitter)->down), 10);
	run("ip link set %s up", near);
	expect_packet(&p, 100); /* the one before */
	send_numbered(100, 100);
	expect_numbered(100, 100);
	ck_assert_int_eq(emit_retry_ns(emitter), 0);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->errors), 0);
}
END_TEST

/* The device would take all of it and say nothing. */
START_TEST(no_carrier)
{
	run("ip link set %s down", far);
	WAIT_FOR(!is_running(near));
	emitter->inspected = (mono_t){0};
	ck_assert_int_eq(send_one(100), EMIT_AGAIN);
	ck_assert_int_eq(emit_retry_ns(emitter), NS_PER_MS);
	run("ip link set %s up", far);
	send_numbered(100, 100);
	expect_numbered(100, 100);
}
END_TEST

/* The address is the datagram's source; without one the kernel borrows another's. */
START_TEST(address_removed)
{
	static struct packet p;

	run("ip link set lo up");
	run("ip address flush dev %s", near);
	emitter->inspected = (mono_t){0};
	ck_assert_int_eq(send_one(100), EMIT_AGAIN);
	run("ip address add 10.77.0.2/24 dev %s", near);
	ck_assert_int_eq(send_one(100), EMIT_SENT);
	expect_packet(&p, 100);
	ck_assert_uint_eq(p.ip.saddr, inet_addr("10.77.0.2"));
	expect_no_packet();
}
END_TEST

START_TEST(interface_made_anew)
{
	int before = emitter->ifindex;

	ck_assert_int_eq(send_one(100), EMIT_SENT);
	cut_wire();
	if (_i == 1)
		skip_inspection();
	ck_assert_int_eq(send_one(100), EMIT_AGAIN);
	make_wire();
	if (_i == 2) { /* replaced between two looks */
		emitter->trouble = NULL;
		skip_inspection();
	}
	send_numbered(100, 100);
	expect_numbered(100, 100);
	ck_assert_int_ne(emitter->ifindex, before);
}
END_TEST

/* A queue of four datagrams at 8 Mbit/s: the kernel refuses nearly all, and says so. */
START_TEST(interface_queue_full)
{
	run("tc qdisc add dev %s root tbf rate 8mbit burst 2000 limit 4000", near);
	send_numbered(80, 1000);
	ck_assert_uint_gt(figure(&emit_figures(emitter)->nobufs), 0);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->sent), 80);
	expect_numbered(80, 1000);
}
END_TEST

START_TEST(send_buffer_full)
{
	int least = 1;

	ck_assert_int_eq(setsockopt(emit_fd(emitter), SOL_SOCKET, SO_SNDBUF, &least,
				    sizeof(least)),
			 0);
	run("tc qdisc add dev %s root tbf rate 8mbit burst 2000 limit 1000000", near);
	send_numbered(80, 1000);
	ck_assert_uint_gt(figure(&emit_figures(emitter)->again), 0);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->nobufs), 0);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->sent), 80);
	expect_numbered(80, 1000);
}
END_TEST

/* ---- never ---- */

START_TEST(firewall)
{
	static struct packet p;
	struct iovec iov = {bytes, 10};
	struct outgoing out[3] = {{GROUP, PORT, &iov, 1, 10},
				  {GROUP, 9, &iov, 1, 10},
				  {GROUP, PORT, &iov, 1, 10}};
	enum emit_verdict verdicts[3];

	run("nft add table ip tmb");
	run("nft 'add chain ip tmb out { type filter hook output priority 0; }'");
	run("nft add rule ip tmb out udp dport 9 drop");
	ck_assert_uint_eq(emit_send(emitter, out, 3, verdicts), 3);
	ck_assert_int_eq(verdicts[0], EMIT_SENT);
	ck_assert_int_eq(verdicts[1], EMIT_ERROR);
	ck_assert_int_eq(verdicts[2], EMIT_SENT);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->errors), 1);
	ck_assert_uint_eq(figure(&emit_figures(emitter)->sent), 2);
	expect_packet(&p, 10);
	expect_packet(&p, 10);
	run("nft delete table ip tmb");
	expect_no_packet();
}
END_TEST

/* A "port unreachable" about a datagram of ours, which anybody can make up. */
static void
forge_icmp_error(uint16_t sport)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
	} m = {.icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH},
	       .ip = {.version = 4, .ihl = 5, .ttl = 8, .protocol = IPPROTO_UDP},
	       .udp = {.uh_sport = htons(sport), .uh_dport = htons(PORT)}};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr = {inet_addr(ADDRESS)}};
	uint16_t words[sizeof(m) / 2];
	uint32_t sum = 0;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	m.ip.tot_len = htons(sizeof(m.ip) + sizeof(m.udp));
	m.ip.saddr = inet_addr(ADDRESS);
	m.ip.daddr = htonl(GROUP);
	memcpy(words, &m, sizeof(m));
	for (size_t i = 0; i < sizeof(m) / 2; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	m.icmp.checksum = (uint16_t) ~(sum + (sum >> 16));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
		sendto(fd, &m, sizeof(m), 0, (struct sockaddr *)&to, sizeof(to)),
		sizeof(m));
	close(fd);
}

static bool
in_error(void)
{
	struct pollfd p = {.fd = emit_fd(emitter), .events = POLLOUT};

	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
	return p.revents & POLLERR;
}

START_TEST(forged_error_condemns_nothing)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	static struct packet p;

	run("ip link set lo up");
	ck_assert_int_eq(send_one(10), EMIT_SENT);
	expect_packet(&p, 10);
	ck_assert_int_eq(getsockname(emit_fd(emitter), (struct sockaddr *)&own, &len),
			 0);
	forge_icmp_error(ntohs(own.sin_port));
	WAIT_FOR(in_error());
	ck_assert_int_eq(send_one(20), EMIT_SENT);
	expect_packet(&p, 20);
	ck_assert(!in_error());
	ck_assert_uint_eq(figure(&emit_figures(emitter)->errors), 0);
}
END_TEST

/* ---- start ---- */

START_TEST(start_errors)
{
	char other[NAME_BYTES], unknown[] = "nowhere0",
				longest[] = "a-name-too-long-for-one";
	struct emit_settings s = settings();

	s.interface = unknown;
	ck_assert_ptr_null(emit_new(&s, error, sizeof(error)));
	ck_assert_msg(strstr(error, "no such interface \"nowhere0\"") &&
			      strstr(error, near) && strstr(error, "lo"),
		      "%s", error);
	s.interface = longest;
	ck_assert_ptr_null(emit_new(&s, error, sizeof(error)));
	ck_assert_ptr_nonnull(strstr(error, "no such interface \"a-name-too-long"));
	strcpy(other, far);
	s.interface = other;
	ck_assert_ptr_null(emit_new(&s, error, sizeof(error)));
	ck_assert_msg(strstr(error, "no IPv4 address"), "%s", error);
}
END_TEST

START_TEST(starts_on_an_interface_that_is_down)
{
	struct emit_settings s = settings();

	run("ip link set %s down", near);
	start(&s);
	ck_assert_int_eq(send_one(10), EMIT_AGAIN);
	run("ip link set %s up", near);
	send_numbered(10, 10);
	expect_numbered(10, 10);
}
END_TEST

static TCase *
tests(void)
{
	TCase *t = tcase_create("emit");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, header_and_payload);
	tcase_add_test(t, other_settings);
	tcase_add_test(t, marks_change);
	tcase_add_test(t, empty_datagram);
	tcase_add_test(t, at_most_a_batch);
	tcase_add_test(t, loop);
	tcase_add_test(t, oversize_boundary);
	tcase_add_test(t, oversize_refuses_only_itself);
	tcase_add_test(t, jumbo);
	tcase_add_test(t, fragments);
	tcase_add_test(t, mtu_shrinks);
	tcase_add_test(t, mtu_grows);
	tcase_add_loop_test(t, interface_down, 0, 2);
	tcase_add_test(t, no_carrier);
	tcase_add_test(t, address_removed);
	tcase_add_loop_test(t, interface_made_anew, 0, 3);
	tcase_add_test(t, interface_queue_full);
	tcase_add_test(t, send_buffer_full);
	tcase_add_test(t, firewall);
	tcase_add_test(t, forged_error_condemns_nothing);
	tcase_add_test(t, start_errors);
	tcase_add_test(t, starts_on_an_interface_that_is_down);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("emit");

	if (!enter_namespace()) {
		printf("SKIP: no network namespace: %s\n", strerror(errno));
		return EXIT_SKIP;
	}
	suite_add_tcase(s, tests());
	return suite_run(s);
}
