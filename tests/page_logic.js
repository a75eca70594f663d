/* SPDX-License-Identifier: Apache-2.0 */
"use strict";
/* What page.js computes, without a browser. node page_logic.js PAGE.JS */
const assert = require("node:assert/strict");
const page = require(require("node:path").resolve(process.argv[2]));

const book = more => ({emitted: 0, missing: 0, held: 0, lost_give_up: 0, ...more});
const peer = (more, remote) => ({half: "peer", now_ns: 1e18, lanes: [{lane: 0, started_ns: 1,
	remotes: [{name: "colo-a", state: "open", epoch: "a", figures: {gaps: 2},
		dropped: {kernel_ring: 3, interface: 0}, paths: [{up: true, loss_ppm: 0}],
		channels: [{name: "m0", group: "239.0.0.1", port: 7, verdict: "nothing lost",
			relay: {unsent: 0}, ...book(more)}], ...remote}]}]});

assert.equal(page.number(1234567), "1\u202f234\u202f567");
assert.equal(page.number(0), "0");
assert.equal(page.short(999), "999");
assert.equal(page.short(9.97), "10");
assert.equal(page.short(12345), "12.3k");
assert.equal(page.duration(1500), "1.50 \u00b5s");
assert.equal(page.duration(2e9), "2.00 s");
assert.equal(page.age(130), "2 min");

assert.equal(page.verdictLevel("nothing lost"), "ok");
assert.equal(page.verdictLevel("nothing lost; under way: 3 held", false), "ok");
assert.equal(page.verdictLevel("nothing lost; under way: 3 held", true), "warn");
assert.equal(page.verdictLevel("nothing lost; under way: 3 held; not in the peer's books: 1 of 9", false), "warn");
assert.equal(page.verdictLevel("nothing lost; beside the books: 3 frames dropped", false), "warn");
const stopped = "nothing lost; since 12 s nothing of m1, m2 (they brought 5000/s)";
assert.equal(page.verdictLevel(stopped, false), "ok");
assert.equal(page.verdictLevel("nothing lost; nothing captured since 3 min (before it was 2.0/s)", false), "ok");
assert.equal(page.verdictLevel(stopped + "; now no session with vpc-a", false), "warn");
assert.ok(page.isLagging(3, 2) && page.isLagging(1, 0));
assert.ok(!page.isLagging(3, 3) && !page.isLagging(3, null) && !page.isLagging(0, 0));
assert.equal(page.verdictLevel("on the line: 1 lost (aged 1)"), "bad");
assert.equal(page.verdictLevel("nothing lost; the books do not balance: 1 datagrams"), "bad");

assert.deepEqual(page.totals(peer({emitted: 9, lost_give_up: 4})), {count: 9, lost: 7, gaps: 2});
assert.ok(page.sameProcess(peer({}), peer({emitted: 5})));
assert.ok(!page.sameProcess(peer({}), peer({}, {epoch: "b"})));
assert.ok(!page.sameProcess(null, peer({})));

const at = (doc, name) => page.places(doc).find(p => p.name === name);
assert.equal(at(peer({lost_give_up: 4}), "Line").lost, 4);
assert.equal(at(peer({}), "Capture").lost, 3);
assert.equal(at(peer({}), "Exchange").lost, null);
assert.equal(page.judge(at(peer({}), "Line")).level, "ok");
assert.equal(page.judge(at(peer({missing: 1}), "Line"), undefined, 100).level, "ok");
assert.equal(page.judge(at(peer({missing: 101}), "Line"), undefined, 100).level, "warn");
assert.equal(page.judge(at(peer({lost_give_up: 4}), "Line")).level, "warn");
assert.equal(page.judge(at(peer({lost_give_up: 4}), "Line"), {lost: 3}).level, "bad");
assert.equal(page.judge(at(peer({}, {state: "down"}), "Line")).level, "bad");
assert.equal(page.judge(at(peer({}, {paths: [{up: true}, {up: false}]}), "Line")).level, "warn");

const relay = expect => ({half: "relay", lanes: [{lane: 0, started_ns: 1, epoch: "e",
	capture: {link_up: true, dropped: {kernel_ring: 0, interface: 0}},
	channels: [{name: "m0", captured: 5, refused: 0, upstream_missing: 0, expect},
		{name: "m1", captured: 5, refused: 0, upstream_missing: 0}],
	remotes: [{name: "vpc-a", state: "open", paths: [{up: true}], channels: [
		{name: "m0", unsent: 0, verdict: "nothing lost", peer: book({})},
		{name: "m1", unsent: 0, verdict: "nothing lost", peer: book({})}]}]}]});
assert.equal(page.judge(at(relay({state: "silent"}), "Exchange")).level, "bad");
assert.equal(at(relay({state: "silent"}), "Exchange").note.text, "m0 is silent");
for (const state of ["off hours", "measured", "speaks"])
	assert.equal(page.judge(at(relay({state}), "Exchange")).level, "ok");
assert.equal(page.judge(at(relay(undefined), "Exchange")).level, "ok");
assert.deepEqual(page.rows(relay({state: "silent"})).map(r => r.silent), [true, false]);

assert.deepEqual(page.beside(relay()), []);
assert.deepEqual(page.beside(peer({})), [
	{place: "colo-a", counter: "before capture: kernel_ring", count: 3}]);
assert.deepEqual(page.beside({...relay(), interfaces: [
	{name: "ens5", capture: false, emission: true, path: true, errors: {rx_errors: 0, tx_dropped: 4},
		allowance_exceeded: {pps: 5, bw_in: 0}}]}), [
	{place: "ens5 (emission, path)", counter: "tx_dropped", count: 4},
	{place: "ens5 (emission, path)", counter: "allowance exceeded: pps", count: 5}]);

const metrics = (a, b, c) => ["lane=\"0\",relay=\"x\",le=\"0.001\"} " + a, "le=\"0.002\"} " + b,
	"le=\"+Inf\"} " + c].map(l => "tombolo_peer_latency_seconds_bucket{" + l + "\n").join("");
const before = page.buckets(metrics(10, 10, 10)), after = page.buckets(metrics(10, 20, 20));
assert.deepEqual(before, [[1e6, 10], [2e6, 10], [Infinity, 10]]);
assert.equal(page.percentile(before, after, 50), 1.5e6);
assert.equal(page.percentile(after, after, 50), null);
assert.equal(page.percentile(before, page.buckets(metrics(10, 10, 20)), 99), 2e6);

const some = [{key: "a", name: "m10", address: "", remote: "r", count: 1},
	{key: "b", name: "m9", address: "", remote: "r", count: 2}];
assert.deepEqual(page.select(some, "", "name", false).map(r => r.name), ["m9", "m10"]);
assert.deepEqual(page.select(some, "", "count", true).map(r => r.name), ["m9", "m10"]);
assert.deepEqual(page.select(some, " M10 ", "name", false).map(r => r.name), ["m10"]);
assert.equal(page.rows(peer({emitted: 3, lost_give_up: 1}))[0].lost, 1);

/* ---- what is quiet, and what comes first ---- */

const row = more => ({key: "a", name: "m", verdict: "nothing lost", lost: 0, waiting: 0, last_ns: 0, ...more});
let track = null, seconds = 0;
const pass = (rate, last_s, more) => {
	seconds++;
	track = page.follow(track, row({last_ns: (last_s || seconds) * 1e9, ...more}), rate, seconds * 1000, seconds * 1e9);
	return page.rank(row(more), track, seconds * 1000);
};
for (let i = 0; i < 12; i++)
	assert.equal(pass(5), 0);
for (let i = 0; i < 4; i++)
	assert.equal(pass(0, 12), 0); /* a pause */
assert.equal(pass(0, 12), 3);
assert.ok(track.quiet && track.silent_s === 5);
assert.equal(pass(7), 0);
for (let i = 0; i < 20; i++)
	assert.equal(pass(0, 18), 0); /* one alone makes no steady channel */
assert.equal(pass(5, 0, {lost: 3}), 4);
seconds += 61;
assert.equal(pass(5, 0, {lost: 3}), 2);
assert.equal(pass(5, 0, {lost: 3, waiting: 50}), 2);
track = null;
assert.equal(pass(5, 0, {waiting: 50}), 1);
for (let i = 0; i < 9; i++)
	assert.equal(pass(5), 1);
assert.equal(pass(5), 0);

/* ---- the headline, and what a screen reader is told ---- */

const doc = {verdict: "nothing lost"}, fine = {name: "Line", note: {text: "2 paths up"}};
const lossy = percent => ({name: "Line", note: {level: "warn", text: `loses ${percent} %`, alarm: "a path loses datagrams"}});
assert.deepEqual(page.headline(doc, [fine], [], false), {level: "ok", text: "nothing lost"});
assert.deepEqual(page.headline(doc, [lossy(3)], [], false),
	{level: "warn", text: "Line: a path loses datagrams; nothing lost"});
assert.equal(page.headline(doc, [fine], ["m1"], false).text, "channel m1 is quiet; nothing lost");
assert.equal(page.headline(doc, [{name: "Line", note: {level: "bad", text: "x"}}], ["a", "b"], false).level, "bad");
const saysIt = {verdict: "nothing lost; now on the line: path 0 of colo-a loses 4.0 %"};
assert.deepEqual(page.headline(saysIt, [lossy(4)], [], false), {level: "warn", text: saysIt.verdict});
assert.deepEqual(page.headline({verdict: stopped}, [fine], [], false), {level: "ok", text: stopped});
assert.deepEqual(page.headline({verdict: stopped}, [fine], ["m1", "m2"], false), {level: "warn", text: stopped});
const said = (level, text) => ({level, text});
assert.ok(page.isNews(null, said("ok", "nothing lost")));
assert.ok(!page.isNews(said("bad", "on the line: 1 lost"), said("bad", "on the line: 27 lost")));
assert.ok(page.isNews(said("ok", "a"), said("warn", "a")));
assert.ok(!page.isNews(said("ok", "nothing lost"), said("ok", "nothing lost; under way: 3 unsent")));
assert.ok(page.isNews(said("ok", "nothing lost"), said("ok", stopped)));
assert.ok(!page.isNews(said("ok", stopped), said("ok", stopped.replace("12 s", "2 min"))));

/* ---- gaps ---- */

const gap = more => ({channel: "m0", first: 7, datagrams: 2, found_ns: 1e18 - 2e9, lasted_ns: 5e6, cause: "path_or_shed",
	requests: 1, open: 0, repaired: 2, late: 0, ...more});
const told = gaps => peer({}, {gaps});
assert.ok(!page.tellsGaps(peer({})) && page.tellsGaps(told([])));
assert.deepEqual(page.events(peer({})), []);
const [repaired, lost] = page.events(told([gap(), gap({first: 9, repaired: 1, lost_give_up: 1})]));
assert.deepEqual([repaired.level, repaired.cause, repaired.outcome], ["warn", "path or shed", "2 repaired"]);
assert.deepEqual([lost.level, lost.outcome], ["bad", "1 repaired, 1 lost"]);
const upstream = page.events({lanes: [{remotes: [], upstream_gaps: [{channel: "m0", captured_ns: 1, first: 4, missing: 3}],
	recent_marks: [{told_ns: 2, point: "kernel_ring", datagrams: 9}]}]});
assert.deepEqual(upstream.map(e => [e.kind, e.row, e.datagrams]), [["upstream gap", "m0", 3], ["drop", "capture", 9]]);
const known = page.keepEvents(new Map(), told([gap({open: 1})]));
page.keepEvents(known, told([gap(), gap({first: 9})]));
assert.equal(known.size, 2); /* the same gap, closed, is no other */
assert.ok([...known.values()].every(e => !e.open));
page.keepEvents(known, {...told([]), now_ns: 1e18 + 299e9});
assert.equal(known.size, 0);
for (let i = 0; i < 300; i++)
	page.keepEvents(known, told(Array.from({length: 32}, (_, k) => gap({first: 32 * i + k}))));
assert.equal(known.size, 4000);
assert.deepEqual(page.eventRows([{row: "a", at_ns: 1}, {row: "b", at_ns: 3}, {row: "a", at_ns: 2}, {row: "c", at_ns: 0}], 2)
	.map(([name, list]) => [name, list.length]), [["b", 1], ["a", 2]]);
assert.equal(page.duration(0), "0");
assert.equal(page.duration(-2e6), "\u22122.00 ms");
