# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of tomboloctl(8) for bash.

_tomboloctl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local words='status channels paths ledger top log reload drain version help
		relay peer -s -j -a -V -h --socket --json --all --sort --version --help'

	case $before in
	-s | --socket)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--sort) words='name total rate missing lost waiting last' ;;
	log) words='error warn info debug' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _tomboloctl tomboloctl
