#!/usr/bin/env python3
"""How fast samples come off the disk: our loader against PyTorch's DataLoader with h5py and Pillow.

    experiments/bench/loader.py [--json] [--build build/release]

Both read the same store, the same fields (rgb as JPEG, depth, normals) into float arrays, channels first, in batches, with two
decoding threads or two worker processes; both in this one run, by turns, after an epoch to warm up. AFFINIS_PYTHON names a
Python that has torch, numpy, h5py and Pillow; without it one is set up in the user's cache.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from peer_environment import peer_python

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGES = ["torch==2.11.0", "numpy", "h5py", "pillow"]
PARALLEL = 2
# (name, image side, samples, batch): the paper's scale, and what two cores can train.
CASES = [("paper 256x256", 256, 512, 32), ("desk 64x64", 64, 4096, 64)]


def say(text):
    print(f"loader bench: {text}", file=sys.stderr, flush=True)


def rates(command):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [float(line) for line in done.stdout.split()]


def run_case(program, python, folder, name, side, count, batch, rounds, epochs):
    store = os.path.join(folder, f"{side}.h5")
    say(f"{name}: writing {count} samples")
    subprocess.run([program, "make", store, "--count", str(count), "--side", str(side)], check=True)
    ours, peer = [], []
    for turn in range(rounds):
        say(f"{name}: round {turn + 1} of {rounds}")
        ours += rates([program, "time", store, "--batch", str(batch), "--threads", str(PARALLEL), "--epochs", str(epochs)])
        peer += rates([python, os.path.join(HERE, "loader_peer.py"), store, "--batch", str(batch), "--workers", str(PARALLEL), "--epochs", str(epochs)])
    case = {"name": name, "ours": round(statistics.median(ours), 1), "peer": round(statistics.median(peer), 1)}
    case["ratio"] = round(case["ours"] / case["peer"], 2)
    case["ours_range"] = [min(ours), max(ours)]
    case["peer_range"] = [min(peer), max(peer)]
    case["bytes_per_sample"] = os.path.getsize(store) // count
    return case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"), help="build folder (default: build/release)")
    parser.add_argument("--rounds", type=int, default=3, help="turns each side takes")
    parser.add_argument("--epochs", type=int, default=2, help="epochs that count in a turn")
    arguments = parser.parse_args()
    program = os.path.join(arguments.build, "bench", "loader")
    if not os.path.exists(program):
        sys.exit(f"loader bench: {program} is not built; build it with: cmake --build {arguments.build} --target bench_loader")
    try:
        python = peer_python("loader", PACKAGES, say)
        with tempfile.TemporaryDirectory(prefix="affinis-bench-") as folder:
            cases = [run_case(program, python, folder, *case, arguments.rounds, arguments.epochs) for case in CASES]
    except subprocess.CalledProcessError as error:
        sys.exit(f"loader bench: {' '.join(error.cmd)} failed with code {error.returncode}")
    first = cases[0]
    result = {
        "name": "loader",
        "ours": first["ours"],
        "peer": first["peer"],
        "ratio": first["ratio"],
        "unit": "images/s",
        "ours_is": f"affinis::data::Loader, {PARALLEL} threads",
        "peer_is": f"PyTorch DataLoader, {PARALLEL} workers, h5py, Pillow",
        "cases": cases,
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for case in cases:
        print(f"{case['name']}: {case['ours']} images/s, PyTorch DataLoader {case['peer']}, ratio {case['ratio']}")


if __name__ == "__main__":
    main()
