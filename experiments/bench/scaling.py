#!/usr/bin/env python3
"""How the transfers of a run scale: two workers of one thread against one.

    experiments/bench/scaling.py [--affinis build/release/affinis] [--json] [--folder DIR] [--set key=value]

Data and networks are made once (or taken from --folder, a run of the same file); then all encodings and first-order transfers are done with one
worker and with two, by turns. `ratio` compares the time from the first transfer's start to the last one's end; `cases` have that of the
whole run too, with the report at its end.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

import prepared_study
from prepared_study import PreparedStudy, log_of

# Two seconds of training a transfer: as short as transfers get.
SMALL = ["network.steps=20", "network.evaluate_every=20", "rooms.train_buildings=4", "transfer.steps=60"]


def span_of_transfers(out):
    """Seconds from the start of the first transfer to the end of the last one, as the coordinator saw them."""
    times = [line["seconds"] for line in log_of(out) if line.get("job", "").startswith("transfer/")]
    return max(times) - min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepared_study.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=3, help="turns of one worker and of two")
    options = parser.parse_args()
    cases = []
    with tempfile.TemporaryDirectory(prefix="affinis-bench-") as scratch:
        settings = options.settings + ([] if options.folder or options.file != prepared_study.DEMO else SMALL)
        study = PreparedStudy(options.affinis, options.file, options.folder or os.path.join(scratch, "study"), options.tasks.split(","), settings)
        if not options.ready:
            study.run(study.folder)
        for turn in range(1, options.rounds + 1):
            print(f"scaling bench: turn {turn} of {options.rounds}", file=sys.stderr, flush=True)
            spans, walls, cpus = [], [], []
            for devices in ("cpu:0", "cpu:0,cpu:1"):
                out = os.path.join(scratch, "run")
                usage = study.again(out, devices=devices)
                spans.append(span_of_transfers(out))
                walls.append(usage.wall)
                cpus.append(usage.cpu)
            cases.append({"name": f"turn {turn}", "one": round(spans[0], 2), "two": round(spans[1], 2), "ratio": round(spans[0] / spans[1], 3),
                          "whole_run": round(walls[0] / walls[1], 3), "processor": [round(cpu, 2) for cpu in cpus]})
    result = {"name": "scaling", "ours": statistics.median(case["two"] for case in cases), "peer": statistics.median(case["one"] for case in cases),
              "ratio": statistics.median(case["ratio"] for case in cases), "whole_run": statistics.median(case["whole_run"] for case in cases),
              "unit": f"seconds for {len(study.tasks) ** 2} transfers", "ours_is": "two workers of one thread", "peer_is": "one worker of one thread",
              "cases": cases}
    if options.json:
        print(json.dumps(result))
    else:
        print(f"one worker {result['peer']:.1f} s, two {result['ours']:.1f} s: {result['ratio']:.2f} times; whole run {result['whole_run']:.2f} times")


if __name__ == "__main__":
    main()
