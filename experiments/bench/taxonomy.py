#!/usr/bin/env python3
"""Taxonomy sweep against CBC: our solver proves every cell of a sweep; CBC gets the same problems (the tight formulation, as LP files).

    experiments/bench/taxonomy.py --affinis build/release/affinis [--transfers FILE] [--json]

Without --transfers a random table of the paper's size is used. CBC solves every cell until --peer-seconds are over; then the ratio
covers the cells it finished, taken evenly over the sweep. CBC's time is what its process takes, reading the file included (some
milliseconds); ours is the time that the program reports for solving.
"""

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUDGETS = range(1, 27)
ORDERS = (1, 2, 3, 4)


def random_table(path, tasks=26, per_target=60, seed=1):
    """Tasks are points in a square; near sources transfer well, several together better: about the size of the published table."""
    generator = random.Random(seed)
    points = [(generator.random(), generator.random()) for _ in range(tasks)]

    def value(target, sources):
        failure = 1.0
        for source in sources:
            failure *= 1 - 0.8 * math.exp(-3 * math.dist(points[source], points[target]))
        return 1 - failure + 0.02 * generator.random()

    lines = ["sources,target,order,affinity,gain,quality"]
    for target in range(tasks - 4):
        edges = {(source,) for source in range(tasks)}
        while len(edges) < per_target:
            edges.add(tuple(sorted(generator.sample(range(tasks), generator.choice((2, 3, 4))))))
        for edge in sorted(edges):
            v = value(target, edge)
            lines.append(f"{'+'.join(f't{s}' for s in edge)},t{target},{len(edge)},{v},{v},{v}")
    path.write_text("\n".join(lines) + "\n")


def spread(cells):
    """The cells in an order of which every beginning covers the sweep evenly."""
    step = 37
    return [cells[i * step % len(cells)] for i in range(len(cells))] if math.gcd(step, len(cells)) == 1 else cells


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--affinis", default="build/release/affinis", help="the program")
    parser.add_argument("--transfers", help="transfer table, csv")
    parser.add_argument("--exclude", default="", help="tasks to leave out, separated by commas")
    parser.add_argument("--peer-seconds", type=float, default=120, help="time that CBC gets in all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    cbc = shutil.which("cbc")
    if cbc is None:
        sys.exit("the bench needs the program cbc (Debian: coinor-cbc)")

    with tempfile.TemporaryDirectory() as folder:
        table = Path(options.transfers) if options.transfers else Path(folder) / "random.csv"
        if not options.transfers:
            random_table(table)
        flags = ["--transfers", str(table), "--json"] + (["--exclude", options.exclude] if options.exclude else [])
        swept = subprocess.run(
            [options.affinis, "taxonomy", "sweep", "--budgets", "1-26", "--max-orders", "1,2,3,4", *flags],
            check=True, capture_output=True, text=True)
        ours = {(c["budget"], c["max_order"]): c for c in json.loads(swept.stdout)["cells"]}
        unproven = sum(not c["proven"] for c in ours.values())

        theirs = {}
        spent = 0.0
        for budget, order in spread([(b, k) for k in ORDERS for b in BUDGETS]):
            if spent > options.peer_seconds:
                break
            problem = Path(folder) / "problem.lp"
            subprocess.run([options.affinis, "taxonomy", "solve", "--budget", str(budget), "--max-order", str(order),
                            "--lp", str(problem), *flags], check=True, capture_output=True)
            began = time.perf_counter()
            solved = subprocess.run([cbc, str(problem), "sec", str(max(1.0, options.peer_seconds - spent)), "ratioGap", "0", "solve"],
                                    check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - began
            spent += seconds
            if "Optimal solution found" not in solved.stdout:
                continue  # out of time: not a cell it solved
            found = next(float(line.split()[-1]) for line in solved.stdout.splitlines() if line.startswith("Objective value:"))
            if abs(abs(found) - abs(ours[budget, order]["value"])) > 1e-4:
                sys.exit(f"budget {budget}, order {order}: CBC found {found}, we {ours[budget, order]['value']}")
            theirs[budget, order] = seconds

    our_seconds = sum(ours[cell]["seconds"] for cell in theirs)
    their_seconds = sum(theirs.values())
    result = {
        "name": "taxonomy",
        "ours": our_seconds,
        "peer": their_seconds,
        "ratio": their_seconds / our_seconds,
        "unit": f"seconds for {len(theirs)} of {len(ours)} cells",
        "cases": [{"name": f"budget {b}, order {k}", "ours": ours[b, k]["seconds"], "peer": theirs[b, k]} for b, k in sorted(theirs)],
        "whole_sweep_seconds": sum(c["seconds"] for c in ours.values()),
        "unproven": unproven,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"ours {our_seconds:.3f} s, CBC {their_seconds:.3f} s for {len(theirs)} of {len(ours)} cells: {result['ratio']:.1f} times; "
              f"our whole sweep {result['whole_sweep_seconds']:.3f} s, {unproven} cells not proven")


if __name__ == "__main__":
    main()
