/* SPDX-License-Identifier: Apache-2.0 */
"use strict";
/*
 * First what only computes, then what touches the page. What comes from the daemon is
 * put in as text, never as markup: a name is what somebody else wrote.
 */

const SPAN_S = 300, SPARK_POINTS = 60, ROWS = 25, RECENT_S = 60, DELAY_EVERY = 5;
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
	return n >= 10 || n === 0 ? n.toFixed(0) : n.toFixed(1);
}

function duration(ns) {
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

function verdictLevel(text) {
	if (text.includes("the books do not balance") || !text.startsWith("nothing lost"))
		return "bad";
	return text === "nothing lost" ? "ok" : "warn";
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
	if (loss > 0)
		return {level: "warn", text: "loses " + (loss / 1e4).toFixed(2) + " %"};
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
				: {text: relay ? "upstream gaps" : "the relay's page tells"}),
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

/* before: the places RECENT_S ago, or none. */
function judge(place, before) {
	if (place.note.level === "bad")
		return {level: "bad", word: "trouble"};
	if (place.lost === null)
		return {level: "unknown", word: "no counter here"};
	if (before && place.lost > before.lost)
		return {level: "bad", word: number(place.lost) + " lost, growing"};
	if (place.lost > 0)
		return {level: "warn", word: number(place.lost) + " lost before"};
	if (place.note.level === "warn" || place.waiting > 0)
		return {level: "warn", word: "0 lost, watch"};
	return {level: "ok", word: "0 lost"};
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

/* ---- the page ---- */

const $ = id => document.getElementById(id);

/* Only what has changed is written, so that a reader is told only of that. */
function put(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

function set(element, attributes) {
	for (const [name, value] of Object.entries(attributes))
		if (element.getAttribute(name) !== String(value))
			element.setAttribute(name, value);
	return element;
}

function svg(parent, tag, attributes, text) {
	const e = set(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);

	if (text !== undefined)
		e.textContent = text;
	return parent.appendChild(e);
}

function state(element, level, text) {
	set(element, {"data-level": level});
	put(element.querySelector(".sign"), SIGNS[level]);
	put(element.querySelector(".text"), text);
}

/* One row for each list of cells in data; a cell is a text, or what fills it. */
function fill(tbody, data) {
	while (tbody.rows.length > data.length)
		tbody.deleteRow(-1);
	data.forEach((cells, i) => {
		const row = tbody.rows[i] || tbody.insertRow();

		cells.forEach((cell, j) => {
			const td = row.cells[j] || row.insertCell();

			if (typeof cell.fill === "function")
				cell.fill(td);
			else
				put(td, cell.text === undefined ? String(cell) : cell.text);
			td.className = cell.as || "";
			if (cell.level)
				set(td, {"data-level": cell.level});
			else
				td.removeAttribute("data-level");
		});
	});
}

const n = text => ({text, as: "n"});

const page = {
	doc: null, heard: null, points: [], ticks: 0, buckets: null, timer: null,
	sparks: new Map(), rates: new Map(), sort: "name", down: false, first: 0, busy: false,
};

/* ---- the picture ---- */

const narrow = typeof matchMedia === "undefined" ? null : matchMedia("(max-width: 700px)");

function drawPlace(body, p, i) {
	const upright = narrow.matches, x = upright ? 10 : 8 + i * 182, y = upright ? 6 + i * 92 : 6;
	const width = upright ? 340 : 152, g = svg(body, "g", {"data-level": p.level});
	const text = (dy, as, words) => svg(g, "text", {x: x + 10, y: y + dy, class: as}, words);

	svg(g, "rect", {x, y, width, height: 76, rx: 8});
	text(20, "name", p.name);
	text(42, "mark", SIGNS[p.level] + " " + p.word);
	text(63, "soft", p.note.text);
	if (i === 6)
		return;
	svg(body, "path", {d: upright ? `M180 ${y + 76}v14m-5 -6l5 6l5 -6`
		: `M${x + 153} 44h28m-7 -5l7 5l-7 5`});
}

function showPicture() {
	const then = page.points.find(p => p.at >= page.heard - RECENT_S * 1000 && p.places);
	const all = places(page.doc).map((p, i) => ({...p, ...judge(p, then && then.places[i])}));
	const words = all.map(p => `${p.name}: ${p.word}; ${p.note.text}.`);

	if (words.join(" ") + narrow.matches === page.drawn)
		return;
	page.drawn = words.join(" ") + narrow.matches;
	set($("picture"), {viewBox: narrow.matches ? "0 0 360 644" : "0 0 1260 90"});
	$("picture-body").replaceChildren();
	all.forEach((p, i) => drawPlace($("picture-body"), p, i));
	put($("picture-desc"), words.join(" "));
	while ($("words").children.length < words.length)
		$("words").appendChild(document.createElement("li"));
	words.forEach((w, i) => put($("words").children[i], w));
}

/* ---- sessions ---- */

function pathCells(remote, p, firsts) {
	const known = p && p.up;

	return [remote.name,
		{text: SIGNS[remote.state === "open" ? "ok" : "bad"] + " " + remote.state,
			level: remote.state === "open" ? "ok" : "bad"},
		p ? p.path + " " + p.transport + (p.dialled ? ", we dial" : ", dialled in") : "none",
		p ? {text: SIGNS[p.up ? "ok" : "bad"] + (p.up ? " up" : " down"), level: p.up ? "ok" : "bad"} : "",
		n(known && p.rtt_ns ? duration(p.rtt_ns) : ""),
		n(known && p.loss_ppm !== undefined ? (p.loss_ppm / 1e4).toFixed(2) + " %" : ""),
		n(known ? number(p.data_frames_per_s) : ""), n(known ? short(p.data_bytes_per_s) : ""),
		n(p && p.first_datagrams !== undefined && firsts ?
			(100 * p.first_datagrams / firsts).toFixed(1) + " %" : "")];
}

function showPaths() {
	const data = [];

	for (const lane of page.doc.lanes)
		for (const remote of lane.remotes) {
			const firsts = remote.paths.reduce((sum, p) => sum + (p.first_datagrams || 0), 0);

			for (const p of remote.paths.length ? remote.paths : [null])
				data.push(pathCells(remote, p, firsts));
		}
	fill($("paths").tBodies[0], data);
}

/* ---- channels ---- */

const COLUMNS = [["name", "Channel"], ["address", "Group:port"], ["remote", "Session"],
	["rate", "Datagrams/s", "n"], ["spark", "Last minute"], ["count", "", "n"],
	["lost", "Lost", "n"], ["waiting", "Waiting", "n"], ["verdict", "Ledger"]];

function drawSpark(td, points) {
	const top = Math.max(1e-9, ...points);
	const picture = td.querySelector("svg") ||
		svg(td, "svg", {class: "spark", viewBox: "0 0 90 18", "aria-hidden": "true"});
	const curve = picture.firstChild || svg(picture, "polyline", {});

	set(curve, {points: points.map((p, i) =>
		((SPARK_POINTS - points.length + i) * 1.5).toFixed(1) + "," + (17 - 16 * p / top).toFixed(1)).join(" ")});
}

function channelCells(r) {
	const level = r.silent ? "bad" : verdictLevel(r.verdict);

	return [r.name, r.address, r.remote, n(r.rate < 0 ? "" : short(r.rate)),
		{fill: td => drawSpark(td, page.sparks.get(r.key) || [])}, n(number(r.count)),
		n(number(r.lost)), n(number(r.waiting)),
		{text: SIGNS[level] + (r.silent ? " silent; " : " ") + r.verdict, as: "told", level}];
}

function showChannels() {
	const all = rows(page.doc);

	for (const r of all)
		r.rate = page.rates.has(r.key) ? page.rates.get(r.key) : -1;
	const found = select(all, $("filter").value, page.sort, page.down);

	page.first = Math.max(0, Math.min(page.first, Math.floor((found.length - 1) / ROWS) * ROWS));
	fill($("channels").tBodies[0], found.slice(page.first, page.first + ROWS).map(channelCells));
	put($("range"), found.length ? `${page.first + 1}\u2013${Math.min(found.length, page.first + ROWS)} of ${found.length}`
		: "no channel");
	$("before").disabled = page.first === 0;
	$("after").disabled = page.first + ROWS >= found.length;
	for (const th of $("channels").tHead.rows[0].cells)
		if (th.dataset.key === page.sort)
			set(th, {"aria-sort": page.down ? "descending" : "ascending"});
		else
			th.removeAttribute("aria-sort");
	put($("channels").querySelector("[data-key=count]").firstChild,
		page.doc.half === "relay" ? "Captured" : "Emitted");
}

function makeHead() {
	for (const [key, title, as] of COLUMNS) {
		const th = document.createElement("th"), button = document.createElement("button");

		set(th, {scope: "col", class: as || ""});
		if (key === "spark")
			th.textContent = title;
		else {
			th.dataset.key = key;
			button.type = "button";
			button.textContent = title;
			button.addEventListener("click", () => sortBy(key));
			th.appendChild(button);
		}
		$("channels").tHead.rows[0].appendChild(th);
	}
}

/* A second time: the other way round. Figures begin with the greatest. */
function sortBy(key) {
	page.down = page.sort === key ? !page.down : ["rate", "count", "lost", "waiting"].includes(key);
	page.sort = key;
	page.first = 0;
	if (page.doc)
		showChannels();
}

/* ---- plots: 600 by 170; time goes to the right, now is at the right edge ---- */

function curve(to, key, x, y, as) {
	let run = [];
	const end = () => {
		if (run.length > 0)
			svg(to, "polyline", {points: run.join(" ") + (run.length > 1 ? "" : " " + run[0]),
				class: as}); /* of one alone, a dot */
		run = [];
	};

	for (const p of page.points)
		if (p[key] === null || p[key] === undefined) {
			if (p.broken)
				end();
		} else
			run.push(x(p.at).toFixed(1) + "," + y(p[key]).toFixed(1));
	end();
}

function marks(to, x) {
	for (const p of page.points) {
		if (p.silent)
			svg(to, "rect", {x: x(p.at).toFixed(1), y: 10, width: 2, height: 130, class: "silence"});
		if (p.gaps > 0)
			svg(to, "path", {d: `M${x(p.at).toFixed(1)} 142l4 8h-8z`, class: "gap"});
		if (p.lost > 0)
			svg(to, "path", {d: `M${x(p.at).toFixed(1)} 140l5 -10h-10z`, class: "lost"});
	}
}

function plot(id, keys, label) {
	const to = $(id), now = page.points.length ? page.points[page.points.length - 1].at : 0;
	const all = page.points.flatMap(p => keys.map(k => p[k])).filter(v => typeof v === "number");
	const top = Math.max(1e-9, ...all) * 1.1;
	const x = at => 590 - (now - at) / 1000 * 530 / SPAN_S, y = v => 140 - v / top * 130;

	set(to, {viewBox: "0 0 600 170"});
	to.replaceChildren(to.querySelector("desc"));
	for (const part of [0, .5, 1]) {
		svg(to, "line", {x1: 60, x2: 590, y1: 140 - part * 130, y2: 140 - part * 130});
		svg(to, "text", {x: 56, y: 144 - part * 130, "text-anchor": "end"}, all.length ? label(part * top) : "");
	}
	for (let minute = 0; minute <= 5; minute++)
		svg(to, "text", {x: 590 - minute * 106, y: 164, "text-anchor": minute ? "middle" : "end"},
			minute ? "\u2212" + minute + " min" : "now");
	keys.forEach((key, i) => curve(to, key, x, y, i ? "two" : "one"));
	marks(to, x);
	return all.length;
}

function last(key) {
	const p = page.points.findLast(q => typeof q[key] === "number");

	return p ? p[key] : null;
}

function showPlots() {
	const relay = page.doc.half === "relay", rate = last("rate"), p50 = last("p50"), p99 = last("p99");
	const lost = page.points.reduce((s, p) => s + (p.lost || 0), 0);
	const gaps = page.points.reduce((s, p) => s + (p.gaps || 0), 0);

	plot("rate-plot", ["rate"], short);
	put($("rate-cap"), `Datagrams ${relay ? "captured" : "emitted"} per second` + (rate === null ? "" : `: ${short(rate)}`));
	put($("rate-desc"), `${lost} datagrams lost and ${gaps} gaps found in the time shown.`);
	plot("delay-plot", relay ? ["rtt"] : ["p50", "p99"], duration);
	if (relay)
		put($("delay-cap"), "Round trip, the longest of all paths" + (last("rtt") === null ? "" : `: ${duration(last("rtt"))}`));
	else
		put($("delay-cap"), "Latency from capture to emission: p50 (line)" + (p50 === null ? "" : " " + duration(p50)) +
			", p99 (dashes)" + (p99 === null ? "" : " " + duration(p99)));
	put($("delay-desc"), relay ? "The relay does not see emission: the latency is on the peer's page." : "From the histogram, each 5 seconds.");
}

/* ---- polling ---- */

function note(point) {
	page.points.push(point);
	page.points = page.points.filter(p => p.at > point.at - SPAN_S * 1000);
}

function noteRates(doc, old, seconds) {
	const before = new Map(old ? rows(old).map(r => [r.key, r.count]) : []), kept = new Map();

	page.rates = new Map();
	for (const r of rows(doc)) {
		const spark = page.sparks.get(r.key) || [];

		if (before.has(r.key)) {
			page.rates.set(r.key, Math.max(0, r.count - before.get(r.key)) / seconds);
			spark.push(page.rates.get(r.key));
		}
		kept.set(r.key, spark.slice(-SPARK_POINTS));
	}
	page.sparks = kept;
}

function take(doc, metrics) {
	const old = sameProcess(page.doc, doc) ? page.doc : null, now = totals(doc), then = old && totals(old);
	const seconds = old ? (doc.now_ns - old.now_ns) / 1e9 : 0;
	const point = {at: page.heard = Date.now(), places: places(doc), broken: !old};
	const rtts = doc.lanes.flatMap(l => l.remotes.flatMap(r => r.paths.map(p => p.up && p.rtt_ns || 0)));

	if (old && seconds > 0) {
		point.rate = Math.max(0, now.count - then.count) / seconds;
		point.lost = Math.max(0, now.lost - then.lost);
		point.gaps = Math.max(0, now.gaps - then.gaps);
	}
	if (Math.max(0, ...rtts) > 0)
		point.rtt = Math.max(...rtts);
	if (metrics !== null) {
		const after = buckets(metrics);

		if (old && page.buckets) {
			point.p50 = percentile(page.buckets, after, 50);
			point.p99 = percentile(page.buckets, after, 99);
		}
		page.buckets = after;
	}
	if (!old) {
		page.points.forEach(p => delete p.places); /* of other counters */
		page.buckets = metrics === null ? null : page.buckets;
	}
	note(point);
	noteRates(doc, old, seconds || 1);
	page.doc = doc;
}

function show() {
	const doc = page.doc, title = `tombolo-${doc.half} ${doc.node}`;

	put($("who"), `${title}, version ${doc.version}`);
	if (document.title !== title)
		document.title = title;
	state($("verdict"), verdictLevel(doc.verdict), doc.verdict);
	showPicture();
	showPaths();
	showPlots();
	showChannels();
}

function fresh(ok) {
	const s = (Date.now() - page.heard) / 1000;

	$("stale").hidden = ok;
	document.body.classList.toggle("old", !ok);
	if (ok)
		return;
	state($("stale"), "bad", "The daemon does not answer. " +
		(page.heard === null ? "Nothing was heard from it yet." : `What is shown is ${age(s)} old.`));
	if (page.doc)
		state($("verdict"), "unknown", "When last heard: " + page.doc.verdict);
}

async function ask(path) {
	const answer = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(5000)});

	if (!answer.ok)
		throw new Error(path + ": " + answer.status);
	return answer;
}

async function poll() {
	const wanted = page.ticks++ % DELAY_EVERY === 0 && (!page.doc || page.doc.half === "peer");
	let doc = null, metrics = null;

	try {
		doc = await (await ask("/status")).json();
		if (wanted && doc.half === "peer")
			metrics = await (await ask("/metrics")).text();
	} catch (e) {
		doc = null;
	}
	if (doc) {
		take(doc, metrics);
		show();
	} else if (page.doc) {
		note({at: Date.now(), silent: true, broken: true});
		showPlots();
	}
	fresh(doc !== null);
}

async function tick() {
	if (page.busy || document.hidden)
		return;
	page.busy = true;
	try {
		await poll();
	} finally {
		page.busy = false;
	}
}

function start() {
	makeHead();
	$("filter").addEventListener("input", () => { page.first = 0; if (page.doc) showChannels(); });
	$("before").addEventListener("click", () => { page.first -= ROWS; showChannels(); });
	$("after").addEventListener("click", () => { page.first += ROWS; showChannels(); });
	$("before").disabled = $("after").disabled = true;
	narrow.addEventListener("change", () => { if (page.doc) showPicture(); });
	document.addEventListener("visibilitychange", tick);
	document.addEventListener("keydown", e => {
		if (e.key !== "/" || e.target === $("filter"))
			return;
		e.preventDefault();
		$("filter").focus();
	});
	setInterval(tick, 1000);
	tick();
}

if (typeof document !== "undefined")
	start();
if (typeof module !== "undefined")
	module.exports = {age, buckets, duration, judge, number, percentile, places, rows,
		sameProcess, select, short, totals, verdictLevel};
