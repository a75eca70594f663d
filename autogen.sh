#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes configure and Makefile.in in a fresh checkout; a release has them.
set -e
cd "$(dirname "$0")"
exec autoreconf -fi
