#!/usr/bin/env bash
# Brings everything that Affinis builds with and tests with; safe to run again (a second run changes nothing and takes a second).
#   cmake/setup.sh             what a build, the demo and the tests need
#   cmake/setup.sh --slurm     what the Slurm test needs beside
#   cmake/setup.sh --cuda      LibTorch with its CUDA libraries (AFFINIS_CUDA=ON) instead of the CPU-only set
# Environment: AFFINIS_CACHE   where LibTorch is kept (default: $XDG_CACHE_HOME/affinis or ~/.cache/affinis)
#              AFFINIS_LIBTORCH an unpacked LibTorch 2.11 that you have already; nothing is downloaded then
set -euo pipefail

torch_version=2.11.0
cuda_runtime_version=13.0.96
cuda_cupti_version=13.0.85
flavour=cpu
[ "${1:-}" = "--cuda" ] && flavour=cuda

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates
  python3 python3-pip
  libhdf5-dev libtbb-dev libboost-graph-dev libfmt-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev
  libsqlite3-dev libxxhash-dev libdeflate-dev libturbojpeg0-dev
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev
  libembree-dev libzip-dev libtinyobjloader-dev sweethome3d-furniture
  libgtest-dev libgmock-dev libopenmpi-dev openmpi-bin
  coinor-cbc chromium fonts-dejavu-core python3-h5py clang-format
)
[ "${1:-}" = "--slurm" ] && packages+=(slurm-wlm munge)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    die "some packages are missing; run this line as root, then run this script again:
  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  say "installing ${#missing[@]} packages (${missing[*]})"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 || die "apt-get update failed; check the network and the apt sources"
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 \
    || die "apt-get could not install: ${missing[*]}"
fi

if [ -n "${AFFINIS_LIBTORCH:-}" ]; then
  [ -f "$AFFINIS_LIBTORCH/lib/libtorch_cpu.so" ] \
    || die "AFFINIS_LIBTORCH=$AFFINIS_LIBTORCH holds no lib/libtorch_cpu.so; name the folder that has include/ and lib/"
  say "using the LibTorch in $AFFINIS_LIBTORCH"
  exit 0
fi

cache="${AFFINIS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/affinis}"
target="$cache/libtorch-$torch_version-$flavour"
if [ ! -f "$target/.complete" ]; then
  say "bringing LibTorch $torch_version ($flavour) into $target"
  mkdir -p "$cache"
  work="$(mktemp -d "$cache/setup.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  if [ "$flavour" = cpu ]; then
    wanted=(--no-deps "torch==$torch_version" "nvidia-cuda-runtime==$cuda_runtime_version" "nvidia-cuda-cupti==$cuda_cupti_version")
  else
    wanted=("torch==$torch_version")
  fi
  # The wheel's ABI tag is irrelevant to C++: name one, so that any Python's pip brings the same file.
  python3 -m pip download -q --disable-pip-version-check --only-binary=:all: --python-version 3.11 \
      -d "$work/wheels" "${wanted[@]}" >&2 \
    || die "pip could not download ${wanted[*]}; check the network, or set AFFINIS_LIBTORCH to an unpacked LibTorch $torch_version"
  mkdir "$work/unpacked"
  for wheel in "$work"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$work/unpacked" || die "cannot unpack $wheel (is the disk full?)"
  done
  touch "$work/unpacked/.complete"
  rm -rf "$target"
  mv "$work/unpacked" "$target"
fi
say "ready; LibTorch is in $target/torch"
