#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The units, as an installation has them, are what systemd-analyze(1) takes for right,
# and leave no more open than they must.
set -u
top=${TOMBOLO_SRCDIR:-$(cd "$(dirname "$0")/.." && pwd)}
half_limits='relay:16 peer:11' # ten times what systemd-analyze calls exposure

fail() {
	echo "units.sh: FAILED: $*" >&2
	exit 1
}

command -v systemd-analyze >/dev/null || {
	echo 'units.sh: skipped: systemd-analyze is not installed' >&2
	exit 77
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tmb-$$-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT

# What they execute must be there.
mkdir "$dir/sbin" "$dir/units"
for half in relay peer; do
	printf '#!/bin/sh\n' >"$dir/sbin/tombolo-$half"
	chmod +x "$dir/sbin/tombolo-$half"
done

# directive FILE NAME: its value.
directive() {
	sed -n "s|^$2=||p" "$1"
}

for limit in $half_limits; do
	half=${limit%:*}
	for unit in "tombolo-$half.service" "tombolo-$half@.service"; do
		file=$dir/units/$unit
		"$top/systemd/unit.sh" "$unit" "$dir/sbin" /etc \
			<"$top/systemd/tombolo.service.in" >"$file" ||
			fail "$unit cannot be made"
		! grep -nE '@(relay|peer|one|each|half|sbindir|sysconfdir)@' "$file" ||
			fail "$unit has lines that are not filled in"
		said=$(systemd-analyze verify --man=no --recursive-errors=no "$file" 2>&1) ||
			fail "$unit: $said"
		[ -z "$said" ] || fail "$unit: $said"
		systemd-analyze security --no-pager --offline=yes \
			--threshold="${limit#*:}" "$file" >"$dir/security" 2>&1 ||
			fail "$unit is more exposed than $limit: $(grep -v '✓' "$dir/security")"
	done
done

# Two instances, and the unit that is none, have nothing in common that they write.
for half in relay peer; do
	one=$dir/units/tombolo-$half.service each=$dir/units/tombolo-$half@.service
	[ "$(directive "$one" ExecStart)" = \
		"$dir/sbin/tombolo-$half -f /etc/tombolo/$half.yaml" ] ||
		fail "$one: $(directive "$one" ExecStart)"
	[ "$(directive "$each" ExecStart)" = \
		"$dir/sbin/tombolo-$half -f /etc/tombolo/$half-%i.yaml" ] ||
		fail "$each: $(directive "$each" ExecStart)"
	[ "$(directive "$one" RuntimeDirectory)" = tombolo ] ||
		fail "$one: $(directive "$one" RuntimeDirectory)"
	[ "$(directive "$each" RuntimeDirectory)" = "tombolo-$half-%i" ] ||
		fail "$each: $(directive "$each" RuntimeDirectory)"
done

# The check can fail: a unit without its hardening, and one with a word that is none.
grep -v '^Protect' "$dir/units/tombolo-relay.service" >"$dir/units/open.service"
! systemd-analyze security --no-pager --offline=yes --threshold=16 \
	"$dir/units/open.service" >/dev/null 2>&1 || fail 'any exposure passes'
sed 's/^ProtectHome=yes/ProtectHomes=yes/' "$dir/units/tombolo-relay.service" \
	>"$dir/units/wrong.service"
said=$(systemd-analyze verify --man=no --recursive-errors=no \
	"$dir/units/wrong.service" 2>&1)
[[ $said == *ProtectHomes* ]] || fail 'any directive passes'
exit 0
