#!/usr/bin/env bash
# Sets up, builds and tests everything; the one command behind CI.
#   tests/run.sh                 all tests but those that need a Slurm cluster
#   tests/run.sh --fast          the fast ones only (under two minutes once it is built)
#   tests/run.sh --sanitize      the folders that need no LibTorch, under address and undefined-behaviour sanitizers
#   tests/run.sh --threads       the same under the thread sanitizer
#   tests/run.sh --slurm         those that start a Slurm cluster of one node on this machine (as root; installs slurm-wlm and munge)
# More arguments go to ctest (tests/run.sh --fast -R taxonomy).
set -euo pipefail
cd "$(dirname "$0")/.."

labels='fast|slow'
preset=release
setup=()
arguments=()
for argument in "$@"; do
  case "$argument" in
    --fast) labels='fast' ;;
    --sanitize) labels='fast'; preset=asan-ubsan ;;
    --slurm) labels='slurm'; setup=(--slurm) ;;
    --threads) labels='fast'; preset=tsan; export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp ${TSAN_OPTIONS:-}" ;;
    *) arguments+=("$argument") ;;
  esac
done

cmake/setup.sh "${setup[@]}"
options=()
[ -n "${CI:-}" ] && options+=(-DAFFINIS_WERROR=ON)
cmake --preset "$preset" "${options[@]}" >/dev/null
cmake --build --preset "$preset"
ctest --test-dir "build/$preset" -L "$labels" --output-on-failure --no-tests=error -j "$(nproc)" "${arguments[@]}"
