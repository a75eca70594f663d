#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The status page of both daemons in a browser: all is well, the line is lossy, a feed
# stops, a half does not answer; light and dark, wide and narrow, by keyboard, and as a
# screen reader has it. With PAGE_PICTURES, the pictures of doc/ are made there.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need chromium python3
setup
WIRES='1:dtls 2:dtls' write_relay_conf
LISTEN=dtls write_peer_conf
pictures=${PAGE_PICTURES:-$dir}
audit="=audit $TOMBOLO_SRCDIR/tests/page_audit.js"
if command -v node >/dev/null; then
	node "$TOMBOLO_SRCDIR/tests/page_logic.js" "$TOMBOLO_SRCDIR/src/ops/page_logic.js" ||
		fail 'what the page computes'
fi

# browse HALF NAME STEP...: in the daemon's own namespace.
browse() {
	local half=$1 name=$2

	shift 2
	on "$half" python3 "$TOMBOLO_SRCDIR/tests/tools/browse.py" chromium \
		"$dir/profile.$name" "http://$(metrics_address "$half")/" "$@" ||
		fail "$half, $name"
}

picture() {
	printf '=picture %s/page-%s.png' "$pictures" "$1"
}

says() {
	printf 'document.getElementById("%s").textContent.includes("%s")' "$1" "$2"
}

level() {
	printf 'document.getElementById("%s").dataset.level === "%s"' "$1" "$2"
}

shows_rows() {
	printf 'document.getElementById("%s").tBodies[0].rows.length === %s' "$1" "$2"
}

# first_row TEXT: of the table of channels.
first_row() {
	printf 'document.getElementById("channels").tBodies[0].rows[0].textContent.includes("%s")' "$1"
}

# points COUNT: so many seconds are in the plot of the rate.
points() {
	printf '[...document.querySelectorAll("#rate-plot path.curve")].some(e => %s)' \
		"e.getAttribute('d').split('L').length >= $1"
}

# ---- nobody is there yet ----

make_certificates
start_peer
browse peer alone "$(says words 'Line: trouble; session colo-a is ')" "$(level verdict bad)" \
	"$(says no-channels 'No channel yet')" "$(picture alone)" "$audit"
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'

# ---- at rest ----

market --channels 4 --count 2000 --rate 5000 >"$dir/market.json" || fail marketgen
wait_until 'is_at_rest 2000'
for half in relay peer; do
	browse $half $half "$(level verdict ok)" "$(says verdict 'nothing lost')" \
		"$(shows_rows channels 4)" "$(says channels market3)" \
		"$(says channels 239.10.0.1:30001)" "$(says paths dtls)" "$(says paths open)" \
		"$(shows_rows paths 2)" "$(says range '4 of 4')" \
		'=role status ' '=role image The path of a datagram' '=role heading Channels' \
		'=role table ' '=role columnheader ^Lost' '=role rowheader ^market0' \
		'=role searchbox ^Filter' '=role image Datagrams .* per second' \
		"$(picture $half)" "$audit"
done

# ---- with traffic ----

market_start --channels 4 --count 2000000 --rate 2000
# By keyboard alone: sort, choose a channel, filter, and nowhere is no way on.
browse peer healthy "$(points "${PAGE_POINTS:-3}")" "$(level verdict ok)" \
	"$(says delay-cap 'p99 (dashes) ')" "$(picture healthy)" "$audit" \
	'=dark' "$(picture dark)" "$audit" '=light' \
	'=size 390x844' "$(picture phone)" "$audit" \
	'=size 1920x1080' "$(picture wide)" "$audit" '=size 1280x1024' \
	'=tabs e.id === "filter"' '=tabs e.dataset.key?.endsWith("market2")' \
	'document.querySelector("#channels thead [data-key=rate] button").focus() === undefined' \
	'=press Enter' '!!document.querySelector("th[data-key=rate][aria-sort=descending]")' \
	'=press Space' '!!document.querySelector("th[data-key=rate][aria-sort=ascending]")' \
	'=role columnheader ^Datagrams/s' \
	'document.querySelector("#channels tbody button").focus() === undefined' \
	'=press Enter' 'document.activeElement.getAttribute("aria-pressed") === "true"' \
	"$(says rate-cap ': datagrams emitted per second')" "$(says delay-cap 'mean of the last few: ')" \
	"$(points 3)" "$(picture channel)" '=press Enter' "$(says of 'All channels')" \
	'document.getElementById("filter").focus() === undefined' \
	'=type MARKET1' "$(shows_rows channels 1)" "$(first_row market1)" "$(says range '(4 in all)')" \
	'=type x' "$(says no-channels 'No channel has this')" "$audit"

# ---- in trouble: a path down, the other lossy, and then a feed that stops ----

line_loss 5 1
line_cut 2
# shellcheck disable=SC2016
wait_until '[ "$(metric peer tombolo_peer_gaps_total)" -gt 0 ]'
browse peer trouble "$(points "${PAGE_POINTS:-12}")" "$(says words '1 of 2 paths down')" \
	"$(says paths '\u2715 down')" '!!document.querySelector("#rate-plot path.gap")' \
	'!!document.querySelector("#gap-plot path.gap").getAttribute("d")' \
	'!tellsGaps(page.doc) || document.getElementById("gaps").tBodies[0].rows.length > 0' \
	'!tellsGaps(page.doc) || document.querySelectorAll("#gap-plot path.bar-warn").length > 0' \
	"$(level verdict warn)" "$(says said 'is down')" "$audit" \
	"$(picture trouble)" '=dark' "$(picture trouble-dark)" "$audit" "=touch $dir/quiet.seen" \
	"$(says channels 'quiet for ')" "$(says verdict '4 channels are quiet')" &
browser=$!
# shellcheck disable=SC2016
wait_until '[ -e "$dir/quiet.seen" ]' $((60 + ${PAGE_POINTS:-0}))
market_stop
wait "$browser" || fail 'the page does not say that the feed has stopped'

# The page is open when the daemon goes.
browse peer silent "$(shows_rows channels 4)" "=touch $dir/silent.seen" \
	'!document.getElementById("stale").hidden' \
	"$(says stale 'What is shown is ')" "$(says said 'does not answer')" \
	"$(level verdict unknown)" 'document.body.classList.contains("old")' "$audit" \
	'=dark' "$(picture silent)" "$audit" &
browser=$!
# shellcheck disable=SC2016
wait_until '[ -e "$dir/silent.seen" ]' 60
stop peer KILL
wait "$browser" || fail 'the page does not say that nobody answers'
browse relay relay-alone "$(says words 'Line: trouble; session vpc-a is ')"

# ---- 500 channels: the page costs no more rows, and trouble comes first ----

stop relay KILL
CHANNELS=500 WIRES='1:dtls' write_relay_conf
line_mend 1
start_peer
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
market_start --channels 499 --count 2000000 --rate 3000
market=$market_pid
market_start --channels 1 --group 239.10.1.244 --port 30500 --count 2000000 --rate 200
browse peer 500 "$(says range '25 of 500')" "$(says channels market1)" "$(points "${PAGE_POINTS:-14}")" \
	"=touch $dir/last.seen" "$(first_row market499)" "$(says channels 'quiet for ')" \
	"$(says verdict 'channel market499 is quiet')" "$(picture 500)" &
browser=$!
# shellcheck disable=SC2016
wait_until '[ -e "$dir/last.seen" ]' $((60 + ${PAGE_POINTS:-0}))
market_stop
wait "$browser" || fail 'what is quiet is not first'
for half in peer relay; do
	browse $half 500-$half "$(says range '25 of 500')" "$(points 3)" \
		"=cost 8 #rate-cap" 'document.querySelectorAll("*").length < 1500' "$audit" \
		'document.getElementById("filter").focus() === undefined' '=type market49' \
		"$(says range '1\u201311 of 11 (500 in all)')" '=press Backspace' \
		"$(says range '25 of 111')" \
		'document.getElementById("after").focus() === undefined' '=press Enter' \
		"$(says range '26\u201350 of 111')"
done
kill "$market"
exit 0
