#!/usr/bin/env bash
# Sets up, builds and runs the demo: eight tasks from rendered rooms to a taxonomy and its report.
#   experiments/demo.sh [FOLDER] [more arguments of `affinis demo`]      (the folder is affinis-demo when none is named)
# Interrupted, it goes on where it stopped when it is run again.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
out="affinis-demo"
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  out="$1"
  shift
fi
case "$out" in /*) ;; *) out="$PWD/$out" ;; esac

cd "$root"
cmake/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target affinis
"$root/build/release/affinis" demo --out "$out" "$@"
