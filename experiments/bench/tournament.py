#!/usr/bin/env python3
"""Win rates of every pair of networks against NumPy's obvious way, on the same random losses.

    experiments/bench/tournament.py --program build/release/bench/tournament [--networks 300] [--images 17000] [--json]

NumPy gets `(row < losses).mean(1) + (row == losses).mean(1) / 2` for every row. A case of 3,000 networks is ours alone: NumPy would need
minutes.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy


def ours(program, networks, images, *more):
    done = subprocess.run([program, "--networks", str(networks), "--images", str(images), *more], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bench/tournament")
    parser.add_argument("--networks", type=int, default=300)
    parser.add_argument("--images", type=int, default=17000)
    parser.add_argument("--large", type=int, default=3000, help="networks of the case that is ours alone; 0: leave it out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "losses.bin"
        own = ours(options.program, options.networks, options.images, "--out", str(path))
        losses = numpy.fromfile(path).reshape(options.networks, options.images)
    began = time.perf_counter()
    wins = numpy.stack([(row < losses).mean(1) + (row == losses).mean(1) / 2 for row in losses])
    seconds = time.perf_counter() - began
    if abs(wins[0].sum() - own["first_row"]) > 1e-9:
        raise SystemExit(f"NumPy's first row sums to {wins[0].sum()}, ours to {own['first_row']}")
    cases = [{"name": f"{options.networks} networks x {options.images} images", "ours": own["tournament_seconds"], "peer": seconds}]
    if options.large:
        for missing in (0, 0.01):
            large = ours(options.program, options.large, options.images, "--missing", str(missing))
            cases.append({"name": f"{options.large} x {options.images}, {100 * missing:g} % missing", "ours": large["tournament_seconds"],
                          "ahp_seconds": large["ahp_seconds"], "peak_mib": large["peak_mib"], "peer": None})
    result = {"name": "tournament", "ours": own["tournament_seconds"], "peer": seconds, "ratio": seconds / own["tournament_seconds"],
              "unit": "seconds", "cases": cases}
    if options.json:
        print(json.dumps(result))
        return
    for case in cases:
        print(", ".join(f"{key} {value if isinstance(value, str) else format(value, '.3f')}" for key, value in case.items() if value is not None))


if __name__ == "__main__":
    main()
