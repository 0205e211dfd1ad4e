#!/usr/bin/env python3
"""Eight tasks on one encoder against eight networks of their own: time, memory and what it does to the tasks; and what each further head costs.

    experiments/bench/joint.py --affinis build/release/affinis --data DIR [--tasks a,b,...] [--steps N] [--balancer NAME] [--json]

DIR is a data set (`affinis data render`). Both sides train the same steps of the same batches on one worker and one thread; a job's
time is what the program reports for it, evaluation on the test split included. Memory is the most that any process of a run had at
once, so that of the eight networks is the largest one's: they are trained one after another. The cost of a head is the slope over
joint networks of two and more of the tasks, in the order in which they are named; tasks that look at the image itself share the
encoder's pass, so the default ones measure heads and nothing else.
"""

import argparse
import json
import os
import sys
import tempfile

TASKS = "edge2d,rgb2depth,rgb2sfnorm,segmentsemantic,class_places,reshade,keypoint2d,curvature"


def run(options, folder, tasks, *more):
    """One `affinis mtl`; its answer and the most memory that a process of it had, in bytes."""
    command = [options.affinis, "mtl", "--tasks", ",".join(tasks), "--data", options.data, "--out", folder, "--steps", str(options.steps),
               "--balancer", options.balancer, "--set", "run.devices=cpu:0", "--set", "run.threads_per_worker=1", "--json", *more]
    for section in ("network", "mtl"):
        command += ["--set", section + ".batch_size=%d" % options.batch_size, "--set", section + ".learning_rate=6e-3"]
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write_end, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.close(read_end)
        os.execv(options.affinis, command)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        text = answer.read()
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit("this failed: " + " ".join(command))
    return json.loads(text), usage.ru_maxrss * 1024


def job_seconds(folder, prefix):
    jobs = os.path.join(folder, "jobs")
    total = 0.0
    for name in os.listdir(jobs):
        if name.startswith(prefix):
            with open(os.path.join(jobs, name, "done.json")) as file:
                total += json.load(file)["seconds"]
    return total


def slope(points):
    """Of the least-squares line."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--affinis", default="build/release/affinis", help="the program")
    parser.add_argument("--data", required=True, help="data set folder")
    parser.add_argument("--tasks", default=TASKS, help="tasks, separated by commas")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--balancer", default="fixed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    options.affinis = os.path.abspath(options.affinis)
    tasks = options.tasks.split(",")
    if len(tasks) < 3:
        sys.exit("the bench needs three tasks or more")

    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for count in sorted({2, (2 + len(tasks)) // 2, len(tasks)}):
            out = os.path.join(folder, str(count))
            answer, memory = run(options, out, tasks[:count])
            cases.append({"name": "%d heads" % count, "heads": count, "seconds": job_seconds(out, "joint."), "bytes": memory,
                          "parameters": answer["parameters"]})
        both, own_memory = run(options, os.path.join(folder, str(len(tasks))), tasks, "--baselines")
        own_seconds = job_seconds(os.path.join(folder, str(len(tasks))), "network.")

    whole = cases[-1]
    result = {
        "name": "joint",
        "ours": whole["seconds"],
        "peer": own_seconds,
        "ratio": own_seconds / whole["seconds"],
        "unit": "seconds for %d steps of %d tasks: one joint network, each task's own" % (options.steps, len(tasks)),
        "cases": cases,
        "bytes": whole["bytes"],
        "own_bytes": own_memory,
        "delta_m": {key: both["delta_m"][key]["value"] for key in ("metrics", "tasks", "losses")},
        "seconds_per_head_and_step": slope([(case["heads"], case["seconds"]) for case in cases]) / options.steps,
        "bytes_per_head": slope([(case["heads"], case["bytes"]) for case in cases]),
    }
    if options.json:
        print(json.dumps(result))
    else:
        print("%d tasks, %d steps: %.1f s together (%.0f MB), %.1f s each by itself (%.0f MB): %.1f times; delta-m %.1f %% over metrics, %.1f %% over "
              "tasks (negative is better); a further head costs %.1f ms a step and %.1f MB" % (
                  len(tasks), options.steps, whole["seconds"], whole["bytes"] / 1e6, own_seconds, own_memory / 1e6, result["ratio"],
                  result["delta_m"]["metrics"], result["delta_m"]["tasks"], 1e3 * result["seconds_per_head_and_step"], result["bytes_per_head"] / 1e6))


if __name__ == "__main__":
    main()
