#!/usr/bin/env python3
"""Writes expected/clustering.json and expected/ranks.json with SciPy: what the tests of clustering and rank correlations compare with.

    tests/taxonomy/write_expected.py [--transfers transfers_1k.csv]

With --transfers, the released table that is not part of this tree, its task tree is written too.
"""
import argparse
import csv
import itertools
import json
from pathlib import Path

import numpy
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, spearmanr

EXPECTED = Path(__file__).parent / "expected"


def leaf_sets(steps, count):
    sets = [[i] for i in range(count)]
    for first, second, _, _ in steps:
        sets.append(sorted(sets[int(first)] + sets[int(second)]))
    return sets[count:]


def adjusted_rand(a, b):
    """By its definition over pairs."""
    same_a = same_b = both = 0
    pairs = list(itertools.combinations(range(len(a)), 2))
    for i, j in pairs:
        same_a += a[i] == a[j]
        same_b += b[i] == b[j]
        both += a[i] == a[j] and b[i] == b[j]
    expected = same_a * same_b / len(pairs)
    most = (same_a + same_b) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def clustering():
    generator = numpy.random.default_rng(5)
    cases = []
    for count, features in ((2, 3), (7, 4), (24, 8)):
        rows = numpy.round(generator.random((count, features)) ** 3, 4)
        for distance in ("cityblock", "euclidean", "cosine", "correlation"):
            distances = pdist(rows, distance)
            for method in ("average", "complete", "single", "ward", "weighted"):
                if method == "ward" and distance != "euclidean":
                    continue
                steps = linkage(distances, method)
                clusters = min(4, count)
                cases.append({"distance": distance, "linkage": method, "features": features, "rows": rows.ravel().tolist(),
                              "heights": steps[:, 2].tolist(), "leaves": leaf_sets(steps, count), "clusters": clusters,
                              "labels": fcluster(steps, clusters, "maxclust").tolist()})
    partitions = []
    for _ in range(20):
        a, b = generator.integers(0, 4, (2, 15)).tolist()
        partitions.append({"a": a, "b": b, "adjusted_rand": adjusted_rand(a, b)})
    return {"cases": cases, "partitions": partitions}


def task_tree(path):
    values = {}
    for row in csv.DictReader(open(path)):
        if "+" not in row["sources"] and row["sources"] != "self":
            values[row["sources"], row["target"]] = float(row["affinity"])
    targets = sorted({t for _, t in values})
    names = sorted({s for s, _ in values} - {"class_selected"})
    matrix = numpy.array([[values[s, t] for t in targets] for s in names])
    steps = linkage(matrix / matrix.max(0), "average", "cityblock")
    return {"names": names, "heights": steps[:, 2].tolist(), "clades": [[names[i] for i in s] for s in leaf_sets(steps, len(names))]}


def ranks():
    generator = numpy.random.default_rng(6)
    cases = []
    for count in (2, 3, 10, 57):
        for coarse in (False, True):
            a, b = generator.random((2, count))
            if coarse:
                a, b = numpy.round(4 * a), numpy.round(4 * b)
            with numpy.errstate(all="ignore"):
                cases.append({"a": a.tolist(), "b": b.tolist(), "spearman": float(spearmanr(a, b).statistic),
                              "kendall": float(kendalltau(a, b).statistic)})
    for case in cases:
        for key in ("spearman", "kendall"):
            if numpy.isnan(case[key]):
                case[key] = None
    return {"cases": cases}


def write(name, value):
    (EXPECTED / name).write_text(json.dumps(value) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transfers", help="the released 1k table")
    options = parser.parse_args()
    EXPECTED.mkdir(exist_ok=True)
    write("clustering.json", clustering())
    write("ranks.json", ranks())
    if options.transfers:
        write("task_tree_1k.json", task_tree(options.transfers))


if __name__ == "__main__":
    main()
