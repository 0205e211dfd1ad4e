#!/usr/bin/env python3
"""Eight tasks on one encoder against eight networks of their own: time, memory and what it does to the tasks; and what each further head costs, from 1 to 50.

    experiments/bench/joint.py --affinis build/release/affinis --data DIR [--plugin build/release/plugins/libcell_statistics.so] [--steps N]
                               [--head-steps N] [--balancer NAME] [--tasks a,b,...] [--json]

DIR is a data set with its costly labels (`affinis data render`). Both sides of the comparison train the same steps of the same batches on
one worker and one thread, evaluation on test images included. Times are processor time, user and system, of all processes of a run, which
other programs disturb less than the clock; seconds by the clock are beside them. Memory is the most that any process of a run had at once, so that of the eight networks is the largest one's: they are trained one after another. Delta-m is of one
seed; how far it can be trusted is for experiments/mtl-balancers.toml to say.

Further heads are added in three lots. A step's time is the difference between trainings of N and 3 N steps, without validation and
conflicts, so that starting and testing are not in it. The lots: the tasks of the comparison and the bank's others that look at the image itself, whose heads are mostly decoders; with --plugin, 27 tasks
of one number each, still on the one pass of the encoder; and six tasks that show the encoder another image, or several. The last lot's
cost is the encoder's passes, not the heads.
"""

import argparse
import json
import os
import sys
import tempfile

TASKS = ["edge2d", "rgb2depth", "rgb2sfnorm", "segmentsemantic", "class_places", "reshade", "keypoint2d", "curvature"]
ON_THE_IMAGE = ["autoencoder", "edge3d", "keypoint3d", "segment2d", "segment25d", "class_1000", "rgb2mist", "room_layout", "vanishing_point"]
NUMBERS = ["cell_%s_%d" % (what, cell) for what in ("depth", "facing", "clutter") for cell in range(1, 10)]
OTHER_IMAGES = ["denoise", "inpainting_whole", "colorization", "fix_pose", "point_match", "jigsaw"]


def run(options, folder, tasks, steps, *more):
    """One `affinis mtl`, or `train` for one task; its answer, processor seconds and the most memory that a process of it had, in bytes."""
    command = [options.affinis] + (["mtl", "--tasks", ",".join(tasks)] if len(tasks) > 1 else ["train", tasks[0]])
    command += ["--data", options.data, "--out", folder, "--steps", str(steps), "--set", "run.devices=cpu:0", "--set", "run.threads_per_worker=1",
                "--set", "data.validation_images=0", "--set", "balance.balancer=" + options.balancer, "--set", "balance.conflicts=false", "--json", *more]
    if options.plugin:
        command += ["--plugin", options.plugin]
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
    return json.loads(text), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def jobs_of(folder, prefix):
    jobs = os.path.join(folder, "jobs")
    return [os.path.join(jobs, name) for name in sorted(os.listdir(jobs)) if name.startswith(prefix)]


def job_seconds(folder, prefix):
    total = 0.0
    for job in jobs_of(folder, prefix):
        with open(os.path.join(job, "done.json")) as file:
            total += json.load(file)["seconds"]
    return total


def slope(points):
    """Of the least-squares line; nothing for a single point."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else None


def lots(options):
    """(what the lot adds, tasks so far) for each measured network, few heads first."""
    measured = []
    bank = options.tasks + [task for task in ON_THE_IMAGE if task not in options.tasks]
    for count in sorted({1, 2, 4, len(options.tasks), len(bank)}):
        if count <= len(bank):
            measured.append(("heads of the bank", bank[:count]))
    if options.plugin:
        numbers = bank + NUMBERS
        middle = len(bank) + len(NUMBERS) // 2
        measured += [("heads of one number", numbers[:middle]), ("heads of one number", numbers)]
        measured.append(("further images", numbers + OTHER_IMAGES))
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--affinis", default="build/release/affinis", help="the program")
    parser.add_argument("--data", required=True, help="data set folder")
    parser.add_argument("--plugin", help="the library of the example plug-in cell_statistics, for more heads than the bank has")
    parser.add_argument("--tasks", default=",".join(TASKS), help="tasks of the comparison, separated by commas")
    parser.add_argument("--steps", type=int, default=100, help="of the comparison")
    parser.add_argument("--test-images", type=int, default=320, help="of the comparison")
    parser.add_argument("--head-steps", type=int, default=4, help="of each network that further heads are measured on")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--balancer", default="fixed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    options.affinis = os.path.abspath(options.affinis)
    options.plugin = os.path.abspath(options.plugin) if options.plugin else None
    options.tasks = options.tasks.split(",")
    if len(options.tasks) < 3:
        sys.exit("the bench needs three tasks or more")

    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for number, (lot, tasks) in enumerate(lots(options)):
            few = ["--set", "data.test_images=96", "--set", "data.subset_of=scenes", "--set", "data.pictures=0"]
            _, start, _ = run(options, os.path.join(folder, "%d.short" % number), tasks, options.head_steps, *few)
            answer, whole, memory = run(options, os.path.join(folder, "%d.long" % number), tasks, 3 * options.head_steps, *few)
            cases.append({"name": "%d heads" % len(tasks), "heads": len(tasks), "lot": lot, "bytes": memory,
                          "seconds_per_step": (whole - start) / (2 * options.head_steps), "parameters": answer["parameters"]})
            print("%d heads are measured" % len(tasks), file=sys.stderr)
        out = os.path.join(folder, "compared")
        tested = ["--set", "data.test_images=%d" % options.test_images]
        _, seconds, memory = run(options, out, options.tasks, options.steps, *tested)
        both, own_seconds, own_memory = run(options, out, options.tasks, options.steps, "--baselines", *tested)
        clock = job_seconds(out, "joint.")
        own_clock = job_seconds(out, "network.")

    head_costs = {}
    for lot in dict.fromkeys(case["lot"] for case in cases):
        first = next(i for i, case in enumerate(cases) if case["lot"] == lot)
        points = cases[max(0, first - 1):]
        points = [case for case in points if case["lot"] == lot or case is cases[max(0, first - 1)]]
        head_costs[lot] = {"from": points[0]["heads"], "to": points[-1]["heads"], "seconds_per_step": slope([(case["heads"], case["seconds_per_step"]) for case in points]),
                           "bytes": slope([(case["heads"], case["bytes"]) for case in points])}
    result = {
        "name": "joint",
        "ours": seconds,
        "peer": own_seconds,
        "ratio": own_seconds / seconds,
        "unit": "processor seconds for %d steps of %d tasks: one joint network, each task's own" % (options.steps, len(options.tasks)),
        "clock_seconds": clock,
        "own_clock_seconds": own_clock,
        "cases": cases,
        "bytes": memory,
        "own_bytes": own_memory,
        "delta_m": {key: both["delta_m"][key]["value"] for key in ("metrics", "tasks", "losses")},
        "head_costs": head_costs,
    }
    if options.json:
        print(json.dumps(result))
        return
    print("%d tasks, %d steps: %.1f s of processor time together (%.0f MB), %.1f s each by itself (%.0f MB): %.1f times; delta-m %+.1f %% over metrics, %+.1f %% over "
          "tasks, %+.1f %% of losses (negative is better)" % (
              len(options.tasks), options.steps, seconds, memory / 1e6, own_seconds, own_memory / 1e6, result["ratio"],
              result["delta_m"]["metrics"], result["delta_m"]["tasks"], result["delta_m"]["losses"]))
    print("\nheads   ms a step       MB   parameters")
    for case in cases:
        print("%5d %11.0f %8.0f %12d" % (case["heads"], 1e3 * case["seconds_per_step"], case["bytes"] / 1e6, case["parameters"]))
    for lot, cost in head_costs.items():
        print("%s, %d to %d: %.1f ms a step and %.1f MB each" % (lot, cost["from"], cost["to"], 1e3 * cost["seconds_per_step"], cost["bytes"] / 1e6))


if __name__ == "__main__":
    main()
