#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian package through its life, in a fresh Debian 12 root: built, installed,
# used, upgraded, removed, purged. Run by tools/check package, as root; takes minutes
# and a network, and caches what it downloads below _build/.
#
# There is no init in the root: that the units start is what tests/boot.sh sees.
set -u
# shellcheck source=root.sh
. "$(dirname "$0")/root.sh"

install_version() {
	cp "$work/tombolo_$1_$arch.deb" "$root/root/" || fail "no package of version $1"
	apt install "/root/tombolo_$1_$arch.deb"
	rm "$root/root/tombolo_$1_$arch.deb"
	# shellcheck disable=SC2016
	[ "$(inside dpkg-query -W -f '${Status} ${Version}' tombolo)" = \
		"install ok installed $1" ] || fail "version $1 is not installed"
}

# ---- what is promised ----

# holds MODE OWNER FILE
holds() {
	[ "$(inside stat -c '%a %U:%G' "$3")" = "$1 $2" ] ||
		fail "$3: not $1 $2: $(inside stat -c '%a %U:%G' "$3" 2>&1)"
}

check_files() {
	local doc=/usr/share/doc/tombolo half

	holds 750 root:tombolo /etc/tombolo
	[ -z "$(ls -A "$root/etc/tombolo")" ] || fail '/etc/tombolo is not empty'
	for half in relay peer; do
		holds 755 root:root "/usr/sbin/tombolo-$half"
		holds 644 root:root "/lib/systemd/system/tombolo-$half.service"
		holds 644 root:root "/usr/share/man/man8/tombolo-$half.8.gz"
		holds 644 root:root "/usr/share/man/man5/tombolo-$half.yaml.5.gz"
		holds 644 root:root "$doc/examples/$half.yaml"
	done
	holds 755 root:root $doc/examples/certs
	holds 644 root:root /usr/lib/sysusers.d/tombolo.conf
	holds 644 root:root $doc/README.Debian
	holds 644 root:root $doc/OPERATIONS.md
	holds 644 root:root $doc/TROUBLESHOOTING.md
	holds 644 root:root $doc/copyright
}

check_user() {
	inside getent passwd tombolo >"$work/user" || fail 'there is no user tombolo'
	grep -qE '^tombolo:[^:]*:[0-9]{1,3}:[0-9]{1,3}:.*:/usr/sbin/nologin$' "$work/user" ||
		fail "the user is not a system user: $(cat "$work/user")"
}

# Of every program of the package.
check_programs() {
	local program count=0

	for program in $(inside dpkg -L tombolo | grep -E '^/usr/s?bin/.'); do
		[ "$(inside "$program" -V)" = "${program##*/} $version" ] ||
			fail "$program -V: $(inside "$program" -V 2>&1)"
		count=$((count + 1))
	done
	[ "$count" -ge 2 ] || fail "only $count programs"
}

# The units that a boot would start.
enabled() {
	find "$root/etc/systemd/system" -name 'tombolo*' -printf '%f\n'
}

# As README.Debian says; what is written here is the administrator's from now on.
configure() {
	local doc=/usr/share/doc/tombolo half

	inside $doc/examples/certs -d /etc/tombolo colo-a vpc-a >/dev/null ||
		fail 'examples/certs makes no certificates'
	for half in relay peer; do
		cp "$root$doc/examples/$half.yaml" "$root/etc/tombolo/"
		inside runuser -u tombolo -- "/usr/sbin/tombolo-$half" -n ||
			fail "tombolo-$half -n does not accept the sample"
		! inside runuser -u nobody -- test -e "/etc/tombolo/$half.yaml" ||
			fail 'everybody sees into /etc/tombolo'
	done
	inside chgrp tombolo /etc/tombolo/colo-a.key &&
		inside chmod 0640 /etc/tombolo/colo-a.key
	inside runuser -u tombolo -- test -r /etc/tombolo/colo-a.key ||
		fail 'the key is not readable by its daemon'
	inside systemctl enable tombolo-relay 2>/dev/null || fail 'systemctl enable'
	inside chmod 0710 /etc/tombolo
}

administrators_files() {
	(cd "$root/etc/tombolo" && find . -type f -exec stat -c '%n %a %U %G' {} + &&
		find . -type f -exec sha256sum {} +) | sort
}

same_files() {
	administrators_files | cmp -s - "$work/files" ||
		fail "$1: the administrator's files are not as they were"
	[ "$(wc -l <"$work/files")" -ge 16 ] || fail 'too few files to compare'
}

# ---- its life ----

[ "$(id -u)" = 0 ] || skip 'only root makes a root'
need apt-get debootstrap dh dh_installsysusers dpkg-buildpackage lintian unshare
take_source
grep -qE "^Version: +$version\$" "$work/source/packaging/tombolo.spec" ||
	fail "packaging/tombolo.spec is of another version than $version"

build '' # with its tests
say "tombolo $version is built and tested"
lintian --allow-root --fail-on error,warning "$work/tombolo_${version}_$arch.changes" ||
	fail lintian
bump "$next"
build nocheck
say "tombolo $next is built, lintian is content"

make_root
apt update
apt install openssl
say 'a fresh root is there'

install_version "$version"
check_files
check_user
check_programs
[ -z "$(enabled)" ] || fail "enabled by installation: $(enabled)"
configure
administrators_files >"$work/files"
say 'installed, its files are in place, its samples are right'

install_version "$next"
same_files upgrade
holds 710 root:tombolo /etc/tombolo
[ "$(enabled)" = tombolo-relay.service ] || fail "enabled after upgrade: $(enabled)"
check_programs
say 'upgraded, and nothing that the administrator did is lost'

apt remove tombolo
same_files removal
[ -z "$(find "$root/usr/sbin" "$root/usr/bin" "$root/lib/systemd/system/" \
	-name '*tombolo*')" ] || fail 'a program or unit survives removal'
apt purge tombolo
same_files purge
[ -z "$(leftovers)" ] || fail "purge leaves: $(leftovers)"
say 'removed and purged, the administrator has his files'

rm -r "$root/etc/tombolo"
install_version "$version"
check_files
apt purge tombolo
[ ! -e "$root/etc/tombolo" ] || fail 'purge leaves /etc/tombolo'
[ -z "$(leftovers)" ] || fail "purge leaves: $(leftovers)"
say 'passed'
