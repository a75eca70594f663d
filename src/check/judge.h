/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_JUDGE_H
#define TOMBOLO_JUDGE_H
/*
 * What was read of this host, and what is to be said of it. Pure: figures in, a finding
 * out. Pointers are borrowed for the call. Of identity and paths see certificate.h and
 * reach.h, of the multicast domain cloud.h.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/ifstat.h"
#include "check/finding.h"
#include "check/nic.h"
#include "ops/settings.h"

/* adjtimex(2), which changes nothing when it is told nothing. */
struct clock_facts {
	bool synchronized;
	int64_t max_error_us; /* the kernel's own bound */
};
void judge_clock(struct finding *f, const struct clock_facts *c);

struct listen_facts {
	struct endpoint at;
	enum transport transport;
	bool is_here; /* an address of this host, or all of them */
	bool taken;   /* a socket has it */
	bool running; /* our daemon answers */
};
void judge_listen(struct finding *f, const struct listen_facts *l);

struct interface_facts {
	const char *name;
	int error; /* of ifstat_read() */
	struct ifstat_state state;
	const char *others; /* that there are */
};
void judge_interface(struct finding *f, const struct interface_facts *i);

struct offload_facts {
	const char *interface;
	bool gro, lro, gro_list, udp_forwarding;
};
void judge_offload(struct finding *f, const struct offload_facts *o);

/* ring NULL: the driver does not tell. */
void judge_rx_ring(struct finding *f, const char *interface,
		   const struct nic_ring *ring);

/* of_all and of_interface: net.ipv4.conf.*.rp_filter; the kernel takes the larger. -1:
 * cannot be read. */
void judge_rp_filter(struct finding *f, const char *interface, int64_t of_all,
		     int64_t of_interface);

struct memberships_facts {
	int64_t limit;   /* igmp_max_memberships, of one socket; -1: cannot be read */
	int64_t sources; /* igmp_max_msf */
	uint64_t wanted;
	uint64_t files; /* descriptors a process may have; 0: not known */
};
void judge_memberships(struct finding *f, const struct memberships_facts *m);

struct igmp_facts {
	const char *interface;
	int64_t forced_all, forced; /* force_igmp_version; 0: none */
	int current;                /* as /proc/net/igmp has it; 0: not known */
	uint64_t with_source;       /* channels */
};
void judge_igmp(struct finding *f, const struct igmp_facts *i);

struct joined_facts {
	const char *interface;
	uint64_t wanted, missing;
	uint32_t first; /* of those missing */
};
void judge_joined(struct finding *f, const struct joined_facts *j);

struct route_facts {
	const char *interface;
	uint32_t group;
	int error;       /* errno of connect(2) on a socket pointed at the interface */
	uint32_t source; /* that the kernel would send from */
	bool is_its_own; /* an address of that interface */
};
void judge_multicast_route(struct finding *f, const struct route_facts *r);

struct size_facts {
	const char *interface;
	int mtu;
	bool fragment, is_ec2;
	bool running;
	uint64_t oversize; /* datagrams refused since the daemon's start */
};
void judge_emission_size(struct finding *f, const struct size_facts *s);

struct quota_facts {
	const struct emit_settings *emit;
	bool is_ec2;
	bool running;
	/* Highest of the last minute, per second, of any flow and of all; -1: none. */
	double flow_pps, flow_bps, total_pps, total_bps;
	const char *flow; /* which one it was, by packets */
	double over;      /* packets emitted above it since the start */
};
void judge_quota(struct finding *f, const struct quota_facts *q);

#define JUDGE_ALLOWANCES_MAX 16
struct allowance_facts {
	const char *interface;
	unsigned int count; /* of such counters */
	unsigned int exceeded_count;
	struct {
		char name[33];
		uint64_t value;
	} exceeded[JUDGE_ALLOWANCES_MAX]; /* those above 0 */
};
void judge_allowances(struct finding *f, const struct allowance_facts *a);

#endif
