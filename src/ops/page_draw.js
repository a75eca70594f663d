/* SPDX-License-Identifier: Apache-2.0 */
"use strict";
/*
 * Pictures, as SVG in pixels of the screen. What comes from the daemon is put in as
 * text, never as markup: a name is what somebody else wrote.
 */

const EVENT_ROWS = 6, SPARK_POINTS = 60;

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

/* Of a picture's frame; a window that is not shown yet has none. */
function widthOf(picture, padding) {
	return Math.max(300, Math.round(picture.parentNode.clientWidth) - padding);
}

/* ---- the path: places from left to right, or downwards where that is too narrow ---- */

const ROOM = 1060, BOX = 76, GAP = 30, ROW = 50, STEP = 64;

function drawAcross(body, p, i, width) {
	const box = (width - 6 * GAP - 2) / 7, x = 1 + i * (box + GAP);
	const g = svg(body, "g", {"data-level": p.level});
	const text = (dy, as, words) => svg(g, "text", {x: x + 10, y: dy, class: as}, words);

	svg(g, "rect", {x, y: 2, width: box, height: BOX, rx: 8});
	text(23, "name", p.name);
	text(45, "mark", SIGNS[p.level] + " " + p.word);
	text(66, "soft", p.note.text);
	if (i < 6)
		svg(body, "path", {d: `M${x + box + 2} 40h${GAP - 4}m-7 -5l7 5l-7 5`});
}

function drawDown(body, p, i, width) {
	const y = 2 + i * STEP, g = svg(body, "g", {"data-level": p.level});
	const text = (x, dy, as, words) => svg(g, "text", {x, y: y + dy, class: as}, words);

	svg(g, "rect", {x: 2, y, width: width - 4, height: ROW, rx: 8});
	text(12, 20, "name", p.name);
	text(120, 20, "mark", SIGNS[p.level] + " " + p.word);
	text(120, 40, "soft", p.note.text);
	if (i < 6)
		svg(body, "path", {d: `M40 ${y + ROW}v${STEP - ROW}m-5 -6l5 6l5 -6`});
}

function drawPicture(judged, words) {
	const width = widthOf($("picture"), 0), across = width >= ROOM;

	set($("picture"), {viewBox: `0 0 ${width} ${across ? BOX + 4 : 6 * STEP + ROW + 4}`});
	$("picture-body").replaceChildren();
	judged.forEach((p, i) => (across ? drawAcross : drawDown)($("picture-body"), p, i, width));
	put($("picture-desc"), words.join(" "));
}

/* ---- plots: time goes to the right, now is at the right edge ---- */

const LEFT = 66, RIGHT = 14, TOP = 10, BASE = 130, MARKS = 152, HEIGHT = 176;

/* From time in ms to pixels: left of left is nothing. */
function scaleOf(left, width, now, span_s) {
	return at => Math.max(left, width - RIGHT - (now - at) / 1000 * (width - left - RIGHT) / span_s);
}

/* One path for all of it, so that a longer time is no more nodes. */
function curve(to, values, points, x, y, as) {
	let d = "", run = 0, end = null;

	points.forEach((p, i) => {
		const v = values[i];

		if (p.broken)
			run = 0;
		if (v === null)
			return;
		end = [x(p.at).toFixed(1), y(v).toFixed(1)];
		d += (run++ ? "L" : "M") + end.join(" ") + (run === 1 ? "h.01" : "");
	});
	svg(to, "path", {d, class: "curve " + as});
	if (end)
		svg(to, "circle", {cx: end[0], cy: end[1], r: 3, class: as});
}

function timeAxis(to, left, width, y, span_s) {
	const parts = span_s === 60 ? 4 : 5, x = scaleOf(left, width, 0, span_s);

	for (let i = 0; i <= parts; i++)
		svg(to, "text", {x: x(-i * span_s / parts * 1000), y, "text-anchor": i === 0 ? "end" : "middle"},
			i === 0 ? "now" : "\u2212" + (span_s === 60 ? i * 15 + " s" : i + " min"));
}

/* Triangles of what was lost and found, and the times without an answer. */
function marks(to, points, x) {
	const all = (test, shape) => points.filter(test).map(p => "M" + x(p.at).toFixed(1) + shape).join("");
	const layer = (as, d) => d && svg(to, "path", {class: as, d});

	layer("silence", all(p => p.silent, ` ${TOP}h3v${BASE}h-3z`));
	layer("gap", all(p => p.gaps > 0, ` ${MARKS - 9}l4 8h-8z`));
	layer("lost", all(p => p.lost > 0, ` ${MARKS - 10}l5 -10h-10z`));
}

/* series: [values as many as points, class]; format: of a value. */
function plot(id, points, series, format, span_s) {
	const to = $(id), width = widthOf(to, 16);
	const all = series.flatMap(s => s[0]).filter(v => v !== null);
	const top = (Math.max(0, ...all) || 1) * 1.1, floor = Math.min(0, ...all) * 1.1;
	const x = scaleOf(LEFT, width, points.length ? points[points.length - 1].at : 0, span_s);
	const y = v => TOP + BASE - (v - floor) / (top - floor) * BASE;

	set(to, {viewBox: `0 0 ${width} ${HEIGHT}`});
	to.replaceChildren(to.querySelector("desc"));
	for (const part of [0, .5, 1]) {
		svg(to, "line", {x1: LEFT, x2: width - RIGHT, y1: TOP + BASE - part * BASE, y2: TOP + BASE - part * BASE});
		svg(to, "text", {x: LEFT - 6, y: TOP + BASE + 4 - part * BASE, "text-anchor": "end"},
			all.length ? format(floor + part * (top - floor)) : "");
	}
	timeAxis(to, LEFT, width, HEIGHT - 6, span_s);
	marks(to, points, x);
	for (const [values, as] of series)
		curve(to, values, points, x, y, as);
	if (all.length === 0)
		svg(to, "text", {x: (LEFT + width - RIGHT) / 2, y: TOP + BASE / 2 - 8, "text-anchor": "middle", class: "empty"},
			"nothing measured yet");
}

/* ---- gaps on an axis of time: a row for each channel that had some ---- */

const LINE = 20, AXIS = 120; /* where its time begins */

/* As the plots' marks are, for the row of all channels: what was counted. */
function countedRow(to, points, x, y) {
	const all = (test, shape) => points.filter(test).map(p => "M" + x(p.at).toFixed(1) + shape).join("");

	svg(to, "path", {class: "silence", d: all(p => p.silent, ` ${y + 2}h3v${LINE - 4}h-3z`)});
	svg(to, "path", {class: "gap", d: all(p => p.gaps > 0 && !(p.lost > 0), ` ${y + 6}l4 8h-8z`)});
	svg(to, "path", {class: "lost", d: all(p => p.lost > 0, ` ${y + 16}l5 -11h-10z`)});
}

/* Bars from found to closed: full height when something was lost. One path a kind,
 * one bar a column of pixels. */
function eventRow(to, list, x, y, now_ns) {
	const seen = new Set(), layers = {warn: "", bad: ""};

	for (const e of list) {
		const from = x(e.at_ns / 1e6), until = x(Math.min(now_ns, e.at_ns + e.lasted_ns) / 1e6);
		const wide = Math.max(2, until - from).toFixed(1), at = e.level + Math.round(from / 2) + wide;

		if (seen.has(at))
			continue;
		seen.add(at);
		layers[e.level] += e.level === "bad" ? `M${from.toFixed(1)} ${y + 2}h${wide}v${LINE - 4}h-${wide}z`
			: `M${from.toFixed(1)} ${y + LINE / 2}h${wide}v${LINE / 2 - 2}h-${wide}z`;
	}
	svg(to, "path", {class: "bar-warn", d: layers.warn});
	svg(to, "path", {class: "bar-bad", d: layers.bad});
}

/* now_ns: the daemon's, of which the events are; the points are the browser's. */
function drawEvents(id, points, all, now_ns, span_s) {
	const to = $(id), width = widthOf(to, 16);
	const x = now => scaleOf(AXIS, width, now, span_s);
	const recent = all.filter(e => e.at_ns + e.lasted_ns > now_ns - span_s * 1e9);
	const rows = eventRows(recent, EVENT_ROWS), now = points.length ? points[points.length - 1].at : 0;
	const label = (y, words) => svg(to, "text", {x: 4, y: y + 14}, words.length > 16 ? words.slice(0, 15) + "\u2026" : words);

	set(to, {viewBox: `0 0 ${width} ${(rows.length + 1) * LINE + 22}`});
	to.replaceChildren(to.querySelector("desc"));
	[["all, as counted"], ...rows].forEach(([name, list], i) => {
		svg(to, "line", {x1: AXIS, x2: width - RIGHT, y1: (i + 1) * LINE, y2: (i + 1) * LINE});
		label(i * LINE, name);
		if (list)
			eventRow(to, list, x(now_ns / 1e6), i * LINE, now_ns);
		else
			countedRow(to, points, x(now), 0);
	});
	timeAxis(to, AXIS, width, (rows.length + 1) * LINE + 16, span_s);
	return {rows: rows.length, recent};
}

/* ---- the small ones in the table ---- */

function drawSpark(td, rates) {
	const points = rates.slice(-SPARK_POINTS).map(v => v || 0), top = Math.max(1e-9, ...points);
	const picture = td.querySelector("svg") ||
		svg(td, "svg", {class: "spark", viewBox: "0 0 90 18", "aria-hidden": "true"});
	const line = picture.firstChild || svg(picture, "polyline", {});

	set(line, {points: points.map((v, i) =>
		((SPARK_POINTS - points.length + i) * 1.5).toFixed(1) + "," + (17 - 16 * v / top).toFixed(1)).join(" ")});
}
