/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marketgen: makes up a market and writes it to a capture file, or says it live
 * as multicast on an interface of a test's own network namespace.
 *
 *   marketgen [options] -w FILE           a capture with nanoseconds
 *   marketgen [options] --live IFACE      multicast, in steps of 1 ms at most
 *
 *   --count N       datagrams (default 10000)
 *   --duration S    seconds instead of a count, of the market's own time
 *   --rate N        datagrams a second in the mean (default 10000)
 *   --channels N    channel i is group + i, port + i (default 4)
 *   --seed N        the same seed is the same market (default 1)
 *   --group A       base group (default 239.10.0.1)
 *   --port N        base port (default 30001)
 *   --source A      source address (default 10.10.0.9; live: the interface's)
 *   --max N         longest payload (default 1400)
 *   --pairs N       of 1000 datagrams, said twice, byte for byte (file: 10, live: 0)
 *   --vlan N        file: a tag; given twice: outer, then inner
 *   --mtu N         file: longer IP packets are written as fragments
 *   --fault K:N     file: every Nth datagram is damaged, to prove that a judge
 *                   sees it: omit, repeat, flip (a bit) or swap (with the next
 *                   of its channel)
 *
 * Prints one line of JSON: what was sent, and in how much time. Live, SIGTERM closes
 * the market earlier.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "marketgen.h"
#include "options.h"

enum {
	OPT_COUNT = 256,
	OPT_DURATION,
	OPT_RATE,
	OPT_CHANNELS,
	OPT_SEED,
	OPT_GROUP,
	OPT_PORT,
	OPT_SOURCE,
	OPT_MAX,
	OPT_PAIRS,
	OPT_VLAN,
	OPT_MTU,
	OPT_FAULT,
	OPT_LIVE,
};

static const struct option long_options[] = {
	{"count", required_argument, NULL, OPT_COUNT},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"rate", required_argument, NULL, OPT_RATE},
	{"channels", required_argument, NULL, OPT_CHANNELS},
	{"seed", required_argument, NULL, OPT_SEED},
	{"group", required_argument, NULL, OPT_GROUP},
	{"port", required_argument, NULL, OPT_PORT},
	{"source", required_argument, NULL, OPT_SOURCE},
	{"max", required_argument, NULL, OPT_MAX},
	{"pairs", required_argument, NULL, OPT_PAIRS},
	{"vlan", required_argument, NULL, OPT_VLAN},
	{"mtu", required_argument, NULL, OPT_MTU},
	{"fault", required_argument, NULL, OPT_FAULT},
	{"live", required_argument, NULL, OPT_LIVE},
	{NULL, 0, NULL, 0},
};

static void
set_fault(struct marketgen *g, const char *text)
{
	static const char *const names[] = {[FAULT_OMIT] = "omit",
					    [FAULT_REPEAT] = "repeat",
					    [FAULT_FLIP] = "flip",
					    [FAULT_SWAP] = "swap"};
	const char *colon = strchr(text, ':');

	if (colon == NULL)
		options_die("not a fault", text);
	for (int i = FAULT_OMIT; i <= FAULT_SWAP; i++)
		if (strncmp(text, names[i], (size_t)(colon - text)) == 0 &&
		    names[i][colon - text] == '\0')
			g->fault = i;
	if (g->fault == FAULT_NONE)
		options_die("not a fault", text);
	g->fault_every = options_number(colon + 1, 2, 1u << 30);
}

static void
add_vlan(struct frame_style *style, const char *text)
{
	if (style->vlan_count == 2)
		options_die("a third tag", text);
	style->vlan[style->vlan_count++] = (uint16_t)options_number(text, 1, 4094);
}

static void
set_option(struct marketgen *g, int option, const char *text)
{
	switch (option) {
	case OPT_COUNT: g->count = options_number(text, 1, 1u << 30); break;
	case OPT_DURATION:
		g->duration_ns = (int64_t)options_number(text, 1, 3600) * NS_PER_S;
		break;
	case OPT_RATE: g->market.rate = (double)options_number(text, 1, 2000000); break;
	case OPT_CHANNELS:
		g->market.channels =
			(unsigned int)options_number(text, 1, MARKET_CHANNELS_MAX);
		break;
	case OPT_SEED: g->market.seed = options_number(text, 0, UINT64_MAX); break;
	case OPT_GROUP: g->group = options_address(text); break;
	case OPT_PORT: g->port = (uint16_t)options_number(text, 1, 61439); break;
	case OPT_SOURCE: g->style.source = options_address(text); break;
	case OPT_MAX:
		g->market.size_max =
			options_number(text, MARKET_MARK_BYTES, FRAME_PAYLOAD_MAX);
		break;
	case OPT_PAIRS:
		g->market.pairs_permille = (unsigned int)options_number(text, 0, 1000);
		break;
	case OPT_VLAN: add_vlan(&g->style, text); break;
	case OPT_MTU: g->style.mtu = options_number(text, 68, 65535); break;
	case OPT_FAULT: set_fault(g, text); break;
	case OPT_LIVE: g->interface = text; break;
	case 'w': g->file = text; break;
	default: exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct marketgen g = {
		.market = {.seed = 1,
			   .channels = 4,
			   .rate = 10000,
			   .size_max = 1400,
			   .pairs_permille = UINT32_MAX},
		.group = 239u << 24 | 10 << 16 | 1,
		.port = 30001,
		.style = {.source_port = 40001},
	};
	int option;

	while ((option = getopt_long(argc, argv, "w:", long_options, NULL)) != -1)
		set_option(&g, option, optarg);
	if (optind != argc || (g.file == NULL) == (g.interface == NULL))
		options_die("usage", "[options] -w FILE | --live IFACE");
	if (g.count == 0)
		g.count = g.duration_ns != 0 ? UINT64_MAX : 10000;
	if (g.duration_ns == 0)
		g.duration_ns = INT64_MAX;
	if (g.market.pairs_permille == UINT32_MAX)
		g.market.pairs_permille = g.file != NULL ? 10 : 0;
	return (g.file != NULL ? marketgen_file(&g) : marketgen_live(&g)) ? 0 : 1;
}
