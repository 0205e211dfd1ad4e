#!/usr/bin/env python3
"""Whether another run's taxonomies tie with those of a run that measured every transfer.

    experiments/bench/taxonomy_ties.py WHOLE OTHER [--draws 2000]

Draws the test images of WHOLE anew and computes its affinities (analytic hierarchy process on win rates, clipped at 0.001) on each draw.
Prints by budget of order-1 taxonomies: the share of draws in which OTHER's choices are worth as much as WHOLE's or more. Above
2.5 % the difference between the two is within what another test set changes. Needs NumPy and h5py.
"""

import argparse
import glob
import json
import os

import h5py
import numpy

CLIP = 0.001


def losses_of(folder):
    """By target: names of the networks (`self` and sources) and their per-image losses."""
    found = {}
    for path in glob.glob(os.path.join(folder, "jobs", "*", "done.json")):
        with open(path) as file:
            name = json.load(file)["name"]
        stage, _, rest = name.partition("/")
        if stage not in ("network", "transfer"):
            continue
        source, target = ("self", rest) if stage == "network" else rest.split("--")
        with h5py.File(os.path.join(os.path.dirname(path), "losses.h5")) as file:
            found.setdefault(target, {})[source] = file["loss"][:]
    return {target: networks for target, networks in found.items() if len(networks) > 1}


def affinities(networks, weights):
    """[draws, networks] in the order of the names."""
    losses = numpy.stack([networks[name] for name in networks])
    row, column = losses[:, None, :], losses[None, :, :]
    shared = ~(numpy.isnan(row) | numpy.isnan(column))
    wins = numpy.where(shared, (row < column) + 0.5 * (row == column), 0)
    count = len(networks)
    rates = (weights @ wins.reshape(count * count, -1).T) / (weights @ shared.reshape(count * count, -1).T.astype(float))
    rates = numpy.clip(rates.reshape(-1, count, count), CLIP, 1 - CLIP)
    odds = rates / (1 - rates)
    vector = numpy.full(odds.shape[:2], 1 / count)
    for _ in range(200):
        vector = vector / 2 + numpy.einsum("dij,dj->di", odds, vector) / numpy.einsum("dij,dj->d", odds, vector)[:, None] / 2
        vector /= vector.sum(1, keepdims=True)
    return vector


def choices_of(folder):
    with open(os.path.join(folder, "taxonomy.json")) as file:
        cells = json.load(file)["cells"]
    return {cell["budget"]: {choice["target"]: "+".join(choice["sources"]) for choice in cell["choices"]}
            for cell in cells if cell["max_order"] == 1 and cell.get("choices")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("whole")
    parser.add_argument("other")
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    losses = losses_of(options.whole)
    images = len(next(iter(next(iter(losses.values())).values())))
    weights = numpy.random.default_rng(1).multinomial(images, [1 / images] * images, options.draws).astype(float)
    worth = {}
    for target, networks in losses.items():
        names = list(networks)
        values = affinities(networks, weights)
        worth[target] = {name: values[:, i] for i, name in enumerate(names)}
    result = {}
    theirs = choices_of(options.other)
    for budget, best in choices_of(options.whole).items():
        if budget not in theirs:
            continue
        difference = sum(worth[target][theirs[budget][target]] - worth[target][best[target]] for target in best)
        result[str(budget)] = round(float(numpy.mean(difference >= -1e-12)), 4)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
