/* SPDX-License-Identifier: Apache-2.0 */
"use strict";
/* What only computes: no document, no clock. node tests/page_logic.js checks it. */

const SPAN_S = 300, RECENT_S = 60;
const STEADY_S = 10, QUIET_S = 5, WAIT_S = 10; /* see follow() */
const EVENTS_MAX = 4000;
const SIGNS = {ok: "\u2713", warn: "!", bad: "\u2715", unknown: "?"};
const LOST = ["lost_give_up", "lost_aged", "lost_never", "lost_window", "lost_restart",
	"lost_drain", "refused_oversize", "refused_error", "stale"];

/* ---- numbers as text ---- */

function number(n) {
	return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function short(n) {
	for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]])
		if (n >= size)
			return (n / size).toPrecision(3) + unit;
	return n >= 9.95 || n === 0 ? n.toFixed(0) : n.toFixed(1);
}

function duration(ns) {
	if (ns === 0)
		return "0";
	if (ns < 0)
		return "\u2212" + duration(-ns);
	if (ns >= 1e9)
		return (ns / 1e9).toPrecision(3) + " s";
	return ns >= 1e6 ? (ns / 1e6).toPrecision(3) + " ms" : (ns / 1e3).toPrecision(3) + " \u00b5s";
}

function age(s) {
	if (s < 120)
		return Math.max(0, Math.round(s)) + " s";
	return s < 7200 ? Math.round(s / 60) + " min" : Math.round(s / 3600) + " h";
}

/* ---- what a document says ---- */

function sum(o, names) {
	return names.reduce((n, name) => n + ((o && o[name]) || 0), 0);
}

/* What is under way is no news where datagrams flow: it is when it is more than what
 * passes in a second, and lags. rate: a second's, null when not known. */
function isLagging(waiting, rate) {
	return rate !== null && rate !== undefined && waiting > rate;
}

/* What the daemon noticed and calls no fault: a channel that came steadily and stopped. */
const NOTICED = /^(since \d+ (s|min) nothing of |nothing captured since )/;

/* The clauses of a verdict without those that come and go while all is well. */
function lasting(text) {
	return text.split("; ").filter(c => !c.startsWith("under way: ")).join("; ");
}

function faults(text) {
	return lasting(text).split("; ").filter(c => !NOTICED.test(c)).join("; ");
}

function verdictLevel(text, lagging) {
	if (text.includes("the books do not balance") || !text.startsWith("nothing lost"))
		return "bad";
	return lagging && text !== "nothing lost" || faults(text) !== "nothing lost" ? "warn" : "ok";
}

/* Every session's books, the same way round in both halves. */
function books(doc) {
	const all = [];

	for (const lane of doc.lanes)
		for (const remote of lane.remotes)
			for (const c of remote.channels)
				all.push(doc.half === "relay" ? {peer: c.peer, sent: c}
							      : {peer: c, sent: c.relay});
	return all;
}

function rows(doc) {
	const all = [];

	for (const lane of doc.lanes) {
		const captured = new Map((lane.channels || []).map(c => [c.name, c]));

		for (const remote of lane.remotes)
			for (const c of remote.channels) {
				const mine = doc.half === "relay" ? captured.get(c.name) || {} : c;
				const peer = doc.half === "relay" ? c.peer : c;

				all.push({
					key: [lane.lane, remote.name, c.name].join(" "),
					name: c.name, remote: remote.name,
					address: mine.group ? mine.group + ":" + mine.port : "",
					count: doc.half === "relay" ? mine.captured || 0 : c.emitted,
					lost: sum(peer, LOST) + (mine.upstream_missing || 0),
					waiting: sum(peer, ["missing", "held"]) +
						sum(doc.half === "relay" ? c : c.relay, ["unsent"]),
					silent: !!mine.expect && mine.expect.state === "silent",
					latency: c.latency_ns === undefined ? null : c.latency_ns,
					last_ns: mine.captured_last_ns || c.emitted_last_ns || 0,
					verdict: c.verdict || "",
				});
			}
	}
	return all;
}

/* The figures of which the differences are plotted. */
function totals(doc) {
	const t = {count: 0, lost: 0, gaps: 0};

	for (const lane of doc.lanes) {
		for (const c of lane.channels || []) {
			t.count += c.captured;
			t.lost += c.upstream_missing;
			t.gaps += c.upstream_gaps;
		}
		if (lane.capture)
			t.lost += sum(lane.capture.dropped, ["kernel_ring", "interface"]);
		for (const remote of lane.remotes) {
			if (doc.half === "relay")
				continue;
			t.gaps += remote.figures.gaps;
			t.lost += sum(remote.dropped, ["kernel_ring", "interface"]);
			t.count += remote.channels.reduce((n, c) => n + c.emitted, 0);
		}
	}
	for (const b of books(doc))
		t.lost += sum(b.peer, LOST);
	return t;
}

/* Counters begin anew with a process or an epoch. */
function sameProcess(a, b) {
	const id = doc => doc.half + doc.lanes.map(l => [l.started_ns, l.epoch,
		l.remotes.map(r => [r.name, r.epoch])].join()).join();

	return !!a && !!b && id(a) === id(b);
}

function line(doc) {
	const remotes = doc.lanes.flatMap(l => l.remotes);
	const paths = remotes.flatMap(r => r.paths);
	const shut = remotes.filter(r => r.state !== "open");
	const down = paths.filter(p => !p.up).length;
	const loss = Math.max(0, ...paths.map(p => p.loss_ppm || 0));

	if (shut.length > 0)
		return {level: "bad", text: "session " + shut[0].name + " is " + shut[0].state};
	if (down > 0)
		return {level: "warn", text: down + " of " + paths.length + " paths down"};
	if (loss >= 50)
		return {level: "warn", text: "loses " + (loss / 1e4).toFixed(2) + " %",
			alarm: "a path loses datagrams"};
	return {level: "ok", text: paths.length === 1 ? "1 path up" : paths.length + " paths up"};
}

/* The places of the path, each with what was lost there and what is the matter. */
function places(doc) {
	const b = books(doc), relay = doc.half === "relay";
	const peer = names => b.reduce((n, x) => n + sum(x.peer, names), 0);
	const sent = names => b.reduce((n, x) => n + sum(x.sent, names), 0);
	const captured = doc.lanes.flatMap(l => l.channels || []);
	const drops = doc.lanes.flatMap(l => relay ? [l.capture.dropped] : l.remotes.map(r => r.dropped));
	const silent = captured.filter(c => c.expect && c.expect.state === "silent");
	const deaf = relay && doc.lanes.some(l => !l.capture.link_up);
	const place = (name, lost, waiting, note) => ({name, lost, waiting, note});
	const state = line(doc);
	const unoffered = b.reduce((n, x) => n + Math.max(0, sum(x.sent, ["shed_aged"]) -
		sum(x.peer, ["lost_aged"])), 0);

	return [
		place("Exchange", relay ? captured.reduce((n, c) => n + c.upstream_missing, 0) : null,
			0, silent.length > 0 ? {level: "bad", text: silent.length > 1 ?
				silent.length + " channels silent" : silent[0].name.slice(0, 14) + " is silent"}
				: {text: relay ? number(captured.reduce((n, c) => n + c.upstream_gaps, 0)) +
				" upstream gaps" : "the relay\u2019s page tells"}),
		place("Capture", drops.reduce((n, d) => n + sum(d, ["kernel_ring", "interface"]), 0) +
			captured.reduce((n, c) => n + c.refused, 0), 0,
			deaf ? {level: "bad", text: "interface is down"} : {text: relay ? "interface is up" : "told by marks"}),
		place("Relay", peer(["lost_never", "lost_restart"]) + unoffered, sent(["unsent"]),
			{text: number(sent(["unsent"])) + " unsent"}),
		place("Line", peer(["lost_give_up", "lost_aged"]), peer(["missing"]), state),
		place("Peer", peer(["lost_window", "lost_drain"]) + sent(["abandoned"]), peer(["held"]),
			{text: number(peer(["held"])) + " held"}),
		place("Emission", peer(["refused_oversize", "refused_error", "stale"]), 0,
			{text: number(peer(["emitted"])) + " out"}),
		place("Subscribers", null, 0, {text: "not seen from here"}),
	];
}

/* What was lost outside of the process, by counters that are not 0. */
function beside(doc) {
	const all = [], add = (place, counters, before) => {
		for (const [name, count] of Object.entries(counters || {}))
			if (count > 0)
				all.push({place, counter: (before || "") + name, count});
	};

	for (const lane of doc.lanes) {
		add("capture", lane.capture && lane.capture.dropped);
		for (const remote of lane.remotes)
			add(remote.name, remote.dropped, "before capture: ");
		add("sockets", lane.tunnel && {dtls_overflowed: lane.tunnel.dtls_overflowed,
			dtls_unsent: lane.tunnel.dtls_unsent});
	}
	for (const i of doc.interfaces || []) {
		const uses = ["capture", "emission", "path"].filter(use => i[use]).join(", ");
		const place = i.name + (uses ? " (" + uses + ")" : "");

		add(place, i.errors);
		add(place, i.allowance_exceeded, "allowance exceeded: ");
	}
	return all;
}

/* before: the places RECENT_S ago, or none; rate: of all channels. */
function judge(place, before, rate) {
	if (place.note.level === "bad")
		return {level: "bad", word: "trouble"};
	if (place.lost === null)
		return {level: "unknown", word: "no counter here"};
	if (before && place.lost > before.lost)
		return {level: "bad", word: number(place.lost) + " lost, growing"};
	if (place.lost > 0)
		return {level: "warn", word: number(place.lost) + " lost before"};
	if (place.note.level === "warn" || isLagging(place.waiting, rate))
		return {level: "warn", word: "0 lost, watch"};
	return {level: "ok", word: "0 lost"};
}

/* ---- a channel over time ---- */

/* t: what is known of the channel, or none; now in ms. A channel is quiet when it had
 * something every second and then nothing for a while: many are silent for a living. */
function follow(t, r, rate, now, now_ns) {
	const carries = rate > 0, was = t || {rates: [], delays: [], steady: 0, lost: r.lost, lostAt: null,
		waitAt: null};
	const silent_s = r.last_ns ? Math.max(0, (now_ns - r.last_ns) / 1e9) : null;

	return {
		rates: was.rates, delays: was.delays, silent_s,
		steady: carries ? (was.quiet ? 1 : was.steady + 1) : silent_s >= QUIET_S && was.steady < STEADY_S ? 0
			: was.steady,
		quiet: !carries && was.steady >= STEADY_S && silent_s !== null && silent_s >= QUIET_S,
		lost: r.lost, lostAt: r.lost > was.lost ? now : was.lostAt,
		waitAt: isLagging(r.waiting, rate) ? now : was.waitAt,
	};
}

/* How much a channel wants to be looked at. What waits is remembered for a while, so
 * that rows do not dance. */
function rank(r, t, now) {
	if (t && t.lostAt !== null && now - t.lostAt < RECENT_S * 1000)
		return 4;
	if (r.silent || t && t.quiet)
		return 3;
	if (verdictLevel(r.verdict) === "bad" || r.lost > 0)
		return 2;
	return t && t.waitAt !== null && now - t.waitAt < WAIT_S * 1000 ? 1 : 0;
}

/* ---- the verdict of the ledger, and what else is the matter ---- */

const SEVERITY = ["ok", "unknown", "warn", "bad"];

function headline(doc, judged, quiet, lagging) {
	const troubles = judged.filter(p => p.note.level === "bad" || p.note.level === "warn");
	/* A daemon that says itself what is the matter now need not be told twice. */
	const words = (/(^|; )now /.test(doc.verdict) ? [] : troubles).map(p => `${p.name}: ${p.note.alarm || p.note.text}`);
	let level = verdictLevel(doc.verdict, lagging);

	for (const p of troubles)
		if (SEVERITY.indexOf(p.note.level) > SEVERITY.indexOf(level))
			level = p.note.level;
	if (quiet.length > 0) {
		if (!doc.verdict.split("; ").some(c => NOTICED.test(c)))
			words.push(quiet.length === 1 ? `channel ${quiet[0]} is quiet` : `${quiet.length} channels are quiet`);
		level = level === "ok" ? "warn" : level;
	}
	return {level, text: words.length ? [...words, doc.verdict].join("; ") : doc.verdict};
}

/* A screen reader is told when the level changes, and what else is news once digits
 * are left out: not how a figure grows. */
function isNews(before, after) {
	const gist = h => h.level + lasting(h.text).replace(/since \d+ (s|min)|\d+/g, "");

	return !before || gist(before) !== gist(after);
}

/* ---- gaps: what the daemon remembers of them, newest first ---- */

function gapEvent(g, remote) {
	const lost = Object.keys(g).filter(k => k.startsWith("lost_")).reduce((n, k) => n + g[k], 0);
	const open = g.open > 0, parts = [];

	for (const [n, word] of [[g.open, "open"], [g.repaired, "repaired"], [g.late, "late"], [lost, "lost"]])
		if (n > 0)
			parts.push(number(n) + " " + word);
	return {key: ["gap", remote, g.channel, g.first, g.found_ns].join(" "), row: g.channel,
		at_ns: g.found_ns, lasted_ns: g.lasted_ns || 0, level: lost > 0 ? "bad" : "warn", open,
		kind: "gap", datagrams: g.datagrams, first: g.first,
		cause: (g.cause || "").replace(/_/g, " "), outcome: parts.join(", ")};
}

function upstreamEvent(g) {
	return {key: ["upstream", g.channel, g.first, g.captured_ns].join(" "), row: g.channel,
		at_ns: g.captured_ns, lasted_ns: 0, level: "bad", open: false, kind: "upstream gap",
		datagrams: g.missing, first: g.first, cause: "before capture", outcome: "not to be had"};
}

function markEvent(m) {
	return {key: ["mark", m.point, m.told_ns].join(" "), row: "capture", at_ns: m.told_ns,
		lasted_ns: 0, level: "bad", open: false, kind: "drop", datagrams: m.datagrams, first: null,
		cause: (m.point || "").replace(/_/g, " "), outcome: "not to be had"};
}

/* None when the daemon is of a version that does not tell. */
function events(doc) {
	return doc.lanes.flatMap(l => [
		...(l.upstream_gaps || []).map(upstreamEvent), ...(l.recent_marks || []).map(markEvent),
		...l.remotes.flatMap(r => (r.gaps || []).map(g => gapEvent(g, r.name)))]);
}

function tellsGaps(doc) {
	return doc.lanes.some(l => l.upstream_gaps || l.remotes.some(r => r.gaps));
}

/* The daemon tells the newest few: those of before are kept, as far as they are shown. */
function keepEvents(known, doc) {
	for (const e of events(doc)) {
		known.delete(e.key); /* to the end */
		known.set(e.key, e);
	}
	for (const [key, e] of known)
		if (e.at_ns + e.lasted_ns < doc.now_ns - SPAN_S * 1e9 || known.size > EVENTS_MAX)
			known.delete(key);
	return known;
}

/* The rows of the axis: the channels with the newest ones, at most most. */
function eventRows(all, most) {
	const rows = new Map();

	for (const e of [...all].sort((a, b) => b.at_ns - a.at_ns)) {
		if (!rows.has(e.row))
			rows.set(e.row, []);
		rows.get(e.row).push(e);
	}
	return [...rows].slice(0, most);
}

/* ---- histograms: cumulative counts by upper bound, of all sessions ---- */

function buckets(metrics) {
	const all = new Map();
	const re = /^tombolo_peer_latency_seconds_bucket\{[^\n]*le="([^"]+)"\} (\d+)$/gm;

	for (const m of metrics.matchAll(re)) {
		const le = m[1] === "+Inf" ? Infinity : Number(m[1]) * 1e9;

		all.set(le, (all.get(le) || 0) + Number(m[2]));
	}
	return [...all].sort((x, y) => x[0] - y[0]);
}

/* In nanoseconds, linear within a bucket; null when nothing arrived in between. */
function percentile(before, after, p) {
	const old = new Map(before), delta = after.map(([le, n]) => [le, n - (old.get(le) || 0)]);
	const total = delta.length ? delta[delta.length - 1][1] : 0;
	let low = 0, below = 0;

	if (total <= 0)
		return null;
	for (const [le, n] of delta) {
		if (n >= total * p / 100)
			return le === Infinity ? low : low + (le - low) * (total * p / 100 - below) / (n - below);
		low = le;
		below = n;
	}
	return low;
}

/* ---- tables ---- */

function select(all, filter, key, down) {
	const text = filter.trim().toLowerCase();
	const found = all.filter(r => (r.name + " " + r.address + " " + r.remote).toLowerCase().includes(text));
	const order = (a, b) => typeof a[key] === "number" ? a[key] - b[key]
		: String(a[key]).localeCompare(String(b[key]), "en", {numeric: true});

	return found.sort((a, b) => (down ? -1 : 1) * order(a, b) ||
		a.key.localeCompare(b.key, "en", {numeric: true}));
}

if (typeof module !== "undefined")
	module.exports = {age, beside, buckets, duration, eventRows, events, follow, headline, isLagging, isNews, judge,
		keepEvents, number, percentile, places, rows, sameProcess, select, short, rank,
		tellsGaps, totals, verdictLevel};
