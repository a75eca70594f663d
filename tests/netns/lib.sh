# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Five hosts in network namespaces, and what a scenario does with them. Sourced by
# tests/netns/*.sh and tools/demo. Everything stays in the namespaces and is gone
# at the end.
#
#   exchange          relay              line              peer          subscriber
#   feed 10.10.0.9 ── feed 10.10.0.2
#                     line1 10.1.1.1 ── r1 │ p1 ── line1 10.2.1.1
#                     line2 10.1.2.1 ── r2 │ p2 ── line2 10.2.2.1
#                                                  out 10.20.0.1 ── out 10.20.0.2
#
# A scenario waits for states (wait_until), never for seconds. It ends with 0, with
# 1 after fail(), or with 77 where namespaces are not allowed.

export EXCHANGE_FEED=10.10.0.9 RELAY_FEED=10.10.0.2 \
	RELAY_LINE1=10.1.1.1 RELAY_LINE2=10.1.2.1 \
	PEER_LINE1=10.2.1.1 PEER_LINE2=10.2.2.1 \
	PEER_OUT=10.20.0.1 SUBSCRIBER_OUT=10.20.0.2
HOSTS='exchange relay line peer subscriber'
RELAY_METRICS=127.0.0.1:9464
PEER_METRICS=127.0.0.1:9465
: "${TOMBOLO_SRCDIR:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${TOMBOLO_BUILDDIR:=$TOMBOLO_SRCDIR/_build/check}"
: "${TOMBOLO_WAIT:=30}" # seconds that wait_until() waits for a state at most
export TOMBOLO_SRCDIR TOMBOLO_BUILDDIR
tools=$TOMBOLO_BUILDDIR/tests/tools
sbin=$TOMBOLO_BUILDDIR

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

skip() {
	say "skipped: $*"
	exit 77
}

# Said once more at the very end, behind the logs: what quotes a long log keeps its end.
fail() {
	failure=$*
	say "FAILED: $failure"
	exit 1
}

# Without root, run all over again as root of a user namespace of its own. /run is
# made private, since ip-netns(8) keeps its names there.
enter_namespaces() {
	[ "$(id -u)" != 0 ] || return 0
	unshare -Urnm sh -c 'mount -t tmpfs tmpfs /run && ip netns add probe' 2>/dev/null ||
		skip 'user namespaces are not allowed here'
	# shellcheck disable=SC2016
	exec unshare -Urnm bash -c 'mount -t tmpfs tmpfs /run && exec bash "$@"' \
		bash "$0" "$@"
}
[ -z "${TOMBOLO_SKIP_SCENARIOS-}" ] || skip "TOMBOLO_SKIP_SCENARIOS is set"
enter_namespaces "$@"

need() {
	local command

	for command in "$@"; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
}

# ---- hosts ----

netns() {
	printf 'tmb-%s-%s' $$ "$1"
}

# on HOST COMMAND...: in the foreground.
on() {
	local host=$1

	shift
	ip netns exec "$(netns "$host")" "$@"
}

# add_cable HOST INTERFACE ADDRESS/BITS HOST INTERFACE ADDRESS/BITS
add_cable() {
	ip link add "$2" netns "$(netns "$1")" type veth \
		peer name "$5" netns "$(netns "$4")"
	ip -n "$(netns "$1")" addr add "$3" dev "$2"
	ip -n "$(netns "$4")" addr add "$6" dev "$5"
	ip -n "$(netns "$1")" link set "$2" mtu "${MTU:-1500}" up
	ip -n "$(netns "$4")" link set "$5" mtu "${MTU:-1500}" up
}

# setup: lays the hosts out, and arranges for their removal. $dir is the scenario's
# own directory. MTU: of every cable (1500).
setup() {
	local host

	need ip nft tcpreplay curl awk openssl taskset
	dir=$(mktemp -d "${TMPDIR:-/tmp}/tmb-$$-XXXXXX")
	trap teardown EXIT
	trap 'exit 129' HUP INT TERM
	ip netns add "$(netns exchange)" || skip 'network namespaces are not allowed here'
	for host in $HOSTS; do
		[ "$host" = exchange ] || ip netns add "$(netns "$host")"
		ip -n "$(netns "$host")" link set lo up
		# shellcheck disable=SC2016
		on "$host" sh -c 'for key in all default; do
			echo 0 >/proc/sys/net/ipv4/conf/$key/rp_filter
			[ ! -d /proc/sys/net/ipv6 ] ||
				echo 1 >/proc/sys/net/ipv6/conf/$key/disable_ipv6
		done'
	done
	add_cable exchange feed 10.10.0.9/24 relay feed 10.10.0.2/24
	add_cable relay line1 10.1.1.1/24 line r1 10.1.1.254/24
	add_cable relay line2 10.1.2.1/24 line r2 10.1.2.254/24
	add_cable line p1 10.2.1.254/24 peer line1 10.2.1.1/24
	add_cable line p2 10.2.2.254/24 peer line2 10.2.2.1/24
	add_cable peer out 10.20.0.1/24 subscriber out 10.20.0.2/24
	ip -n "$(netns exchange)" route add 224.0.0.0/4 dev feed
	ip -n "$(netns peer)" route add 224.0.0.0/4 dev out
	ip -n "$(netns subscriber)" route add 224.0.0.0/4 dev out
	setup_line
}

# The line is a router between the halves, with a switch for each of its two wires.
setup_line() {
	local n

	for n in 1 2; do
		ip -n "$(netns relay)" route add 10.2.$n.0/24 via 10.1.$n.254
		ip -n "$(netns peer)" route add 10.1.$n.0/24 via 10.2.$n.254
	done
	on line sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	on line nft -f - <<-'EOF'
		table inet line {
			chain wire1 { }
			chain wire2 { }
			chain forward {
				type filter hook forward priority 0;
				iifname { "r1", "p1" } jump wire1
				iifname { "r2", "p2" } jump wire2
			}
		}
	EOF
}

# line_cut [WIRE]: a black hole, in both directions; nobody is told.
line_cut() {
	on line nft add rule inet line "wire${1:-1}" drop
}

# line_loss PERCENT [WIRE]: loses packets at random.
line_loss() {
	on line nft add rule inet line "wire${2:-1}" \
		numgen random mod 100 '<' "$1" drop
}

# line_clip LENGTH [WIRE]: instead of a cut, longer packets vanish and the others pass.
line_clip() {
	on line nft -f - <<-EOF
		flush chain inet line wire${2:-1}
		add rule inet line wire${2:-1} meta length > $1 drop
	EOF
}

# line_mend [WIRE]: undoes line_cut, line_loss and line_clip.
line_mend() {
	on line nft flush chain inet line "wire${1:-1}"
}

# line_reset [WIRE]: every TCP connection over it is reset, as a firewall does that
# has lost its state. Fails when there was none.
line_reset() {
	local wire=${1:-1} killed

	killed=$({
		on relay ss -K -Htn state established dst "10.2.$wire.0/24"
		on peer ss -K -Htn state established dst "10.1.$wire.0/24"
	} 2>/dev/null | wc -l)
	[ "$killed" -gt 0 ] || fail "no connection to reset on line $wire"
}

# watch HOST NAME MATCH: counts, as NAME, the packets that arrive at HOST and match;
# before any of them is lost or put together. watched HOST NAME: how many so far.
watch() {
	on "$1" nft -f - <<-EOF
		add table inet watch
		add chain inet watch arrived { type filter hook prerouting priority -500; }
		add counter inet watch $2
		add rule inet watch arrived $3 counter name $2
	EOF
}

watched() {
	on "$1" nft list counter inet watch "$2" | awk '$1 == "packets" { print $2 }'
}

# ---- states ----

# wait_until COMMAND [SECONDS]: polls until it succeeds; on the time limit the
# scenario fails with the command as the reason.
wait_until() {
	local end=$((SECONDS + ${2:-$TOMBOLO_WAIT}))

	until eval "$1" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "never came true: $1"
		sleep 0.05 # between two looks, not instead of one
	done
}

metrics_address() {
	case $1 in
	relay) echo "$RELAY_METRICS" ;;
	peer) echo "$PEER_METRICS" ;;
	*) fail "no metrics on $1" ;;
	esac
}

# fetch HOST PATH: fails unless the answer is 200.
fetch() {
	on "$1" curl -fsS -m 5 "http://$(metrics_address "$1")$2"
}

# metric HOST NAME [LABEL=VALUE...]: the sum of the samples with these labels, 0 when
# there is none; nothing, and fails, when HOST does not answer.
metric() {
	local host=$1 samples

	shift
	samples=$(fetch "$host" /metrics) || return
	awk -v query="$*" '
		BEGIN { n = split(query, want, " ") }
		/^#/ { next }
		{
			name = $1
			sub(/{.*/, "", name)
			if (name != want[1])
				next
			for (i = 2; i <= n; i++) {
				label = want[i]
				sub(/=/, "=\"", label)
				if (!match($0, "[{,]" label "\""))
					next
			}
			sum += $NF
		}
		END { printf "%.0f\n", sum }' <<<"$samples"
}

# The books of HOST add up: every residual is there, and 0.
is_balanced() {
	fetch "$1" /metrics | awk '
		/^tombolo_[a-z]*_residual_datagrams[{]/ { n++; wrong += $NF != 0 }
		END { exit (n == 0 || wrong != 0) }'
}

# log_says NAME TEXT: the daemon's log has a line with it.
log_says() {
	grep -qsF -- "$2" "$dir/$1.log"
}

# Once NAME has ended. book NAME FIGURE: of its final ledger, the sum over all
# channels but the marks.
book() {
	grep -F ' books lane=' "$dir/$1.log" | grep -vF 'channel=(marks)' |
		grep -oE " $2=[0-9]+" | awk -F = '{ sum += $2 } END { print sum + 0 }'
}

# The final ledger of NAME is there, and no residual in it is other than 0.
books_are_closed() {
	log_says "$1" 'ledger: verdict: ' &&
		grep -qE ' books lane=.* residual[a-z_]*=0( |$)' "$dir/$1.log" &&
		! grep -qE ' residual[a-z_]*=(-|[1-9])' "$dir/$1.log"
}

# ---- daemons ----

# start NAME HOST PROGRAM [ARGUMENT...]: runs a program that says READY=1, and waits
# for it. Its log is $dir/NAME.log, what it tells its manager $dir/NAME.states.
start() {
	local name=$1 host=$2

	shift 2
	rm -f "$dir/$name.states" "$dir/$name.pid"
	ip netns exec "$(netns "$host")" "$tools/notifyrun" "$dir/$name.states" \
		"$dir/$name.pid" "$@" >>"$dir/$name.log" 2>&1 &
	eval "runner_$name=$!"
	wait_until "has_said $name READY=1 || ! kill -0 $!"
	has_said "$name" READY=1 || fail "$name ended before it was ready"
}

has_said() {
	grep -qsx "$2" "$dir/$1.states"
}

# start_relay [CONF], start_peer [CONF]: $dir/relay.yaml and $dir/peer.yaml if none
# is named.
start_relay() {
	start relay relay "$sbin/tombolo-relay" -f "${1:-$dir/relay.yaml}"
}

start_peer() {
	start peer peer "$sbin/tombolo-peer" -f "${1:-$dir/peer.yaml}"
}

# signal NAME SIGNAL: to the daemon itself, so KILL and STOP work too.
signal() {
	kill "-$2" "$(cat "$dir/$1.pid")"
}

# stop NAME [SIGNAL]: ends it and leaves its exit status in $status.
stop() {
	signal "$1" "${2:-TERM}"
	finish "$1"
}

# finish NAME [SECONDS]: waits until it has ended; its exit status is in $status.
# shellcheck disable=SC2034
finish() {
	local runner="runner_$1"

	wait_until "! kill -0 ${!runner}" "${2-}"
	status=0
	wait "${!runner}" || status=$?
	unset "$runner"
}

# ---- configurations ----

# make_certificates: of both nodes, in $dir.
make_certificates() {
	"$TOMBOLO_SRCDIR/tools/certs" -d "$dir" colo-a vpc-a >/dev/null ||
		fail 'no certificates'
}

# channel_lines COUNT, or GROUP:PORT[@SOURCE]...: for relay.yaml; by count, the
# channels as marketgen lays them out.
channel_lines() {
	local channel port i

	if [[ $1 == *:* ]]; then
		for channel; do
			port=${channel#*:}
			printf '  - {name: "%s", group: %s, port: %s}\n' \
				"${channel//[:@]/-}" "${channel%%:*}" \
				"${port/@/, source: }"
		done
		return
	fi

	for ((i = 0; i < $1; i++)); do
		printf '  - {name: market%d, group: 239.10.%d.%d, port: %d}\n' \
			"$i" $(((i + 1) / 256)) $(((i + 1) % 256)) $((30001 + i))
	done
}

tls_line() {
	printf 'tls: {certificate: %s, key: %s, ca: %s}\n' \
		"$dir/$1.crt" "$dir/$1.key" "$dir/ca.crt"
}

# write_relay_conf [EXTRA-LINES]: $dir/relay.yaml. CAPTURE: keys of capture (interface:
# feed); CHANNELS (4): as channel_lines takes them; a path over each of WIRES (1), which
# are WIRE[:TRANSPORT[:USE]]; else TRANSPORT (tls), USE (duplicate).
write_relay_conf() {
	local wire transport use

	{
		echo 'node: colo-a'
		echo "capture: {${CAPTURE:-interface: feed}}"
		echo 'channels:'
		# shellcheck disable=SC2086
		channel_lines ${CHANNELS:-4}
		tls_line colo-a
		echo 'peers:'
		echo '  - name: vpc-a'
		echo '    paths:'
		for wire in ${WIRES:-1}; do
			IFS=: read -r wire transport use <<<"$wire"
			printf '      - {connect: "10.2.%d.1:7443", bind: 10.1.%d.1, ' \
				"$wire" "$wire"
			printf 'transport: %s, use: %s}\n' \
				"${transport:-${TRANSPORT:-tls}}" "${use:-${USE:-duplicate}}"
		done
		printf 'metrics: {listen: "%s"}\n' "$RELAY_METRICS"
		[ -z "${1-}" ] || printf '%s\n' "$1"
	} >"$dir/relay.yaml"
}

# write_peer_conf [EXTRA-LINES]: $dir/peer.yaml. LISTEN (tls): transports; EMIT: more
# keys of emit.
write_peer_conf() {
	local transport

	{
		echo 'node: vpc-a'
		echo 'listen:'
		for transport in ${LISTEN:-tls}; do
			printf '  - {address: "0.0.0.0:7443", transport: %s}\n' "$transport"
		done
		tls_line vpc-a
		echo 'relays: [{name: colo-a}]'
		printf 'emit: {interface: out%s}\n' "${EMIT:+, $EMIT}"
		printf 'metrics: {listen: "%s"}\n' "$PEER_METRICS"
		[ -z "${1-}" ] || printf '%s\n' "$1"
	} >"$dir/peer.yaml"
}

# start_bridge: certificates, both configurations unless they are there, both
# daemons, and a session.
start_bridge() {
	[ -f "$dir/ca.crt" ] || make_certificates
	[ -f "$dir/relay.yaml" ] || write_relay_conf
	[ -f "$dir/peer.yaml" ] || write_peer_conf
	start_peer
	start_relay
	wait_until 'fetch relay /healthz && fetch peer /healthz'
}

# What the peer emitted, and what it counts as lost.
settled() {
	local emitted lost

	emitted=$(metric peer tombolo_peer_emitted_datagrams_total) || return
	lost=$(metric peer tombolo_peer_lost_datagrams_total) || return
	echo $((emitted + lost))
}

# is_at_rest [CAPTURED [BEFORE]]: all that the relay captured, which is CAPTURED, is
# settled. BEFORE (0): what was settled before this relay was started.
is_at_rest() {
	local captured

	captured=$(metric relay tombolo_relay_captured_datagrams_total) || return
	[ "$captured" = "${1:-$captured}" ] &&
		[ "$(settled)" = $((captured + ${2:-0})) ]
}

# ---- the feed and its readers ----

# replay FILE [TCPREPLAY OPTION...]: a capture onto the exchange's LAN.
replay() {
	local file=$1

	shift
	on exchange tcpreplay -q -i feed "$@" "$file" >"$dir/tcpreplay.log" 2>&1 ||
		fail "tcpreplay: $(tail -n 3 "$dir/tcpreplay.log")"
}

# market [MARKETGEN OPTION...]: live onto the exchange's LAN; prints JSON.
market() {
	on exchange "$tools/marketgen" --live feed --source "$EXCHANGE_FEED" "$@"
}

# market_start [MARKETGEN OPTION...]: the same in the background. It ends by itself, or
# by market_stop: market_end waits, and leaves how many were said in $sent.
market_start() {
	ip netns exec "$(netns exchange)" "$tools/marketgen" --live feed \
		--source "$EXCHANGE_FEED" "$@" >"$dir/market.json" 2>"$dir/market.log" &
	market_pid=$!
}

# shellcheck disable=SC2034
market_end() {
	wait "$market_pid" || fail "marketgen: $(cat "$dir/market.log")"
	sent=$(figure sent "$dir/market.json")
}

market_stop() {
	kill -TERM "$market_pid" || fail 'the market had ended before'
	market_end
}

# The processors we may run on, one a line.
processors() {
	sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr ',' '\n' |
		while IFS=- read -r first last; do
			seq "$first" "${last:-$first}"
		done
}

# capture_start HOST INTERFACE FILE: returns when nothing more can be missed.
capture_start() {
	rm -f "$dir/record.log" # of the one before, which was listening too
	ip netns exec "$(netns "$1")" "$tools/record" "$2" "$3" \
		"$(processors | wc -l)" >"$dir/record.log" 2>&1 &
	capture_pid=$!
	wait_until "grep -q listening '$dir/record.log'"
}

# capture_stop HOST: what HOST sent before is in the file when this returns. HOST
# sends a last word behind it, from each processor (see record.c).
capture_stop() {
	local cpu

	for cpu in $(processors); do
		on "$1" taskset -c "$cpu" bash -c 'echo >/dev/udp/239.255.255.255/9'
	done
	wait_until "! kill -0 $capture_pid"
	wait "$capture_pid" || fail "record: $(tail -n 1 "$dir/record.log")"
}

subscriber_capture_start() {
	capture_start subscriber out "${1:-$dir/received.pcap}"
}

subscriber_capture_stop() {
	capture_stop peer
}

# received_market SENT [FILE]: what marketgen said live is in the subscriber's capture,
# all of it, once and in order; prints the latencies.
received_market() {
	"$tools/latency" --sent "$1" --json "${2:-$dir/received.pcap}" \
		>"$dir/latency.json" || fail 'the capture cannot be read'
	say "$(cat "$dir/latency.json")"
	grep -q "\"sent\": $1, \"received\": $1, \"lost\": 0, \"in_order\": $1, \"duplicates\": 0," \
		"$dir/latency.json"
}

# figure NAME [FILE]: of the JSON that latency and marketgen print.
figure() {
	sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "${2:-$dir/latency.json}"
}

# captured_beyond N: datagrams of any channel.
captured_beyond() {
	[ "$(metric relay tombolo_relay_captured_datagrams_total)" -gt "$1" ]
}

# ---- the end ----

stop_all() {
	local host pid pids tries=0

	# shellcheck disable=SC2046
	pids="$(jobs -p) $(for host in $HOSTS; do
		ip netns pids "$(netns "$host")" 2>/dev/null
	done | tr '\n' ' ')"
	for pid in $pids; do
		kill -CONT "$pid" 2>/dev/null
		kill -TERM "$pid" 2>/dev/null
	done
	for pid in $pids; do
		while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
			tries=$((tries + 1))
			sleep 0.05
		done
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
}

teardown() {
	local ended=$? host log

	trap - EXIT
	# a terminal's server is a child of nobody, and in no namespace
	[ ! -S "$dir/tmux" ] || tmux -S "$dir/tmux" kill-server 2>/dev/null
	stop_all
	for host in $HOSTS; do
		ip netns del "$(netns "$host")" 2>/dev/null
	done
	if [ "$ended" != 0 ] && [ "$ended" != 77 ]; then
		for log in "$dir"/*.log; do
			[ -s "$log" ] || continue
			printf -- '---- %s\n' "${log##*/}" >&2
			tail -n 40 "$log" >&2
		done
		[ ! -s "$dir/latency.json" ] || say "$(cat "$dir/latency.json")"
		say "FAILED: ${failure-exit status $ended}"
	fi
	if [ -n "${TOMBOLO_KEEP-}" ]; then
		say "kept: $dir"
	else
		rm -rf "$dir"
	fi
	exit "$ended"
}
