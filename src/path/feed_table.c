/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framings of the main exchange multicast feeds, from the exchanges' public
 * specifications. Offsets are from the first byte of the UDP payload.
 */
#include "path/feed_table.h"

#define LE(at, width)           \
	{                       \
		at, width, true \
	}
#define BE(at, width)            \
	{                        \
		at, width, false \
	}
#define U32_MAX 0xffffffffU

/* How far each row is known to be true. */
#define SEEN   " Checked on captured datagrams."
#define READ   " From the specification, not checked on captured datagrams."
#define PARTLY " Offsets checked on captured datagrams; the rules are a third party's."

#define IS(field, value, what)                                \
	{                                                     \
		field, 0xffff, value, value, FEED_MARK_##what \
	}
#define BIT(field, bit, what)                          \
	{                                              \
		field, bit, bit, bit, FEED_MARK_##what \
	}
#define IN(field, lowest, highest, what)                         \
	{                                                        \
		field, 0xffff, lowest, highest, FEED_MARK_##what \
	}

const struct feed_framing feed_framings[] = {
	{
		.name = "none",
		.help = "The feed's own numbers are not looked at.",
	},
	{
		.name = "moldudp64",
		.help = "MoldUDP64: Nasdaq, UTP, FINRA, ASX, OSE, JNX, Borsa Istanbul. "
			"A new session is a reset." SEEN,
		.header_bytes = 20,
		.number = BE(10, 8),
		.count = BE(18, 2),
		.session_at = 0,
		.session_bytes = 10,
		.idle = FEED_IDLE_NEXT,
		/* End of session: no messages, whatever the count looks like. */
		.marks = {IS(BE(18, 2), 0xffff, IDLE)},
		.mark_count = 1,
	},
	{
		.name = "omd",
		.help = "HKEX OMD-C and OMD-D. Sequence Reset (100) is a reset, and "
			"the number after it is taken as it comes." READ,
		.header_bytes = 16,
		.number = LE(4, 4),
		.count = LE(2, 1),
		.idle = FEED_IDLE_LAST,
		.restarts = true,
		.marks = {IS(LE(18, 2), 100, RESET)},
		.mark_count = 1,
	},
	{
		.name = "eobi",
		.help = "Eurex and Xetra T7 EOBI, by ApplSeqNum: counts datagrams. "
			"Numbers may restart during the day, the old sender's and the "
			"new one's mixed." SEEN,
		.header_bytes = 32,
		.number = LE(8, 4),
		.idle = FEED_IDLE_MUTE,
		.restarts = true,
		/* The technical heartbeat, which is a line test without a header. */
		.marks = {IS(BE(0, 2), 0xc0f8, IDLE)},
		.mark_count = 1,
	},
	{
		.name = "gtp",
		.help = "LSE and Borsa Italiana GTP, Turquoise MITCH." READ,
		.header_bytes = 8,
		.number = LE(4, 4),
		.count = LE(2, 1),
		.idle = FEED_IDLE_NEXT,
		.restarts = true,
	},
	{
		.name = "optiq",
		.help = "Euronext Optiq MDG, by packet sequence number: counts "
			"datagrams." READ,
		.header_bytes = 16,
		.number = LE(8, 4),
		.restarts = true,
	},
	{
		.name = "mdp3",
		.help = "CME MDP 3.0: counts datagrams." SEEN,
		.header_bytes = 12,
		.number = LE(0, 4),
		.restarts = true,
	},
	{
		.name = "umdf",
		.help = "B3 Binary UMDF: counts datagrams; those numbered 0 (idle "
			"periods) are unchecked. A new SequenceVersion is a reset." SEEN,
		.header_bytes = 16,
		.number = LE(4, 4),
		.session_at = 2,
		.session_bytes = 2,
		.restarts = true,
		.zero_unused = true,
	},
	{
		.name = "xdp",
		.help = "NYSE Pillar and XDP, all NYSE venues. Retransmissions and "
			"refreshes are unchecked." SEEN,
		.header_bytes = 16,
		.number = LE(4, 4),
		.count = LE(3, 1),
		/* "Does not advance": the specification does not say from where. */
		.idle = FEED_IDLE_UNSURE,
		.restarts = true,
		.marks = {IS(LE(2, 1), 1, IDLE), IS(LE(2, 1), 12, RESET),
			  IN(LE(2, 1), 13, 21, FOREIGN)},
		.mark_count = 3,
	},
	{
		.name = "pitch",
		.help = "Cboe PITCH (US, EU, CFE, AU, CA), one unit a channel. "
			"Datagrams numbered 0 are unchecked." SEEN,
		.header_bytes = 8,
		.number = LE(4, 4),
		.count = LE(2, 1),
		.session_at = 3, /* the unit, should a channel carry several */
		.session_bytes = 1,
		.idle = FEED_IDLE_NEXT,
		.restarts = true,
		.zero_unused = true,
		.last = U32_MAX,
	},
	{
		.name = "memx",
		.help = "MEMX-UDP: MEMX, LTSE, 24X, Blue Ocean. A new session is a "
			"reset." SEEN,
		.header_bytes = 18,
		.number = BE(10, 8),
		.count = BE(18, 2),
		.session_at = 2,
		.session_bytes = 8,
		.idle = FEED_IDLE_LAST,
		/* Heartbeat and shutdown end before the count. */
		.marks = {IN(BE(0, 1), 0, 1, IDLE)},
		.mark_count = 1,
	},
	{
		.name = "iextp",
		.help = "IEX-TP: TOPS, DEEP, DEEP+." SEEN,
		.header_bytes = 40,
		.number = LE(24, 8),
		.count = LE(14, 2),
		.session_at = 4, /* channel and session */
		.session_bytes = 8,
		.idle = FEED_IDLE_NEXT,
		.restarts = true,
	},
	{
		.name = "opra",
		.help = "OPRA. After a reset block the number is taken as it comes; "
			"retransmitted blocks are unchecked." READ,
		.header_bytes = 21,
		.number = BE(6, 4),
		.count = BE(10, 1),
		.idle = FEED_IDLE_LAST,
		.restarts = true,
		.last = U32_MAX,
		/* Category and type of the first message. */
		.marks = {IS(BE(4, 1), 'V', FOREIGN),
			  IS(BE(22, 2), 'H' << 8 | 'K', RESET),
			  IS(BE(22, 2), 'H' << 8 | 'N', IDLE)},
		.mark_count = 3,
	},
	{
		.name = "cta",
		.help = "CTA CTS and CQS. After a reset block the number is taken as "
			"it comes; retransmitted blocks are unchecked." READ,
		.header_bytes = 20,
		.number = BE(5, 4),
		.count = BE(9, 1),
		.idle = FEED_IDLE_LAST,
		.restarts = true,
		.last = U32_MAX,
		.marks = {IS(BE(4, 1), 'V', FOREIGN),
			  IS(BE(22, 2), 'C' << 8 | 'L', RESET),
			  IS(BE(22, 2), 'C' << 8 | 'T', IDLE)},
		.mark_count = 3,
	},
	{
		.name = "impact",
		.help = "ICE iMpact. A new session is a reset." PARTLY,
		.header_bytes = 16,
		.number = BE(2, 4),
		.count = BE(6, 2),
		.session_at = 0,
		.session_bytes = 2,
		.idle = FEED_IDLE_UNSURE,
		.restarts = true,
	},
	{
		.name = "coinbase",
		.help = "Coinbase Derivatives." SEEN,
		.header_bytes = 20,
		.number = LE(8, 8),
		.count = LE(19, 1),
		.idle = FEED_IDLE_NEXT,
	},
	{
		.name = "flex",
		.help = "JPX arrowhead FLEX MBO: counts datagrams. A system reboot is "
			"a reset." READ,
		.header_bytes = 26,
		.number = BE(2, 4),
		.session_at = 1, /* number of reboots */
		.session_bytes = 1,
		.restarts = true,
	},
	{
		.name = "otc",
		.help = "OTC Markets. After the reset flag the number is taken as it "
			"comes." SEEN,
		.header_bytes = 12,
		.number = BE(2, 4),
		.count = BE(7, 1),
		.idle = FEED_IDLE_NEXT,
		.restarts = true,
		.marks = {BIT(BE(6, 1), 2, RESET), BIT(BE(6, 1), 1, IDLE)},
		.mark_count = 2,
	},
};

const size_t feed_framing_count = sizeof(feed_framings) / sizeof(feed_framings[0]);
