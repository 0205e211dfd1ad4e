#!/usr/bin/env python3
"""One training step of a task-specific network (ResNet-50 encoder and 15-layer decoder) in ours and in PyTorch's eager mode.

    experiments/bench/step.py [--json] [--build build/release]

Same shapes, same number of threads, by turns; the peer runs in its usual memory format and in channels-last, and the faster one counts.
With one thread processor time is compared, which other programs on the machine disturb less, with several the wall clock's.
AFFINIS_PYTHON names a Python that has the peer's packages; without it one is set up in the user's cache.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from matrix import PACKAGES, say
from peer_environment import peer_python
from prepared_study import HERE, ROOT

# name, scale, batch, threads, steps of a turn
CASES = [("desk, 1 thread", "desk", 16, 1, 12), ("desk, 2 threads", "desk", 16, 2, 12), ("paper, 1 thread", "paper", 4, 1, 4),
         ("paper, 2 threads", "paper", 4, 2, 4)]
WARM_UP = 2


def milliseconds(command, threads):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [float(line.split()[threads == 1]) for line in done.stdout.splitlines()][WARM_UP:]


def run_case(program, python, name, scale, batch, threads, steps, rounds):
    arguments = ["--scale", scale, "--batch", str(batch), "--threads", str(threads), "--steps", str(steps + WARM_UP)]
    peer = [python, os.path.join(HERE, "step_peer.py"), *arguments]
    times = {"ours": [], "peer": [], "peer, channels-last": []}
    for turn in range(rounds):
        print(f"step bench: {name}, turn {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        times["ours"] += milliseconds([program, *arguments], threads)
        times["peer"] += milliseconds(peer, threads)
        times["peer, channels-last"] += milliseconds([*peer, "--channels-last"], threads)
    # Other programs only ever make a step slower: the quarter of the fastest steps is what the step itself takes.
    quick = {side: statistics.quantiles(values, n=4)[0] for side, values in times.items()}
    faster = min(quick["peer"], quick["peer, channels-last"])
    return {"name": name, "batch": batch, "ours": round(quick["ours"], 2), "peer": round(faster, 2), "ratio": round(faster / quick["ours"], 2),
            "peer_plain": round(quick["peer"], 2), "peer_channels_last": round(quick["peer, channels-last"], 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"), help="build folder (default: build/release)")
    parser.add_argument("--rounds", type=int, default=3, help="turns each side takes")
    parser.add_argument("--cases", default="", help="only those whose name begins so")
    options = parser.parse_args()
    program = os.path.join(options.build, "bench", "step")
    if not os.path.exists(program):
        sys.exit(f"step bench: {program} is not built; build it with: cmake --build {options.build} --target bench_step")
    python = peer_python("matrix", PACKAGES, say)
    cases = [run_case(program, python, *case, options.rounds) for case in CASES if case[0].startswith(options.cases)]
    worst = min(cases, key=lambda case: case["ratio"])
    result = {"name": "step", "ours": worst["ours"], "peer": worst["peer"], "ratio": worst["ratio"], "unit": "ms a training step", "cases": cases}
    if options.json:
        print(json.dumps(result))
        return
    for case in cases:
        print(f"{case['name']}: {case['ours']} ms, PyTorch {case['peer']} ms, ratio {case['ratio']}")


if __name__ == "__main__":
    main()
