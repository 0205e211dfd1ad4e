#!/usr/bin/env python3
"""All first-order transfers among eight tasks at desk scale: `affinis run` against a PyTorch program.

    experiments/bench/matrix.py [--affinis build/release/affinis] [--json] [--folder DIR] [--set key=value]

Both sides get the same images and the same trained networks, and train all 64 transfers on the same number of steps and processors; they
take turns, each turn with a seed of its own, so that losses can be compared with what seeds change. The peer (matrix_peer.py) is what
one writes from the paper: a DataLoader that reads and decodes images and labels, the source's frozen encoder in the loop. It runs as
one process of two threads and as two processes of one thread; the faster way counts.

`ratio` compares the time of the whole matrix. `ratio_adaptive` compares the peer's time with ours with search.adaptive=true, and
`adaptive` says what that search found: whether it has, for every target, the same best source as the whole matrix or one that
ties with it, and for budgets of 2, 4 and 6 the same taxonomies or, `tied`, such that are worth as much on redrawn test images as often as
a 95 % interval has it (taxonomy_ties.py; the share of draws is told); `worth` is what its taxonomy reaches under the whole matrix's affinities, as a share of
the best, and `reseeded` the same of the whole matrix with the next seed, for what chance alone does. AFFINIS_PYTHON names a Python that has the peer's packages; without it
one is set up in the user's cache. Without --folder data are rendered and networks trained first, which takes some minutes.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile

import prepared_study
from prepared_study import HERE, PreparedStudy, jobs_of, log_of, measure
from peer_environment import peer_python

PACKAGES = ["torch==2.11.0", "numpy", "h5py", "pillow", "opencv-python-headless", "safetensors"]
BUDGETS = (2, 4, 6)
SMALL = ["network.steps=300", "network.evaluate_every=300", "rooms.train_buildings=20", "transfer.steps=60"]
# Processes, threads and DataLoader workers of each.
LAYOUTS = {"one process of two threads, two loader processes": (1, 2, 2), "two processes of one thread, one loader process each": (2, 1, 1)}


def say(text):
    print(f"matrix bench: {text}", file=sys.stderr, flush=True)


class Peer:
    """The PyTorch program on the prepared study's data and networks."""

    def __init__(self, study, folder):
        self.python = peer_python("matrix", PACKAGES, say)
        self.tasks = study.tasks
        self.folder = folder
        self.data = study.job_folder("data")
        self.trainer = None
        self.networks = os.path.join(folder, "networks")
        os.makedirs(self.networks, exist_ok=True)
        for task in study.tasks:
            link = os.path.join(self.networks, f"{task}.safetensors")
            if not os.path.exists(link):
                os.symlink(os.path.abspath(os.path.join(study.job_folder("network." + task), "network.safetensors")), link)

    def train_as(self, out):
        """With the settings of our transfers."""
        spec = next(job for job, _ in jobs_of(out) if job["name"].startswith("transfer/"))["spec"]
        self.trainer = spec["trainer"]
        self.width = spec["study"]["scale"]["width"]

    def command(self, out, threads, workers, *arguments):
        trainer = self.trainer
        return [self.python, os.path.join(HERE, "matrix_peer.py"), "--data", self.data, "--networks", self.networks, "--width", str(self.width),
                "--steps", str(trainer["steps"]), "--batch-size", str(trainer["batch_size"]), "--learning-rate", str(trainer["learning_rate"]),
                "--warmup", str(trainer["warmup"]), "--threads", str(threads), "--workers", str(workers), "--out", out, *arguments]

    def run(self, layout, seed, targets, sources, *arguments):
        """Usage, the processes' results joined."""
        processes, threads, workers = LAYOUTS[layout]
        outs = [os.path.join(self.folder, f"peer.{seed}.{i}.json") for i in range(processes)]
        shares = [targets[i::processes] for i in range(processes)]
        usage = measure([self.command(out, threads, workers, "--seed", str(seed), "--targets", ",".join(share), "--sources", ",".join(sources), *arguments)
                         for out, share in zip(outs, shares) if share])
        result = {"losses": {}, "breakdown": {}}
        for out, share in zip(outs, shares):
            if not share:
                continue
            with open(out) as file:
                part = json.load(file)
            result["losses"] |= part["losses"]
            for name, (wall, _) in part["breakdown"].items():
                result["breakdown"][name] = result["breakdown"].get(name, 0) + wall
            result["breakdown"]["loader processes (processor)"] = result["breakdown"].get("loader processes (processor)", 0) + part["cpu_seconds"]["workers"]
        return usage, result

    def ties(self, whole, other):
        """By budget: the share of redrawn test sets on which the other run's taxonomy is worth as much."""
        done = subprocess.run([self.python, os.path.join(HERE, "taxonomy_ties.py"), whole, other], capture_output=True, text=True, check=True)
        return {str(int(float(budget))): share for budget, share in json.loads(done.stdout).items() if float(budget) in BUDGETS}

    def check(self):
        out = os.path.join(self.folder, "peer.check.json")
        measure([self.command(out, 1, 0, "--check", ",".join(self.tasks))])
        with open(out) as file:
            return json.load(file)["check"]


def our_losses(out):
    """Mean test loss by target and source."""
    losses = {}
    for job, _ in jobs_of(out):
        if job["name"].startswith("transfer/"):
            source, target = job["name"].removeprefix("transfer/").split("--")
            losses.setdefault(target, {})[source] = job["metrics"]["mean_loss"]
    return losses


def our_breakdown(out, wall):
    """Seconds of both workers: a transfer's log tells when its training ended; what follows is the evaluation."""
    sums = {"encoding": 0, "labels and training": 0, "evaluation and results": 0}
    transfers = 0
    for job, folder in jobs_of(out):
        if job["name"].startswith("encode/"):
            sums["encoding"] += job["seconds"]
        if job["name"].startswith(("transfer/", "rung/")):
            trained = max((line["seconds"] for line in log_of(folder) if "train_loss" in line), default=0)
            sums["labels and training"] += trained
            sums["evaluation and results"] += job["seconds"] - trained
            transfers += 1
    sums["start, coordinator, taxonomy, report, idle"] = 2 * wall - sum(sums.values())
    return {name: round(value, 2) for name, value in sums.items()}


def mean_of_numbers(values):
    numbers = [value for value in values if value == value]
    return sum(numbers) / len(numbers)


def compare_losses(ours, theirs):
    """Mean test loss of each target over sources, by seed, on both sides."""
    result = {}
    for target in theirs[0]:
        sides = []
        for runs in (ours, theirs):
            sides.append([statistics.mean(run[target][source] for source in theirs[0][target]) for run in runs])
        entry = {"ours": round(statistics.mean(sides[0]), 5), "peer": round(statistics.mean(sides[1]), 5)}
        entry["difference"] = round(entry["ours"] - entry["peer"], 5)
        if len(ours) > 1:
            entry["ours_range"] = [round(min(sides[0]), 5), round(max(sides[0]), 5)]
            entry["peer_range"] = [round(min(sides[1]), 5), round(max(sides[1]), 5)]
            variances = [statistics.variance(side) / len(side) for side in sides]
            # Two standard errors of a difference of means over few seeds, by Student's t of 2 (n - 1) degrees of freedom.
            student = {2: 4.30, 3: 2.78, 4: 2.45, 5: 2.31}.get(len(ours), 2.0)
            entry["seeds_explain"] = abs(entry["difference"]) <= student * sum(variances) ** 0.5
        result[target] = entry
    return result


def transfers_of(out, own=False):
    with open(os.path.join(out, "transfers.csv"), newline="") as file:
        return [row for row in csv.DictReader(file) if own or row["sources"] != "self"]


def best_sources(out):
    """By target: the best source of the others, and all whose affinity's interval reaches up to its."""
    best = {}
    for target in {row["target"] for row in transfers_of(out)}:
        rows = [row for row in transfers_of(out) if row["target"] == target and row["sources"] != target]
        if not rows:
            continue
        first = max(rows, key=lambda row: float(row["affinity"]))
        best[target] = {"best": first["sources"],
                        "tied": {row["sources"] for row in rows if float(row["affinity_high"]) >= float(first["affinity_low"])}}
    return best


def taxonomies(out):
    """By budget: the sources that are labelled, and each target's choice."""
    with open(os.path.join(out, "taxonomy.json")) as file:
        cells = json.load(file)["cells"]
    return {budget: next(({"sources": cell["sources"], "choices": {c["target"]: "+".join(c["sources"]) for c in cell["choices"]}}
                          for cell in cells if cell["budget"] == budget and cell["max_order"] == 1), None) for budget in BUDGETS}


def worth_of(whole, other):
    """By budget: the other run's choices under the whole run's affinities, of the best that these allow."""
    affinity = {(row["sources"], row["target"]): float(row["affinity"]) for row in transfers_of(whole, own=True)}
    best, found = taxonomies(whole), taxonomies(other)

    def value(taxonomy):
        return sum(affinity[(choice, target)] for target, choice in taxonomy["choices"].items())

    return {str(budget): round(value(found[budget]) / value(best[budget]), 4) if found[budget] and best[budget] else None for budget in BUDGETS}


def steps_of(out):
    """Training steps of transfers and rungs; a rung goes on from the one before."""
    rungs, transfers = {}, {}
    for job, _ in jobs_of(out):
        kind, _, pair = job["name"].partition("/")
        if kind == "rung":
            rungs.setdefault(pair.split("@")[0], []).append(int(job["metrics"]["steps"]))
        if kind == "transfer":
            transfers[pair] = int(job["metrics"]["steps"])
    return sum(max([transfers.get(pair, 0), *rungs.get(pair, [])]) for pair in {*rungs, *transfers})


def judge_adaptive(whole, adaptive):
    full, found = best_sources(whole), best_sources(adaptive)
    for target in full:  # it may have trained nothing but the target's own encoder to the end
        found.setdefault(target, {"best": None})
    targets = {target: {"whole": full[target]["best"], "adaptive": found[target]["best"],
                        "same": found[target]["best"] == full[target]["best"] or found[target]["best"] in full[target]["tied"]} for target in full}
    ours, theirs = taxonomies(adaptive), taxonomies(whole)
    budgets = {}
    for budget in BUDGETS:
        one, other = ours[budget], theirs[budget]
        ties = one is not None and all(one["choices"].get(t) in ({c} | (full[t]["tied"] if c in full[t]["tied"] else set())) for t, c in other["choices"].items())
        budgets[str(budget)] = {"whole": other, "adaptive": one, "same_sources": one is not None and one["sources"] == other["sources"],
                                "same_choices": one is not None and one["choices"] == other["choices"], "same_but_for_ties": ties}
    return {"steps": steps_of(adaptive), "whole_steps": steps_of(whole), "targets": targets, "budgets": budgets,
            "worth": worth_of(whole, adaptive),
            "same_best": all(entry["same"] for entry in targets.values()),
            "same_taxonomies": all(entry["same_sources"] and entry["same_choices"] for entry in budgets.values())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepared_study.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=3, help="turns of both sides, each with another seed")
    parser.add_argument("--layout", choices=["both", "threads", "processes"], default="both", help="how the peer uses two processors")
    parser.add_argument("--tuned", action="store_true", help="the peer with channels-last memory and fused Adam")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="affinis-bench-") as scratch:
        result = bench(options, scratch)
    print(json.dumps(result) if options.json else text_of(result))


def bench(options, scratch):
    settings = options.settings + ([] if options.folder or options.file != prepared_study.DEMO else SMALL)
    study = PreparedStudy(options.affinis, options.file, options.folder or os.path.join(scratch, "study"), options.tasks.split(","), settings)
    if not options.ready:
        say("data, networks and one matrix to warm up")
        study.run(study.folder)
    peer = Peer(study, scratch)
    layouts = {"both": list(LAYOUTS), "threads": list(LAYOUTS)[:1], "processes": list(LAYOUTS)[1:]}[options.layout]
    layout, times = layouts[-1], {}
    tuned = ["--tuned"] if options.tuned else []
    cases, our_runs, peer_runs, adaptive_cases = [], [], [], []
    breakdown = judged = None
    for seed in range(1, options.rounds + 1):
        say(f"round {seed} of {options.rounds}")
        out = os.path.join(scratch, f"ours.{seed}")
        ours = study.again(out, [f"transfer.seed={seed}"])
        our_runs.append(our_losses(out))
        peer.train_as(out)
        if len(layouts) > 1 and not times:
            say("which way the peer is faster")
            times = {each: peer.run(each, seed, study.tasks[:2], study.tasks[:2], *tuned)[0].wall for each in layouts}
            layout = min(times, key=times.get)
        theirs, result = peer.run(layout, seed, study.tasks, study.tasks, *tuned)
        peer_runs.append({target: {source: mean_of_numbers(losses) for source, losses in by_source.items()} for target, by_source in result["losses"].items()})
        cases.append({"name": f"seed {seed}", "ours": round(ours.wall, 2), "peer": round(theirs.wall, 2), "ratio": round(theirs.wall / ours.wall, 2),
                      "ours_processor": round(ours.cpu, 2), "peer_processor": round(theirs.cpu, 2), "ratio_processor": round(theirs.cpu / ours.cpu, 2)})
        breakdown = {"ours": our_breakdown(out, ours.wall), "peer": {name: round(value, 2) for name, value in result["breakdown"].items()}}
        quick_out = os.path.join(scratch, f"adaptive.{seed}")
        quick = study.again(quick_out, [f"transfer.seed={seed}", "search.adaptive=true", f"taxonomy.budgets={list(BUDGETS)}"])
        verdict = judge_adaptive(out, quick_out)
        ties = peer.ties(out, quick_out)
        judged = judged or verdict
        adaptive_cases.append({"name": f"seed {seed}", "ours": round(quick.wall, 2), "ours_processor": round(quick.cpu, 2),
                               "ratio": round(theirs.wall / quick.wall, 2), "ratio_processor": round(theirs.cpu / quick.cpu, 2),
                               "steps": verdict["steps"], "whole_steps": verdict["whole_steps"], "same_best": verdict["same_best"],
                               "same_taxonomies": verdict["same_taxonomies"], "tied_taxonomies": all(share > 0.025 for share in ties.values()),
                               "ties": ties, "worth": verdict["worth"]})
        if seed > 1:
            adaptive_cases[-1]["reseeded"] = worth_of(os.path.join(scratch, f"ours.{seed - 1}"), out)
            adaptive_cases[-1]["reseeded_ties"] = peer.ties(os.path.join(scratch, f"ours.{seed - 1}"), out)
        say(f"ours {ours.wall:.1f} s, PyTorch {theirs.wall:.1f} s, adaptive {quick.wall:.1f} s")

    own = {}
    for task, losses in peer.check().items():
        recorded = next(job for job, _ in jobs_of(study.folder) if job["name"] == f"network/{task}")["metrics"]["mean_loss"]
        own[task] = {"ours": recorded, "peer": mean_of_numbers(losses)}
    middle = {key: statistics.median(case[key] for case in cases) for key in ("ours", "peer", "ratio", "ratio_processor")}
    return {
        "name": "matrix",
        **middle,
        "unit": f"seconds for {len(study.tasks) ** 2} transfers of {peer.trainer['steps']} steps",
        "peer_is": "PyTorch, " + layout + (", channels-last, fused Adam" if options.tuned else ""),
        "layouts": {name: round(value, 2) for name, value in times.items()},
        "cases": cases,
        "breakdown": breakdown,
        "losses": compare_losses(our_runs, peer_runs),
        "networks": own,
        "ratio_adaptive": statistics.median(case["ratio"] for case in adaptive_cases),
        "ratio_adaptive_processor": statistics.median(case["ratio_processor"] for case in adaptive_cases),
        "adaptive": {"cases": adaptive_cases, "first": judged},
    }


def text_of(result):
    lines = [f"ours {result['ours']:.1f} s, PyTorch {result['peer']:.1f} s ({result['peer_is']}): {result['ratio']:.2f} times, by processor time "
             f"{result['ratio_processor']:.2f}"]
    for target, entry in result["losses"].items():
        lines.append(f"  {target}: test loss {entry['ours']} and {entry['peer']}" + ("" if entry.get("seeds_explain", True) else ", more apart than seeds explain"))
    for side, parts in result["breakdown"].items():
        lines.append(f"  {side}: " + ", ".join(f"{name} {value} s" for name, value in parts.items()))
    lines.append(f"adaptive: {result['ratio_adaptive']:.2f} times, by processor time {result['ratio_adaptive_processor']:.2f}")
    for case in result["adaptive"]["cases"]:
        lines.append(f"  {case['name']}: {case['steps']} of {case['whole_steps']} steps, best sources {'the same' if case['same_best'] else 'others'}, "
                     f"taxonomies {'the same' if case['same_taxonomies'] else 'the same or tied' if case['tied_taxonomies'] else 'others'}, worth {case['worth']}"
                     + (f" (another seed's whole matrix: {case['reseeded']})" if "reseeded" in case else ""))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
