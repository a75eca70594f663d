#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What an administrator gets wrong in a configuration, by the daemons themselves: one
# line with the position, and exit status 1, whether it is only checked or started with.
# What is right prints itself, and what is printed is the same again.
set -u
: "${TOMBOLO_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${TOMBOLO_BUILDDIR:=$TOMBOLO_SRCDIR/_build/check}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0 checked=0

fail() {
	echo "FAIL: $*" >&2
	failures=$((failures + 1))
}

# daemon HALF ARGUMENT...: $status, and what it wrote in $work/out and $work/err.
daemon() {
	local half=$1

	shift
	status=0
	timeout 30 "$TOMBOLO_BUILDDIR/tombolo-$half" "$@" >"$work/out" 2>"$work/err" ||
		status=$?
}

# half FILE: NN-half-what.yaml
half() {
	cut -d - -f 2 <<<"$1"
}

# refuses HALF FILE ARGUMENT...
refuses() {
	local half=$1 file=$2

	shift 2
	daemon "$half" "$@" -f "$file"
	[ "$status" = 1 ] || fail "$file: status $status with ${*:-no option}"
	[ ! -s "$work/out" ] || fail "$file: words on standard output"
	[ "$(wc -l <"$work/err")" = 1 ] || fail "$file: not one line: $(cat "$work/err")"
	grep -qE "^$file:[0-9]+:[0-9]+: " "$work/err" ||
		fail "$file: no position: $(cat "$work/err")"
}

cd "$TOMBOLO_SRCDIR/tests/conf/bad" || exit 1
for file in *.yaml; do
	refuses "$(half "$file")" "$file" -n
	cmp -s "$work/err" "${file%.yaml}.err" ||
		fail "$file: another error than is expected: $(cat "$work/err")"
	checked=$((checked + 1))
done
[ "$checked" -ge 40 ] || fail "only $checked malformed configurations"
# Neither printed nor started with.
for file in 001-relay-empty.yaml 098-peer-dscp-range.yaml; do
	refuses "$(half "$file")" "$file" -p
	refuses "$(half "$file")" "$file"
done

# prints HALF FILE: its effective configuration, in $work/printed.
prints() {
	daemon "$1" -n -f "$2"
	{ [ "$status" = 0 ] && [ ! -s "$work/err" ]; } || fail "$2: $(cat "$work/err")"
	daemon "$1" -p -f "$2"
	[ "$status" = 0 ] || fail "$2: $(cat "$work/err")"
	mv "$work/out" "$work/printed"
	daemon "$1" -p -f "$work/printed"
	cmp -s "$work/printed" "$work/out" || fail "$2: what is printed prints other things"
	[ -s "$work/out" ] || fail "$2: prints nothing"
}

cd "$TOMBOLO_SRCDIR/tests/conf/good" || exit 1
for file in *.yaml; do
	prints "$(half "$file")" "$file"
	cmp -s "$work/printed" "${file%.yaml}.out" || fail "$file: prints other things"
done
for half in relay peer; do
	prints $half "$TOMBOLO_SRCDIR/etc/$half.yaml"
	daemon $half -n -f "$work/missing.yaml"
	{ [ "$status" = 1 ] && [ "$(wc -l <"$work/err")" = 1 ]; } ||
		fail "$half: a file that is not there: $status, $(cat "$work/err")"
	daemon $half -x
	[ "$status" = 2 ] || fail "$half: status $status after an option that is none"
done

[ "$failures" -eq 0 ] && echo "config: $checked malformed ones refused"
[ "$failures" -eq 0 ]
