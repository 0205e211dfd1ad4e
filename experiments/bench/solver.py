#!/usr/bin/env python3
"""The taxonomy solver against CBC and HiGHS, on the same problems as LP files (the tight formulation), in one run.

    experiments/bench/solver.py --affinis build/release/affinis [--published FILE] [--only sweep,40,60,200] [--kinds anywhere,near] [--json]

sweep: every budget from 1 to 26 with every order of a published table of 26 tasks, by all three. CBC is a program (Debian: coinor-cbc).
40, 60, 200: random geometric tables of so many tasks, by us and HiGHS with the same time limit. HiGHS comes from PyPI
(`python3 -m venv venv && venv/bin/pip install highspy`, then run this with venv/bin/python). A peer that is not there is left out.

Tasks are points in the unit square. A transfer from one source is worth 0.8 exp(-3 distance), and several sources fail only when each
does (noisy or), with a little noise: many taxonomies are nearly as good as the best one. Each target has transfers from single sources,
and 60 from two to four. Kinds: `anywhere` takes the latter from all tasks, which is the hardest; `near` from the target's twelve nearest,
as a search that extends the best single sources does; `affinity` is near, turned into shares of a target's odds as AHP affinities are.

Our time is what the program reports for solving: sorting edges and leaving out dominated ones included, reading the table and making
the problem not. Of HiGHS it is what run() takes, one model a cell, without reading or building the model; `HiGHS again` keeps one model
an order and changes the budget's row only, so that each run may start from the one before. Of CBC it is the process a cell that a user of
the program starts, which reads the LP file (some milliseconds). On a machine that does other work compare `ours_cpu` and `peer_cpu`, the processors' seconds of the whole process, instead.
"""

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "published" / "transfers_1k.csv"
BUDGETS = range(1, 27)
ORDERS = (1, 2, 3, 4)
HIGHER = 60  # transfers of two to four sources a target
NEAREST = 12
SIZES = {  # tasks: (single sources a target, budgets, time limit, seconds)
    "40": (40, 40, (4, 8, 15, 30), 10.0),
    "60": (60, 60, (4, 8), 10.0),
    "200": (200, 140, (10,), 60.0),
}


def geometric_table(path, kind, tasks, singles, seed):
    """Writes a transfer table; the same for the same arguments everywhere. Values stand in all three columns."""
    generator = random.Random(seed)
    points = [(generator.random(), generator.random()) for _ in range(tasks)]
    lines = ["sources,target,order,affinity,gain,quality"]
    for target in range(tasks):
        by_distance = sorted(range(tasks), key=lambda source: math.dist(points[source], points[target]))
        candidates = range(tasks) if kind == "anywhere" else by_distance[:NEAREST]
        edges = {(source,) for source in generator.sample(range(tasks), singles)}
        while len(edges) < singles + HIGHER:
            edges.add(tuple(sorted(generator.sample(candidates, generator.choice((2, 3, 4))))))
        values = {}
        for edge in sorted(edges):
            failure = 1.0
            for source in edge:
                failure *= 1 - 0.8 * math.exp(-3 * math.dist(points[source], points[target]))
            values[edge] = 1 - failure + 0.02 * generator.random()
        if kind == "affinity":
            odds = {edge: math.exp(4 * value) for edge, value in values.items()}
            total = sum(odds.values())
            values = {edge: each / total for edge, each in odds.items()}
        for edge, value in values.items():
            lines.append(f"{'+'.join(f't{s:03}' for s in edge)},t{target:03},{len(edge)},{value!r},{value!r},{value!r}")
    path.write_text("\n".join(lines) + "\n")


def cpu_seconds():
    times = os.times()
    return times.children_user + times.children_system


def ours(affinis, table, budget, order, limit, lp=None, more=()):
    flags = ["--budget", str(budget), "--max-order", str(order), "--time-limit", str(limit), "--json", *more]
    began = cpu_seconds()
    solved = subprocess.run([affinis, "taxonomy", "solve", "--transfers", str(table), *flags, *(["--lp", str(lp)] if lp else [])],
                            check=True, capture_output=True, text=True)
    result = json.loads(solved.stdout)
    result["cpu"] = cpu_seconds() - began
    return result


def cbc(lp):
    cpu = cpu_seconds()
    began = time.perf_counter()
    solved = subprocess.run(["cbc", str(lp), "ratioGap", "0", "solve"], check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if "Optimal solution found" not in solved.stdout:
        sys.exit(f"CBC did not solve {lp.name}")
    value = next(float(line.split()[-1]) for line in solved.stdout.splitlines() if line.startswith("Objective value:"))
    return {"seconds": seconds, "run_cpu": cpu_seconds() - cpu, "value": abs(value)}


def highs(files, limit):
    """One process for all files, so that its memory and processor time are its own."""
    began = cpu_seconds()
    solved = subprocess.run([sys.executable, __file__, "--highs", str(limit), *map(str, files)], check=True, capture_output=True, text=True)
    results = [json.loads(line) for line in solved.stdout.splitlines() if line.startswith("{")]  # HiGHS has its banner
    results[0]["cpu"] = cpu_seconds() - began
    return results


def run_highs(limit, files):
    import highspy
    for file in files:
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("time_limit", limit)
        solver.setOptionValue("mip_rel_gap", 1e-9)
        solver.readModel(file)
        began = time.perf_counter()
        cpu = time.process_time()
        solver.run()
        seconds = time.perf_counter() - began
        info = solver.getInfo()
        found = abs(info.objective_function_value) < 1e20
        print(json.dumps({
            "seconds": seconds,
            "run_cpu": time.process_time() - cpu,
            "proven": solver.getModelStatus() == highspy.HighsModelStatus.kOptimal,
            "value": info.objective_function_value if found else None,
            "bound": info.mip_dual_bound if math.isfinite(info.mip_dual_bound) else None,
        }), flush=True)


def run_highs_again(files):
    """One model, the largest budget's, for all budgets of an order; files come as order_budget pairs in ascending budgets."""
    import highspy
    for order in ORDERS:
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("mip_rel_gap", 1e-9)
        solver.readModel(files[(order - 1) * len(BUDGETS) + len(BUDGETS) - 1])
        row = list(solver.getLp().row_names_).index("budget")
        for budget in BUDGETS:
            solver.changeRowBounds(row, -highspy.kHighsInf, budget)
            began = time.perf_counter()
            cpu = time.process_time()
            solver.run()
            print(json.dumps({"seconds": time.perf_counter() - began, "run_cpu": time.process_time() - cpu,
                              "value": solver.getInfo().objective_function_value}), flush=True)


def highs_again(files):
    solved = subprocess.run([sys.executable, __file__, "--highs-again", *map(str, files)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in solved.stdout.splitlines() if line.startswith("{")]


def have_highs():
    return subprocess.run([sys.executable, "-c", "import highspy"], capture_output=True).returncode == 0


def gap(value, bound):
    return None if value is None or bound is None else (bound - value) / abs(value)


def sweep_cases(options, folder):
    """The published table: us against each peer, over all cells."""
    cells = [(b, k) for k in ORDERS for b in BUDGETS]
    swept = subprocess.run([options.affinis, "taxonomy", "sweep", "--transfers", str(options.published), "--exclude", "class_selected",
                            "--budgets", "1-26", "--max-orders", "1,2,3,4", "--json"], check=True, capture_output=True, text=True)
    own = {(c["budget"], c["max_order"]): c for c in json.loads(swept.stdout)["cells"]}
    seconds = sum(own[cell]["seconds"] for cell in cells)
    files = []
    for budget, order in cells:
        files.append(folder / f"{budget}_{order}.lp")
        ours(options.affinis, options.published, budget, order, 60, files[-1], ("--exclude", "class_selected"))
    peers = {}
    if shutil.which("cbc"):
        peers["CBC"] = [cbc(file) for file in files]
    if have_highs():
        peers["HiGHS"] = highs(files, 60)
        peers["HiGHS again"] = highs_again(files)
    cases = []
    for name, results in peers.items():
        for cell, result in zip(cells, results):
            # CBC prints eight digits.
            if abs(result["value"] - own[cell]["value"]) > 1e-6:
                sys.exit(f"budget {cell[0]}, order {cell[1]}: {name} found {result['value']}, we {own[cell]['value']}")
        peer = sum(result["seconds"] for result in results)
        cases.append({"name": f"published table, {len(cells)} cells, {name}", "ours": seconds, "peer": peer, "ratio": peer / seconds,
                      "peer_cpu": sum(result["run_cpu"] for result in results),
                      "proven": all(own[cell]["proven"] for cell in cells)})
    if not peers:
        cases.append({"name": f"published table, {len(cells)} cells", "ours": seconds, "peer": None, "ratio": None,
                      "proven": all(own[cell]["proven"] for cell in cells)})
    return cases


def geometric_cases(options, folder, size):
    tasks, singles, budgets, limit = SIZES[size]
    limit = options.limit or limit
    peer = have_highs() and not options.no_peer
    for kind in options.kinds.split(","):
        table = folder / f"{kind}_{size}.csv"
        geometric_table(table, kind, tasks, singles, options.seed)
        for budget in budgets:
            lp = folder / f"{kind}_{size}_{budget}.lp" if peer else None
            own = ours(options.affinis, table, budget, 4, limit, lp)
            case = {"name": f"{kind}, {tasks} tasks, {tasks * (singles + HIGHER)} edges, budget {budget}", "ours": own["seconds"],
                    "ours_cpu": own["cpu"], "nodes": own["nodes"], "proven": own["proven"], "gap": gap(own["value"], own["bound"]),
                    "value": own["value"], "peer": None, "ratio": None, "limit": limit}
            if peer:
                theirs = highs([lp], limit)[0]
                case |= {"peer": theirs["seconds"], "peer_cpu": theirs["cpu"], "peer_proven": theirs["proven"],
                         "peer_gap": gap(theirs["value"], theirs["bound"]), "peer_value": theirs["value"],
                         "ratio": theirs["seconds"] / own["seconds"]}
                if own["proven"] and theirs["value"] is not None and theirs["value"] > own["value"] + 1e-6:
                    sys.exit(f"{case['name']}: HiGHS found {theirs['value']}, we claim {own['value']} to be the best")
            yield case


def show(case):
    text = f"{case['name']}: ours {case['ours']:.3f} s, {'proven' if case['proven'] else 'gap {:.2%}'.format(case['gap'])}"
    if case["peer"] is not None:
        text += f"; peer {case['peer']:.3f} s"
        if "peer_proven" in case:
            none = case["peer_gap"] is None
            text += ", proven" if case["peer_proven"] else ", no gap known" if none else f", gap {case['peer_gap']:.2%}"
        text += f"; {case['ratio']:.1f} times"
    return text


def main():
    if sys.argv[1:2] == ["--highs"]:
        run_highs(float(sys.argv[2]), sys.argv[3:])
        return
    if sys.argv[1:2] == ["--highs-again"]:
        run_highs_again(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--affinis", default="build/release/affinis", help="the program")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="transfer table of 26 tasks, csv; the sweep is left out without it")
    parser.add_argument("--only", default="sweep,40,60,200", help="which parts to run, separated by commas")
    parser.add_argument("--kinds", default="anywhere,near,affinity", help="kinds of random tables, separated by commas")
    parser.add_argument("--seed", type=int, default=1, help="of the random tables")
    parser.add_argument("--limit", type=float, help="seconds for each random table, instead of 10 (40 and 60 tasks) and 60 (200)")
    parser.add_argument("--no-peer", action="store_true", help="random tables: without HiGHS")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()

    cases = []
    with tempfile.TemporaryDirectory() as name:
        for part in options.only.split(","):
            if part == "sweep":
                found = sweep_cases(options, Path(name)) if options.published.exists() else []
                if not found:
                    print(f"{options.published.name} is not there: no sweep", file=sys.stderr)
            else:
                found = geometric_cases(options, Path(name), part)
            for case in found:
                cases.append(case)
                if not options.json:
                    print(show(case), flush=True)
    if not options.json:
        return
    compared = [case for case in cases if case["peer"] is not None]
    own = sum(case["ours"] for case in compared)
    peer = sum(case["peer"] for case in compared)
    print(json.dumps({"name": "solver", "ours": own, "peer": peer, "ratio": peer / own if own else None, "unit": "seconds, all cases",
                      "cases": cases}))


if __name__ == "__main__":
    main()
