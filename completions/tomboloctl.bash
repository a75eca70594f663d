# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of tomboloctl(8) for bash.

_tomboloctl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local words='status channels paths ledger gaps history check top log reload drain
		version help relay peer -s -j -a -f -n -w -V -h --socket --json --all --file
		--relay --peer --sort --number --since --until --write --force --version
		--help'

	case $before in
	-s | --socket | -f | --file | -w | --write)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--sort) words='name total rate missing lost waiting last trouble' ;;
	-n | --number | --until) words='' ;;
	--since) words='5s 1min' ;;
	history) words='all' ;;
	log) words='error warn info debug' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _tomboloctl tomboloctl
