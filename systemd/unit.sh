#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a unit of systemd.service(5) from the one source that all have.
#
#   systemd/unit.sh UNIT SBINDIR SYSCONFDIR <tombolo.service.in >UNIT
#
# UNIT is tombolo-relay.service, tombolo-peer.service, or either with "@" before the
# dot, which is the template of instances. A line that begins with @relay@, @peer@, @one@
# or @each@ (not a template, a template) is only for these.
set -eu
unit=${1##*/}
case $unit in
tombolo-relay.service) half=relay other=peer kind=one not=each ;;
tombolo-peer.service) half=peer other=relay kind=one not=each ;;
tombolo-relay@.service) half=relay other=peer kind=each not=one ;;
tombolo-peer@.service) half=peer other=relay kind=each not=one ;;
*) echo "$0: $unit: no such unit" >&2 && exit 2 ;;
esac
exec sed -E \
	-e "/^(@(relay|peer|one|each)@)*@($other|$not)@/d" \
	-e "s/^(@($half|$kind)@)+//" \
	-e "s|@half@|$half|g" -e "s|@sbindir@|$2|g" -e "s|@sysconfdir@|$3|g"
