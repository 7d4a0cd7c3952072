#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Set up a checkout: virtual environment from requirements.lock, Kafka's jars by Maven.
# usage: setup.sh STATE_FOLDER UV_VERSION
set -euo pipefail

state=$1 uv_version=$2
python=${BOOT_PYTHON:-python3}
log=$state/setup.log

say() { printf '  %-10s %s\n' "$1" "$2"; }

die() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

command -v "$python" >/dev/null || die "$python is missing; install it (Debian, Ubuntu: sudo apt install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || die "$("$python" --version) is too old, expected 3.11 or newer; name another: make BOOT_PYTHON=python3.12 …"
"$python" -c 'import venv, ensurepip' 2>/dev/null \
  || die "Python's venv is missing; install it (Debian, Ubuntu: sudo apt install python3-venv)"
if [ -z "${KAFKA_HOME:-}" ]; then
  command -v mvn >/dev/null \
    || die "Maven is missing, which fetches Kafka; install it (Debian, Ubuntu: sudo apt install maven; macOS: brew install maven) or set KAFKA_HOME to a Kafka that is there"
fi

mkdir -p "$state/cache"
: >"$log"

say set-up "in $state, once; details: $log"
"$python" -m infra.local.jars "$state/cache" >>"$log" 2>&1 &
jars=$!

say python "packages of requirements.lock"
"$python" -m venv "$state/venv" >>"$log" 2>&1
"$state/venv/bin/python" -m pip install -q --no-cache-dir "uv==$uv_version" >>"$log" 2>&1 \
  || die "pip could not install uv; see $log"
"$state/venv/bin/uv" pip install -q --require-hashes --python "$state/venv/bin/python" -r requirements.lock >>"$log" 2>&1 \
  || die "the packages could not be installed; see $log"
"$state/venv/bin/uv" pip install -q --no-deps --python "$state/venv/bin/python" --editable . >>"$log" 2>&1 \
  || die "the ingester could not be installed; see $log"

say kafka "jars by Maven"
wait $jars || die "Kafka's jars could not be fetched; see $log"
say ready "$(du -sh "$state" | cut -f1) in $state"
