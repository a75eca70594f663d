/* SPDX-License-Identifier: Apache-2.0 */
"use strict";
/* The page: asks the daemon each second, and shows what it says. */

const ROWS = 25, DELAY_EVERY = 5, GAPS_LISTED = 12;

const page = {
	doc: null, heard: null, points: [], ticks: 0, buckets: null, tracks: new Map(), events: new Map(),
	sort: "rank", down: true, first: 0, busy: false, chosen: null, judged: [], said: null, drawn: "", half: null,
};

function state(element, level, text) {
	set(element, {"data-level": level});
	put(element.querySelector(".sign"), SIGNS[level]);
	put(element.querySelector(".text"), text);
}

/* ---- tables ---- */

/* One row for each list of cells in data; a cell is a text, or what fills it. */
function fill(tbody, data) {
	while (tbody.rows.length > data.length)
		tbody.deleteRow(-1);
	data.forEach((cells, i) => {
		const row = tbody.rows[i] || tbody.insertRow();

		cells.forEach((cell, j) => {
			const td = row.cells[j] || row.appendChild(document.createElement(cell.head ? "th" : "td"));

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

/* An empty table says why. */
function empty(id, text) {
	put($(id), text);
	$(id).hidden = text === "";
}

/* ---- sessions ---- */

function pathCells(remote, p, firsts) {
	const known = p && p.up;

	const cells = [remote.name,
		{text: SIGNS[remote.state === "open" ? "ok" : "bad"] + " " + remote.state,
			level: remote.state === "open" ? "ok" : "bad"},
		p ? p.path + " " + p.transport + (p.dialled ? ", we dial" : ", dialled in") : "none",
		p ? {text: SIGNS[p.up ? "ok" : "bad"] + (p.up ? " up" : " down"), level: p.up ? "ok" : "bad"} : "",
		n(known && p.rtt_ns ? duration(p.rtt_ns) : ""),
		n(known && p.loss_ppm !== undefined ? (p.loss_ppm / 1e4).toFixed(2) + " %" : ""),
		n(known ? number(p.data_frames_per_s) : ""), n(known ? short(p.data_bytes_per_s) : "")];

	if (page.half === "peer")
		cells.push(n(p && firsts ? (100 * p.first_datagrams / firsts).toFixed(1) + " %" : ""));
	return cells;
}

function showPaths() {
	const data = [];

	for (const lane of page.doc.lanes)
		for (const remote of lane.remotes) {
			const firsts = remote.paths.reduce((sum, p) => sum + (p.first_datagrams || 0), 0);

			for (const p of remote.paths.length ? remote.paths : [null])
				data.push(pathCells(remote, p, firsts));
		}
	$("firsts").hidden = page.half !== "peer";
	fill($("paths").tBodies[0], data);
	empty("no-paths", data.length ? "" : "No remote is configured.");
}

/* ---- channels ---- */

const COLUMNS = [["name", "Channel"], ["address", "Group:port"], ["remote", "Session"],
	["rate", "Datagrams/s", "n"], ["spark", "Last minute"], ["latency", "Latency", "n"], ["count", "", "n"],
	["lost", "Lost", "n"], ["waiting", "Waiting", "n"], ["silent_s", "Last", "n"], ["rank", "Ledger"]];
const GREATEST_FIRST = ["rate", "latency", "count", "lost", "waiting", "silent_s", "rank"];

function columns() {
	return COLUMNS.filter(c => c[0] !== "latency" || page.half === "peer");
}

function nameCell(r) {
	const make = td => {
		const b = document.createElement("button");

		b.type = "button";
		td.scope = "row";
		return td.appendChild(b);
	};

	return {head: true, fill: td => {
		const b = td.firstChild || make(td);

		b.dataset.key = r.key;
		put(b, r.name);
		set(b, {"aria-pressed": r.key === page.chosen});
	}};
}

function channelCells(r) {
	const ledger = verdictLevel(r.verdict, isLagging(r.waiting, r.rate));
	const level = r.silent ? "bad" : r.quiet && ledger === "ok" ? "warn" : ledger;
	const told = r.silent ? "silent; " + r.verdict : r.quiet ? `quiet for ${age(r.silent_s)}; ${r.verdict}` : r.verdict;
	const cells = [nameCell(r), r.address, r.remote, n(r.rate === null ? "" : short(r.rate)),
		{fill: td => drawSpark(td, r.rates)}];

	if (page.half === "peer")
		cells.push(n(r.latency === null ? "" : duration(r.latency)));
	cells.push(n(number(r.count)), n(number(r.lost)), n(number(r.waiting)),
		n(r.silent_s === null ? "never" : r.silent_s < 2 ? "now" : age(r.silent_s)),
		{text: SIGNS[level] + " " + told, as: "told", level});
	return cells;
}

/* The rows of the document, with what is known of them from before. */
function followedRows() {
	return rows(page.doc).map(r => {
		const t = page.tracks.get(r.key) || {rates: [], silent_s: null, quiet: false};

		return {...r, rates: t.rates, rate: t.rates.length ? t.rates[t.rates.length - 1] : null,
			silent_s: t.silent_s, quiet: t.quiet, rank: rank(r, t, page.heard)};
	});
}

/* Rows move; who is on a channel's button stays on that channel's. */
function keepFocus(change) {
	const key = document.activeElement && document.activeElement.dataset.key;

	change();
	if (!key || !$("channels").tBodies[0].contains(document.activeElement) || document.activeElement.dataset.key === key)
		return;
	for (const b of $("channels").tBodies[0].querySelectorAll("button"))
		if (b.dataset.key === key)
			b.focus();
}

function showChannels() {
	const all = followedRows(), found = select(all, $("filter").value, page.sort, page.down);
	const last = () => Math.min(found.length, page.first + ROWS);

	page.first = Math.max(0, Math.min(page.first, Math.floor((found.length - 1) / ROWS) * ROWS));
	keepFocus(() => fill($("channels").tBodies[0], found.slice(page.first, page.first + ROWS).map(channelCells)));
	put($("range"), `${found.length ? page.first + 1 : 0}\u2013${last()} of ${found.length}` +
		(found.length < all.length ? ` (${all.length} in all)` : ""));
	empty("no-channels", found.length ? "" : all.length ? "No channel has this in its name, group, port or session."
		: page.half === "peer" ? "No channel yet: a relay announces them when its session opens."
			: "No peer is configured.");
	$("before").disabled = page.first === 0;
	$("after").disabled = page.first + ROWS >= found.length;
	showOrder();
}

function showOrder() {
	for (const th of $("channels").tHead.rows[0].cells)
		if (th.dataset.key === page.sort)
			set(th, {"aria-sort": page.down ? "descending" : "ascending"});
		else
			th.removeAttribute("aria-sort");
}

function makeHead() {
	const row = $("channels").tHead.rows[0];

	row.replaceChildren();
	$("channels").tBodies[0].replaceChildren();
	for (const [key, title, as] of columns()) {
		const th = document.createElement("th"), button = document.createElement("button");
		const text = key === "count" ? (page.half === "relay" ? "Captured" : "Emitted") : title;

		set(th, {scope: "col", class: as || ""});
		if (key === "spark")
			th.textContent = text;
		else {
			th.dataset.key = key;
			button.type = "button";
			button.textContent = text;
			button.addEventListener("click", () => sortBy(key));
			th.appendChild(button);
		}
		row.appendChild(th);
	}
}

/* A second time: the other way round. Figures begin with the greatest. */
function sortBy(key) {
	page.down = page.sort === key ? !page.down : GREATEST_FIRST.includes(key);
	page.sort = key;
	page.first = 0;
	showChannels();
}

function choose(key) {
	page.chosen = page.chosen === key ? null : key;
	showPlots();
	showChannels();
}

function showBeside() {
	const all = beside(page.doc);

	fill($("beside").tBodies[0], all.map(b => [b.place, b.counter, n(number(b.count))]));
	empty("no-beside", all.length ? "" : "Nothing.");
}

/* ---- plots ---- */

/* A minute, until there is more to show. */
function span() {
	return page.points.length && page.heard - page.points[0].at > RECENT_S * 1000 ? SPAN_S : RECENT_S;
}

function series(key) {
	return page.points.map(p => typeof p[key] === "number" ? p[key] : null);
}

function last(values) {
	return values.findLast(v => v !== null);
}

function titled(id, title, values, format) {
	const v = last(values);

	put($(id), title + (v === undefined ? "" : ": " + format(v)));
}

function showRate() {
	const t = page.tracks.get(page.chosen), values = t ? t.rates : series("rate");
	const title = `Datagrams ${page.half === "relay" ? "captured" : "emitted"} per second`;

	plot("rate-plot", page.points, [[values, "one"]], short, span());
	titled("rate-cap", t ? `${page.chosenName}: ${title.toLowerCase()}` : title, values, short);
}

function showDelay() {
	const t = page.half === "peer" && page.tracks.get(page.chosen);

	if (page.half === "relay") {
		plot("delay-plot", page.points, [[series("rtt"), "one"]], duration, span());
		titled("delay-cap", "Round trip, the longest of all paths", series("rtt"), duration);
	} else if (t) {
		plot("delay-plot", page.points, [[t.delays, "one"]], duration, span());
		titled("delay-cap", `${page.chosenName}: latency from capture to emission, mean of the last few`, t.delays, duration);
	} else {
		const p50 = last(series("p50")), p99 = last(series("p99"));

		plot("delay-plot", page.points, [[series("p50"), "one"], [series("p99"), "two"]], duration, span());
		put($("delay-cap"), "Latency from capture to emission: p50 (line)" + (p50 === undefined ? "" : " " + duration(p50)) +
			", p99 (dashes)" + (p99 === undefined ? "" : " " + duration(p99)));
	}
	put($("delay-desc"), page.half === "relay" ? "The relay does not see emission: the latency is on the peer\u2019s page."
		: "From the histogram, each 5 seconds.");
}

function gapCells(e) {
	return [new Date(e.at_ns / 1e6).toISOString().slice(11, 23), e.row, e.kind, n(number(e.datagrams)),
		n(e.first === null ? "" : number(e.first)), n(e.lasted_ns ? duration(e.lasted_ns) : ""), e.cause,
		{text: SIGNS[e.level] + " " + e.outcome, level: e.level}];
}

function showGaps() {
	const now_ns = page.doc.now_ns + (Date.now() - page.heard) * 1e6;
	const newest = [...page.events.values()].sort((a, b) => b.at_ns - a.at_ns);
	const lost = page.points.reduce((s, p) => s + (p.lost || 0), 0);
	const gaps = page.points.reduce((s, p) => s + (p.gaps || 0), 0);
	const count = (k, what) => `${number(k)} ${what}${k === 1 ? "" : "s"}`;
	const drawn = drawEvents("gap-plot", page.points, newest, now_ns, span());
	const told = `${count(gaps, page.half === "relay" ? "upstream gap" : "gap")} found and ` +
		`${count(lost, "datagram")} lost since this page was opened`;

	put($("gap-cap"), told);
	put($("gap-desc"), `${told}. ${drawn.rows} of the channels had one in the time shown; the list below has them.`);
	put($("rate-desc"), `${told}.`);
	fill($("gaps").tBodies[0], newest.slice(0, GAPS_LISTED).map(gapCells));
	empty("no-gaps", newest.length ? "" : tellsGaps(page.doc) ? "None in the last 5 minutes." : "This daemon keeps no list of them.");
}

function showPlots() {
	const key = page.tracks.has(page.chosen) ? page.chosen : null;

	page.chosenName = key === null ? "" : rows(page.doc).find(r => r.key === key).name;
	put($("span"), span() === SPAN_S ? "The last 5 minutes" : "The last minute");
	put($("of"), key === null ? "All channels; the name of a channel in the table below shows its own." : `Channel ${page.chosenName}.`);
	$("all").hidden = key === null;
	showRate();
	showDelay();
	showGaps();
}

/* ---- the head ---- */

function lastRate() {
	return page.points.length ? page.points[page.points.length - 1].rate : null;
}

function showHeadline() {
	const quiet = followedRows().filter(r => r.quiet && !r.silent).map(r => r.name);
	const now = headline(page.doc, page.judged, quiet, page.judged.some(p => isLagging(p.waiting, lastRate())));

	state($("verdict"), now.level, now.text);
	if (isNews(page.said, now))
		put($("said"), now.text);
	page.said = now;
}

function showPicture() {
	const then = page.points.find(p => p.at >= page.heard - RECENT_S * 1000 && p.places);
	const words = () => page.judged.map(p => `${p.name}: ${p.word}; ${p.note.text}.`);
	let key;

	page.judged = places(page.doc).map((p, i) => ({...p, ...judge(p, then && then.places[i], lastRate())}));
	key = words().join(" ") + widthOf($("picture"), 0);
	if (key === page.drawn)
		return;
	page.drawn = key;
	drawPicture(page.judged, words());
	while ($("words").children.length < page.judged.length)
		$("words").appendChild(document.createElement("li"));
	words().forEach((w, i) => put($("words").children[i], w));
}

/* ---- polling ---- */

/* Each track has a value for each point: null where there was none. */
function note(point) {
	page.points.push(point);
	page.points = page.points.filter(p => p.at > point.at - SPAN_S * 1000);
	for (const t of page.tracks.values()) {
		t.rates.push(point.silent ? null : t.rate);
		t.delays.push(point.silent ? null : t.latency);
		t.rates.splice(0, t.rates.length - page.points.length);
		t.delays.splice(0, t.delays.length - page.points.length);
	}
}

function noteChannels(doc, old, seconds) {
	const before = new Map(old ? rows(old).map(r => [r.key, r.count]) : []), kept = new Map();

	for (const r of rows(doc)) {
		const was = old ? page.tracks.get(r.key) : null;
		const rate = before.has(r.key) ? Math.max(0, r.count - before.get(r.key)) / seconds : null;
		const t = follow(was, r, rate, page.heard, doc.now_ns);

		if (!was) {
			t.rates = page.points.map(() => null);
			t.delays = page.points.map(() => null);
		}
		t.rate = rate;
		t.latency = rate > 0 ? r.latency : null;
		kept.set(r.key, t);
	}
	page.tracks = kept;
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
		page.events.clear();
	}
	keepEvents(page.events, doc);
	noteChannels(doc, old, seconds || 1);
	note(point);
	page.doc = doc;
}

function show() {
	const doc = page.doc, title = `tombolo-${doc.half} ${doc.node}`;

	put($("who"), `${title}, version ${doc.version}`);
	if (document.title !== title)
		document.title = title;
	if (page.half !== doc.half) {
		page.half = doc.half;
		makeHead();
	}
	showPicture();
	showHeadline();
	showPaths();
	showPlots();
	showChannels();
	showBeside();
}

function fresh(ok) {
	const s = (Date.now() - page.heard) / 1000;

	$("stale").hidden = ok;
	document.body.classList.toggle("old", !ok);
	if (ok)
		return;
	state($("stale"), "bad", "The daemon does not answer. " +
		(page.heard === null ? "Nothing was heard from it yet." : `What is shown is ${age(s)} old.`));
	put($("said"), "The daemon does not answer.");
	page.said = null;
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

/* Before the first answer there is nothing to redraw. */
function whenKnown(redraw) {
	return e => {
		if (page.doc)
			redraw(e);
	};
}

function start() {
	$("filter").addEventListener("input", whenKnown(() => {
		page.first = 0;
		showChannels();
	}));
	for (const [id, rows] of [["before", -ROWS], ["after", ROWS]]) {
		$(id).disabled = true;
		$(id).addEventListener("click", () => {
			page.first += rows;
			showChannels();
		});
	}
	$("channels").tBodies[0].addEventListener("click", e => {
		if (e.target.dataset.key)
			choose(e.target.dataset.key);
	});
	$("all").addEventListener("click", () => {
		choose(page.chosen);
		$("filter").focus(); /* the button goes */
	});
	addEventListener("resize", whenKnown(() => {
		showPicture();
		showPlots();
	}));
	document.addEventListener("visibilitychange", tick);
	setInterval(tick, 1000);
	tick();
}

start();
