# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# One run of one rival, for tools/bench, and what the rivals use to start. Sourced
# behind bench/line.sh.
#
# A file of bench/rivals defines for itself (its name before each):
#   _needs               prints the programs it cannot do without
#   _start ARGUMENT...   returns when it is up, or fails; the way is probed later
#   _lacks ARGUMENT...   if there is one: prints why it cannot take part, or nothing
# It starts programs with background() or start() in the hosts relay and peer, takes
# $group and $port from the interface feed of the one, and sends the same out of the
# interface out of the other. line1 and line2 are the line.

group=239.10.0.1
port=30001
warm_ms=300 # at full rate, before what is measured
socket_buffer=4194304
drain_other_ms=300 # of silence, and what is missing is lost
drain_tcp_ms=3000  # TCP falls silent for a time-out, and goes on

# ---- for the rivals ----

# background HOST PROGRAM [ARGUMENT...]: its log is $dir/HOST-PROGRAM.log.
background() {
	local host=$1

	shift
	ip netns exec "$(netns "$host")" "$@" >>"$dir/$host-${1##*/}.log" 2>&1 &
}

# join_bridge HOST INTERFACE...
join_bridge() {
	local host=$1 interface

	shift
	on "$host" ip link add br0 type bridge mcast_snooping 0 forward_delay 0
	for interface in "$@"; do
		on "$host" ip link set "$interface" master br0 up
	done
	on "$host" ip link set br0 up
}

is_listening() {
	on "$1" ss -Hltn "sport = :$2" | grep -q .
}

is_bound() {
	on "$1" ss -Hlun "sport = :$2" | grep -q .
}

clear_away() {
	local host

	for host in relay peer; do
		on "$host" ip link del br0
		on "$host" ip link del vx0
	done 2>/dev/null
}

for file in "$top"/bench/rivals/*.sh; do
	# shellcheck source=/dev/null
	. "$file"
done

# lacks FILE ARGUMENT...: why this rival cannot take part, or nothing.
lacks() {
	local file=$1 command

	shift
	for command in $("${file}_needs"); do
		[ -x "$sbin/$command" ] || command -v "$command" >/dev/null || {
			echo "$command is not installed"
			return
		}
	done
	! declare -F "${file}_lacks" >/dev/null || "${file}_lacks" "$@"
}

# ---- one run ----

# figure NAME FILE: of our own JSON; the first of that name.
figure() {
	sed -n "s/.*\"${1//./\\.}\": \([-0-9.]*\).*/\1/p" "$2" | head -n 1
}

# cpu_ns HOST: of all threads of all processes there.
cpu_ns() {
	local pid

	for pid in $(ip netns pids "$(netns "$1")"); do
		cat "/proc/$pid/task/"*/schedstat 2>/dev/null
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# Of the whole machine: what it was not idle. The kernel measures idle time, but only
# samples what it spends the rest on, by a tick that sees an even rate always at the
# same moment.
machine_us() {
	awk -v now_us="${EPOCHREALTIME/[.,]/}" '
		/^cpu[0-9]/ { n++; idle += $5 + $6 + $9 }
		END { printf "%.0f\n", now_us * n - idle * 1e4 }' /proc/stat
}

# Frames that the cables to the line lost: since they were laid.
cable_drops() {
	local host

	for host in relay peer; do
		# shellcheck disable=SC2016
		on "$host" sh -c 'cat /sys/class/net/line*/statistics/tx_dropped'
	done | awk '{ sum += $1 } END { print sum }'
}

# open_way: until a datagram has come through.
open_way() {
	local probe

	ip netns exec "$(netns exchange)" "$bench/gen" --probe --size "$size" feed \
		>"$dir/probe.log" 2>&1 &
	probe=$!
	wait_until "grep -q through '$dir/sink.log'"
	kill "$probe"
	wait "$probe" 2>/dev/null
}

# measure RATE COUNT: leaves sink.json, gen.json, cdf, cpu.json and cable_drops in $dir.
measure() {
	local warm=$(($1 * warm_ms / 1000)) relay peer line machine dropped

	dropped=$(cable_drops)
	relay=$(cpu_ns relay) peer=$(cpu_ns peer) line=$(cpu_ns line) machine=$(machine_us)
	on exchange taskset -c "$our_cpu" "$bench/gen" --realtime --rate "$1" --count "$2" --warm "$warm" \
		--size "$size" feed >"$dir/gen.json" || fail gen
	kill -USR1 "$sink_pid"
	wait "$sink_pid" || fail "sink: $(cat "$dir/sink.json" "$dir/sink.log")"
	awk -v n="$(($2 + warm))" -v relay="$(($(cpu_ns relay) - relay))" \
		-v peer="$(($(cpu_ns peer) - peer))" \
		-v line="$(($(cpu_ns line) - line))" \
		-v machine="$(($(machine_us) - machine))" 'BEGIN {
			printf "{\"relay\": %.3f, \"peer\": %.3f, \"line\": %.3f",
				relay / 1e3 / n, peer / 1e3 / n, line / 1e3 / n
			printf ", \"machine\": %.3f}\n", machine / n
		}' >"$dir/cpu.json"
	echo $(($(cable_drops) - dropped)) >"$dir/cable_drops"
}

# gen and the line have a processor of their own, and who is measured the others: an
# instrument with real-time priority would take theirs in the middle of their work, and
# where a half waits behind one is decided by chance.
# Both have real-time priority there, so that what else goes on on the machine is not
# measured as theirs.
mapfile -t cpus < <(processors)
our_cpu=${cpus[0]}
their_cpus=$(
	IFS=,
	echo "${cpus[*]:1}"
)
: "${their_cpus:=$our_cpu}"

# For this shell and what it starts. Without the privilege it goes on with what it has.
stand_apart() {
	taskset -pc "$their_cpus" "$BASHPID" >/dev/null
	[ "$their_cpus" = "$our_cpu" ] || chrt -f -p 1 "$BASHPID" 2>/dev/null
}

# run_rival SCENARIO SEED TO-THE-PEER TO-THE-RELAY RATE COUNT FILE ARGUMENT...
# In a subshell, so that what fails, fails alone; and its programs with it.
run_rival() (
	scenario=$1 seed=$2 toward=$3 back=$4 pps=$5 datagrams=$6 file=$7
	drain_ms=$drain_other_ms is_stream='' paths=1
	trap stop_all EXIT
	stand_apart
	shift 7
	[[ ${2-} != *,* ]] || paths='1 2'
	TOMBOLO_WAIT=20
	rm -f "$dir"/*.json "$dir"/*.log "$dir/cdf"
	line_start "$seed" "$paths"
	line_lose "$paths" 0% 0%
	"${file}_start" "${@//,/ }"
	ip netns exec "$(netns subscriber)" "$bench/sink" --count "$datagrams" \
		--idle "$drain_ms" --cdf "$dir/cdf" ${is_stream:+--stream "$size"} out \
		>"$dir/sink.json" 2>"$dir/sink.log" &
	sink_pid=$!
	wait_until "grep -q listening '$dir/sink.log'"
	open_way
	line_lose "$paths" "$toward" "$back"
	[ "$scenario $paths" != "$cut_scenario 1 2" ] ||
		line_dark 2 $((warm_ms + 500 * datagrams / pps))
	measure "$pps" "$datagrams"
	! declare -F "${file}_figures" >/dev/null || "${file}_figures" >"$dir/own.json"
	line_stop
)

# By how much the line itself was late, p99 in us.
line_late() {
	sed -n 's/.*"late_us".*"p99": \([0-9.]*\),.*/\1/p; s/^null$/-/p' "$dir/wan.json"
}

# keep SCENARIO RIVAL RUN: the figures of this run.
keep() {
	local f=$dir/sink.json c=$dir/cpu.json

	printf '%s' "$1 $2 $3"
	printf ' %s' "$(figure delivered_percent "$f")" "$(figure duplicates "$f")" \
		"$(figure reordered "$f")" "$(figure p50 "$f")" "$(figure p99 "$f")" \
		"$(figure p99.9 "$f")" "$(figure max "$f")" "$(figure relay "$c")" \
		"$(figure peer "$c")" "$(figure machine "$c")" "$(figure sent "$f")" \
		"$(line_late)" \
		"$(figure late_max_us "$dir/gen.json")"
	echo
} >>"$out/runs.txt"

keep_json() {
	printf '{"scenario": "%s", "rival": "%s", "run": %d, "cable_dropped": %d' \
		"$1" "$2" "$3" "$(cat "$dir/cable_drops")"
	printf ', "gen": %s, "sink": %s, "cpu_us": %s, "line": %s' \
		"$(cat "$dir/gen.json")" "$(cat "$dir/sink.json")" \
		"$(cat "$dir/cpu.json")" "$(cat "$dir/wan.json")"
	[ ! -f "$dir/own.json" ] || printf ', "own": %s' "$(cat "$dir/own.json")"
	printf '}\n'
} >>"$out/runs.jsonl"

keep_logs() {
	mkdir -p "$out/logs"
	cat "$dir"/*.log >"$out/logs/$1-$2-$3.log" 2>/dev/null
}

# bout SCENARIO RIVAL RUN: one run, and what it leaves.
bout() {
	local line datagrams file

	read -r -a line <<<"$(row "$1" "$scenarios")"
	read -r -a file <<<"$(row "$2" "$rivals")"
	case $2 in
	tombolo-dtls* | tombolo-immediate) datagrams=${line[3]} ;;
	vxlan) datagrams=${line[4]} ;;
	*) datagrams=${line[5]} ;;
	esac
	printf '%-8s %-18s run %d: ' "$1" "$2" "$3"
	if run_rival "$1" "$3" "${line[0]}" "${line[1]}" "${rate:-${line[2]}}" \
		"${count:-$datagrams}" "${file[@]}" 2>"$dir/run.err"; then
		keep "$1" "$2" "$3"
		keep_json "$1" "$2" "$3"
		cp "$dir/cdf" "$out/cdf/$1 $2 $3"
		printf '%s %%, p99 %s ms\n' "$(figure delivered_percent "$dir/sink.json")" \
			"$(figure p99 "$dir/sink.json")"
	else
		cp "$dir/run.err" "$dir/run.log"
		keep_logs "$1" "$2" "$3"
		echo "no result: $(tail -n 1 "$dir/run.err")"
		echo "$1 $2 $3" >>"$out/failed"
	fi
	clear_away
}
