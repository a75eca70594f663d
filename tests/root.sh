# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Debian packages of this checkout, and a fresh Debian 12 root to have them in. Sourced
# by tests/package.sh and tests/boot.sh. Needs root and a network, and caches what it
# downloads below _build/.
#
#   TOMBOLO_ROOT  where the root is made, empty or not there (a temporary directory)

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${TOMBOLO_ROOT-}" ] && [ -n "$(ls -A "$TOMBOLO_ROOT" 2>/dev/null)" ]; then
	echo "TOMBOLO_ROOT: $TOMBOLO_ROOT is not empty" >&2 # and would be removed
	exit 2
fi
name=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/tombolo-$name-XXXXXX") || exit 1
root=${TOMBOLO_ROOT:-$work/root}
cache=$top/_build/package
trap 'rm -rf --one-file-system "$work" "$root"' EXIT
trap 'exit 129' HUP INT TERM
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() {
	printf '%s: %s\n' "$name" "$*"
}

fail() {
	say "FAILED: $*" >&2
	exit 1
}

skip() {
	say "skipped: $*" >&2
	exit 77
}

need() {
	local command

	for command; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
}

# ---- the packages ----

# What is in the checkout, or else in the release, without what was built from it.
copy_source() {
	cd "$top" || return
	if [ -e .git ]; then
		git ls-files -z -co --exclude-standard |
			tar -c --null --ignore-failed-read -T - 2>/dev/null | tar -x -C "$1"
	else
		tar -c --exclude=./_build . | tar -x -C "$1"
	fi
}

# take_source: into $work/source, and what it is called: $arch, $version, and $next, to
# which it is upgraded.
# shellcheck disable=SC2034
take_source() {
	mkdir "$work/source"
	copy_source "$work/source" || fail 'cannot copy the source'
	arch=$(dpkg --print-architecture)
	version=$(dpkg-parsechangelog -l "$work/source/debian/changelog" -S Version)
	next=$version+upgrade1
}

# build OPTIONS: of DEB_BUILD_OPTIONS; the packages are then in $work.
build() {
	(cd "$work/source" &&
		DEB_BUILD_OPTIONS="parallel=$(nproc) $1" dpkg-buildpackage -us -uc -b) \
		>"$work/build.log" 2>&1 || {
		tail -n 40 "$work/build.log" >&2
		fail "dpkg-buildpackage ($1)"
	}
}

# As dch(1) would.
bump() {
	local log=$work/source/debian/changelog

	{
		printf 'tombolo (%s) unstable; urgency=medium\n\n  * Upgrade.\n\n' "$1"
		sed -n '/^ -- /{p;q}' "$log"
		echo
		cat "$log"
	} >"$work/changelog" && mv "$work/changelog" "$log"
}

# ---- the root ----

mirror() {
	local uri

	# shellcheck disable=SC2016
	uri=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null | sed -n 's/^bookworm //p' | head -n 1)
	echo "${uri:-http://deb.debian.org/debian}"
}

make_root() {
	mkdir -p "$cache/debs"
	debootstrap --variant=minbase --cache-dir="$cache/debs" bookworm "$root" \
		"$(mirror)" >"$work/root.log" 2>&1 || {
		tail -n 20 "$work/root.log" >&2
		fail debootstrap
	}
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	apt-config dump --format '%f "%v";%n' Acquire::http::Proxy \
		>"$root/etc/apt/apt.conf.d/proxy"
}

# inside COMMAND...: /proc is gone with the namespace.
inside() {
	# shellcheck disable=SC2016
	unshare --mount --pid --fork -- sh -c \
		'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}

# apt ARGUMENT...: in the root, told only when it fails.
apt() {
	inside apt-get -y -q --no-install-recommends "$@" >"$work/apt.log" 2>&1 || {
		tail -n 40 "$work/apt.log" >&2
		fail "apt-get $*"
	}
}

# leftovers: of the package; what was written into /etc/tombolo is none.
leftovers() {
	find "$root" -xdev -name '*tombolo*' ! -path "$root/etc/tombolo"
	inside dpkg-query -W tombolo 2>/dev/null
}
