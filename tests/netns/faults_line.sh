#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Five faults between the two ends, injected one after the other: the line loses one
# percent, its MTU shrinks, a path dies, the relay's certificate expires, the peer is
# killed and comes back. Each is named by the ledger, by its alert and in the handbook,
# and nobody else is blamed.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
# shellcheck source=faults_lib.sh
. "$TOMBOLO_SRCDIR/tests/netns/faults_lib.sh"
need faketime
setup
mkdir "$dir/run"
times='session: {heartbeat: 100ms, path_timeout: 2s}'
WIRES='1:dtls 2:dtls' write_relay_conf "control: {socket: $dir/run/relay.sock}
$times"
LISTEN=dtls write_peer_conf "control: {socket: $dir/run/peer.sock}
$times"
start_faults

# ---- the line loses one percent ----

healthy 'one percent'
line_loss 1 1
wait_until "raised TomboloPathLoss instance=$PEER_METRICS remote=colo-a path=0"
for half in relay:vpc-a peer:colo-a; do
	hear "${half%:*}" "nothing lost; now on the line: path 0 of ${half#*:} loses [0-2]\.[0-9] %"
done
explained TomboloPathLoss 'policer'
line_mend 1
wait_until 'quiet TomboloPathLoss'
only TomboloPathLoss

# ---- the line's MTU shrinks, and nobody says so ----

healthy 'MTU shrinks'
line_clip 1400 1
wait_until "raised TomboloPathNarrow instance=$RELAY_METRICS remote=vpc-a path=0"
hear relay 'nothing lost; now on the line: path 0 of vpc-a takes short datagrams only \(its MTU\)'
hear peer 'nothing lost'
told relay "tunnel: path takes short datagrams only: the line's MTU is less than that of its ends remote=... slot=... now=... was=..." \
	'ICMP'
explained TomboloPathNarrow 'ICMP'
line_mend 1
wait_until 'quiet TomboloPathNarrow && quiet TomboloPathLoss'
only TomboloPathNarrow TomboloPathLoss

# ---- one of two paths dies ----

healthy 'path dies'
line_cut 1
wait_until "raised TomboloPathDown instance=$RELAY_METRICS remote=vpc-a path=0"
wait_until "raised TomboloPathSilent instance=$PEER_METRICS"
hear relay 'nothing lost; now on the line: path 0 of vpc-a is down \((silent|timed out)\)'
hear peer 'nothing lost; now on the line: path 0 of colo-a is down \(silent\)'
for half in relay peer; do
	told $half 'tunnel: path down remote=... slot=... reason="..."' 'black hole'
done
explained TomboloPathDown 'route'
explained TomboloPathSilent 'black hole'
line_mend 1
wait_until 'quiet TomboloPathDown && quiet TomboloPathSilent'
only TomboloPathDown TomboloPathSilent

# ---- the relay's certificate expires ----

# renew COMMAND...: the relay's certificate, by tools/certs with these arguments; run
# under a clock that is a day slow it makes one that is good for seconds.
renew() {
	"$@" -f -d "$dir" colo-a >/dev/null || fail 'no certificate'
	signal relay HUP
}

# The tunnel's packets alone; Prometheus goes on to scrape.
tunnel_cut() {
	for wire in 1 2; do
		on line nft add rule inet line wire$wire th dport 7443 drop
		on line nft add rule inet line wire$wire th sport 7443 drop
	done
}

tunnel_mend() {
	line_mend 1
	line_mend 2
}

healthy 'certificate expires'
renew faketime -f -86392s "$TOMBOLO_SRCDIR/tools/certs" -t 1 -b 0
wait_until "raised TomboloCertificateExpires1Day instance=$RELAY_METRICS"
told relay 'tunnel: our certificate expires within ... days certificate=... hours_left=...' 'renew'
# What stands goes on.
wait_until "raised TomboloCertificateExpired instance=$RELAY_METRICS"
hear relay 'nothing lost; now on this host: our certificate has expired'
hear peer 'nothing lost'
told relay 'tunnel: our certificate has expired: remotes will refuse it certificate=...' 'renew'
tunnel_cut
wait_until 'log_says relay "path down remote=vpc-a slot=1"'
wait_until 'log_says peer "path down remote=colo-a slot=1"'
tunnel_mend
wait_until "raised TomboloSessionDown instance=$RELAY_METRICS remote=vpc-a"
wait_until "raised TomboloTunnelRefused instance=$PEER_METRICS 'reason=certificate expired or not yet valid'"
# What the cut had swallowed nobody tells of while there is no session.
hear relay "nothing lost(; not in the peer.s books: [0-9]+ of [0-9]+)?; now on this host: our certificate has expired; now no session with vpc-a, path 0 \(the remote refused us\), path 1 \(the remote refused us\)"
hear peer 'nothing lost; now no session with colo-a.*; last refused by us: expired certificate'
told relay 'tunnel: path not up: ... address=... remote=... slot=... detail="..."' 'reasons are those below'
# shellcheck disable=SC2016
told peer 'tunnel: connection refused: ... from=... detail="..."' \
	'`expired certificate`.* renew it.*`the remote refused us`.* its log says why'
explained TomboloCertificateExpired 'renew it'
explained TomboloTunnelRefused 'remedy='
renew "$TOMBOLO_SRCDIR/tools/certs"
for alert in CertificateExpired CertificateExpires1Day SessionDown PathDown TunnelRefused; do
	wait_until "quiet Tombolo$alert"
done
only TomboloCertificateExpired TomboloCertificateExpires1Day TomboloSessionDown \
	TomboloTunnelRefused TomboloPathDown TomboloPathSilent

# ---- the peer is killed and comes back ----

healthy 'peer restarts'
signal peer KILL
finish peer
start_peer
wait_until "raised TomboloPeerRestarted instance=$PEER_METRICS"
wait_until "raised TomboloLostAtRestart instance=$RELAY_METRICS reason=kill"
for half in relay peer; do # the relay has told its successor
	hear $half 'at a restart of the peer: up to [0-9]+ not emitted'
done
told relay 'session: remote=... is another process: the former one may not have emitted all that it was sent count=...' \
	'peer'
explained TomboloPeerRestarted 'ended'
explained TomboloLostAtRestart 'kill'
wait_until 'quiet TomboloPeerRestarted && quiet TomboloLostAtRestart'
only TomboloPeerRestarted TomboloLostAtRestart TomboloPathSilent TomboloPathDown \
	TomboloSessionDown TomboloDown

# ---- the feed stops, and nothing was expected of it ----

market_stop
hear relay 'at a restart of the peer: up to [0-9]+ not emitted; nothing captured since [0-9]+ s \(before it was [0-9]+/s\)'
wait_until 'log_says relay "quiet: nothing comes of what came steadily channels="'
market_begin
hear relay 'at a restart of the peer: up to [0-9]+ not emitted'
wait_until 'log_says relay "quiet: it comes again channels="'
market_stop
exit 0
