# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The line between the halves, for tools/bench: the emulator, or the kernel's netem.
# Sourced behind tests/netns/lib.sh and before setup(). Takes $bench, $delay,
# $line_settings and $netem.

# The emulator waits actively for the last moments before a packet is due, which it would
# else spend on waking up. Measured at 10,000/s on a virtual machine with two processors:
# with 0, 4, 8 and 15 us it is 22, 19, 13 and 8 us late in the median, and takes the same
# of a processor.
spin_us=15

# With the emulator the line is no router: it owns its ends of lib.sh's cables, so the
# halves see each other as on one LAN, and their ends must send what a cable carries.
if [ -z "$netem" ]; then
	setup_line() {
		local n

		on line sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
		for n in 1 2; do
			on line ip addr flush dev "r$n"
			on line ip addr flush dev "p$n"
			on relay ip route add "10.2.$n.0/24" dev "line$n"
			on peer ip route add "10.1.$n.0/24" dev "line$n"
		done
		on relay "$bench/plain" line1 line2 || fail 'relay: offloads'
		on peer "$bench/plain" line1 line2 || fail 'peer: offloads'
	}
fi

# line_start SEED WIRES: without loss yet, and with halves that have not met.
line_start() {
	local wire wires=() clean=delay=$delay$line_settings

	[ -z "$netem" ] || return 0
	for wire in $2; do
		wires+=("r$wire" "p$wire" "$clean" "$clean")
		on relay ip neigh flush dev "line$wire"
		on peer ip neigh flush dev "line$wire"
	done
	ip netns exec "$(netns line)" taskset -c "$our_cpu" "$bench/wan" --realtime --spin "$spin_us" --seed "$1" \
		--control "$dir/wan.fifo" --stats "$dir/wan.json" "${wires[@]}" \
		>"$dir/wan.log" 2>&1 &
	wan_pid=$!
	wait_until "grep -q ready '$dir/wan.log' || ! kill -0 $wan_pid"
	grep -q ready "$dir/wan.log" || fail "wan: $(cat "$dir/wan.log")"
}

# netem_loss 2%:3, in its own words.
netem_loss() {
	case $1 in
	*:*) awk -F '%:' '{
			share = $1 / 100
			printf "loss gemodel %.6f%% %.6f%%\n",
				100 * share / ($2 * (1 - share)), 100 / $2
		}' <<<"$1" ;;
	*) echo "loss random $1" ;;
	esac
}

# line_lose WIRES TO-THE-PEER TO-THE-RELAY. The FIFO is opened so that it never waits
# for a reader.
line_lose() {
	local wire

	for wire in $1; do
		if [ -z "$netem" ]; then
			printf '%d ab loss=%s\n%d ba loss=%s\n' "$wire" "$2" "$wire" "$3" \
				1<>"$dir/wan.fifo"
			continue
		fi
		# shellcheck disable=SC2046
		on line tc qdisc replace dev "p$wire" root netem limit 100000 \
			delay "$delay" $(netem_loss "$2")
		# shellcheck disable=SC2046
		on line tc qdisc replace dev "r$wire" root netem limit 100000 \
			delay "$delay" $(netem_loss "$3")
	done
}

# line_dark WIRE AFTER-MS: and stays so.
line_dark() {
	if [ -z "$netem" ]; then
		printf '%d both dark=%dms:1h\n' "$1" "$2" 1<>"$dir/wan.fifo"
	else
		fail 'netem does not know when to cut a line'
	fi
}

# Ends it, for its figures.
line_stop() {
	if [ -n "$netem" ]; then
		echo 'null' >"$dir/wan.json"
		return
	fi
	kill "$wan_pid"
	wait "$wan_pid"
}

probe_netem() {
	[ -n "$netem" ] || return 0
	command -v tc >/dev/null || die '--netem: tc is not installed'
	[ -z "$line_settings" ] || die '--line is for the emulator, not for --netem'
	on line tc qdisc add dev lo root netem delay 1ms 2>/dev/null ||
		die '--netem: this kernel has none; without it our own emulator is used'
	on line tc qdisc del dev lo root
}
