# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# What scenarios of tomboloctl check ask of it. Sourced, after lib.sh.

# check STATUS HALF [ARGUMENT...]: with $dir/HALF.yaml on that host; $dir/out. It ends
# within a few time-outs.
check() {
	local wanted=$1 half=$2 got=0

	shift 2
	on "$half" timeout 20 "$sbin/tomboloctl" check "--$half" -f "$dir/$half.yaml" "$@" \
		>"$dir/out" 2>"$dir/err" || got=$?
	[ ! -s "$dir/err" ] || fail "$half: on standard error: $(cat "$dir/err")"
	[ "$got" = "$wanted" ] || fail "$half: $got, not $wanted: $(cat "$dir/out")"
}

# says PATTERN...
says() {
	local pattern

	for pattern; do
		grep -qE -- "$pattern" "$dir/out" ||
			fail "not said: $pattern, but: $(cat "$dir/out")"
	done
}

# numbers RESULT: of what ended so; not the clock, which is this machine's own.
numbers() {
	awk -v result="$1" '$2 == result && $1 != "03" { print $1 }' "$dir/out" |
		sort -u | tr '\n' ' ' | sed 's/ $//'
}

# found RESULT NUMBERS: no other check ended so.
found() {
	[ "$(numbers "$1")" = "$2" ] ||
		fail "$1: $(numbers "$1"), not $2: $(cat "$dir/out")"
}

# well HALF: nothing fails, nothing is warned of.
well() {
	check 0 "$1"
	found FAIL ''
	found warn ''
}

# Whatever is not well has its cause and its remedy, in the lines that follow it.
explained() {
	awk '$2 == "FAIL" || $2 == "warn" { if (owed) exit 1; owed = 2; next }
		/^         (cause|remedy): ./ { if (owed) owed-- ; next }
		owed { exit 1 }
		END { exit owed != 0 }' "$dir/out" || fail "not explained: $(cat "$dir/out")"
}

# fails HALF NUMBER REMEDY: that one, it alone, and what to do.
fails() {
	check 1 "$1"
	found FAIL "$2"
	says "^         remedy: .*$3"
	explained
}

# warns HALF NUMBER REMEDY
warns() {
	check 0 "$1"
	found FAIL ''
	found warn "$2"
	says "^         remedy: .*$3"
	explained
}
