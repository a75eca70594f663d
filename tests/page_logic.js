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
assert.equal(page.short(12345), "12.3k");
assert.equal(page.duration(1500), "1.50 \u00b5s");
assert.equal(page.duration(2e9), "2.00 s");
assert.equal(page.age(130), "2 min");

assert.equal(page.verdictLevel("nothing lost"), "ok");
assert.equal(page.verdictLevel("nothing lost; under way: 3 held"), "warn");
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
assert.equal(page.judge(at(peer({missing: 1}), "Line")).level, "warn");
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
