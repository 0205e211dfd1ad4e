#!/usr/bin/env python3
"""The tables of experiments/RESULTS.md, from a run of taxonomy26-desk.toml and the released transfer tables.

    python3 experiments/results/tables.py RUN transfers_1k.csv first_and_second_order.csv

The released tables (StanfordVL/taskonomy, folder results/) as csv: sources,target,order,affinity,gain,quality. Every number comes from a command
of `affinis`, which is printed above its table.
"""
import argparse
import json
import os
import subprocess

AFFINIS = os.environ.get("AFFINIS", "affinis")
# A released ranking is called noise where the two released runs agree less than this.
SIGNAL = 0.5


def ask(*arguments):
    print("`affinis %s`\n" % " ".join(os.path.basename(str(word)) if os.sep in str(word) else str(word) for word in arguments))
    done = subprocess.run([AFFINIS, *map(str, arguments), "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip())
    return json.loads(done.stdout)


def table(heads, rows):
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def number(value, digits=2):
    return "-" if value is None else "%.*f" % (digits, value)


def mean(values):
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("released")
    parser.add_argument("other")
    parser.add_argument("--draws", default="1000")
    parser.add_argument("--transfers", help="another transfer table of the run (default: RUN/transfers.csv)")
    arguments = parser.parse_args()
    ours = arguments.transfers or os.path.join(arguments.run, "transfers.csv")

    print("### Do the two released runs agree?\n")
    released = ask("taxonomy", "compare", arguments.released, arguments.other, "--budgets", "4")
    steady = {row["target"]: row["spearman"] for row in released["targets"]}
    noise = {target for target, value in steady.items() if value is not None and value < SIGNAL}
    print("Below %.1f, called noise: %s. Mean over all %d: %s.\n" % (SIGNAL, ", ".join(sorted(noise)), len(steady), number(released["mean"]["spearman"])))

    print("### Rankings of sources\n")
    found = ask("taxonomy", "compare", ours, arguments.released, "--budgets", "1-8", "--run", arguments.run, "--draws", arguments.draws)
    agreement = {row["target"]: row for row in found["intervals"]["targets"]}
    rows = []
    for row in found["targets"]:
        interval = agreement.get(row["target"])
        band = "%s to %s" % (number(interval["spearman"]["low"]), number(interval["spearman"]["high"])) if interval else "-"
        rows.append([row["target"], number(row["spearman"]), band, number(interval["repeatability"]["value"]) if interval else "-",
                     number(steady.get(row["target"])), row["best_a"], row["best_b"]])
    table(["target", "Spearman", "95 % interval", "ours redrawn", "released runs", "best source, ours", "best source, released"], rows)
    with_signal = [row["spearman"] for row in found["targets"] if row["target"] not in noise]
    band = found["intervals"]["mean_spearman"]
    print("Mean over %d targets: %s (%s to %s); over the %d with signal: %s. Correlation of the whole first-order matrices: %s.\n" % (
        len(found["targets"]), number(found["mean"]["spearman"]), number(band["low"]), number(band["high"]), len(with_signal), number(mean(with_signal)),
        number(found["matrix_pearson"])))

    print("### Chosen sources\n")
    rows = []
    for row in found["budgets"]:
        if "infeasible" in row:
            continue
        worth = row["under_b"]
        rows.append(["%g" % row["budget"], ", ".join(row["sources_a"]), ", ".join(row["sources_b"]), str(len(row["shared"])),
                     "%s of %s" % (number(worth["sources_of_other"]), number(worth["optimum"]))])
    table(["budget", "ours", "released", "shared", "our sources under the released affinities, of the best"], rows)

    print("### Task trees\n")
    groups = []
    for name, path in (("ours", ours), ("released", arguments.released)):
        tree = ask("taxonomy", "tree", "--transfers", path, "--groups", "published")
        groups.append([name, number(tree["cut"]["adjusted_rand"]), "; ".join(", ".join(group) for group in tree["cut"]["clusters"])])
    table(["table", "adjusted Rand index against the published colours", "clusters"], groups)
    print("Our tree cut like the released one: " + ", ".join("%d clusters %s" % (cut["clusters"], number(cut["adjusted_rand"])) for cut in found["trees"]["cuts"]) + ".\n")

    print("### Forecast\n")
    forecast = ask("taxonomy", "forecast", arguments.run)
    rows = [[row["target"], number(row["spearman"]), row["best_forecast"], number(row["gain_of_forecast"]), row["best_measured"], number(row["gain_of_best"])]
            for row in forecast["measured"]["targets"]]
    table(["target", "Spearman with measured", "best by forecast", "its gain", "best measured", "its gain"], rows)
    told = forecast["measured"]
    print("Mean Spearman %s; mean gain of the forecast's choices %s, of the best %s; %.0f seconds.\n" % (
        number(told["mean_spearman"]), number(told["mean_gain_of_forecast"]), number(told["mean_gain_of_best"]), forecast["seconds"]))


if __name__ == "__main__":
    main()
