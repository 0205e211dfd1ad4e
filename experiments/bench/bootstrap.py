#!/usr/bin/env python3
"""Bootstrap intervals of win rates, affinities, gains and qualities against NumPy, on the same random losses and draws.

    experiments/bench/bootstrap.py --program build/release/bench/bootstrap [--networks 61] [--images 17355] [--draws 1000] [--json]

The default is the size of the released tournaments: 22 targets, about 61 networks for each, 17,355 images. NumPy does one target in two
ways. The obvious one takes the drawn images out of the losses and compares them again, draw by draw; a few draws are timed. The fast one,
which is the peer of the ratio, compares once and multiplies the matrix of wins with the counts of the draws, in single precision. Both of
our figures for one target are a share of all targets' time. The buildings' case is ours alone.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy


def ours(options, *more):
    command = [options.program, "--networks", options.networks, "--images", options.images, "--draws", options.draws,
               "--targets", options.targets, *more]
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def affinities(wins, iterations=1000):
    """Of every draw at once: draws x networks x networks win rates to draws x networks weights, by power iteration."""
    wins = numpy.clip(wins, 0.001, 0.999)
    odds = wins / wins.transpose(0, 2, 1)
    weights = numpy.full(wins.shape[:2], 1 / wins.shape[1])
    for _ in range(iterations):
        product = numpy.einsum("dij,dj->di", odds, weights)
        eigenvalue = product.sum(1, keepdims=True)
        residual = numpy.abs(product - eigenvalue * weights).max(1) / (eigenvalue[:, 0] * weights.max(1))
        if residual.max() <= 1e-8:
            break
        weights = product + eigenvalue / 2 * weights
        weights /= weights.sum(1, keepdims=True)
    return weights


def widths(values):
    low, high = numpy.percentile(values, [2.5, 97.5], axis=0)
    return high - low


def by_product(losses, counts):
    """The fast way: `losses` with self first and scratch last, `counts` draws x images."""
    networks, images = len(losses) - 1, losses.shape[1]
    weights = counts.T.astype(numpy.float32)
    wins = numpy.full((len(counts), networks, networks), 0.5)
    for i in range(networks):
        won = (losses[i] < losses[i + 1:]) + numpy.float32(0.5) * (losses[i] == losses[i + 1:])
        rates = (won.astype(numpy.float32) @ weights / images).T
        wins[:, i, i + 1:] = rates[:, :-1]
        wins[:, i + 1:, i] = 1 - rates[:, :-1]
        if i == 0:
            gain = numpy.empty((len(counts), networks))
        gain[:, i] = rates[:, -1]
    widths(wins)
    return widths(affinities(wins)).sum(), widths(gain).sum()


def by_redrawing(losses, counts):
    """The obvious way, for as many draws as `counts` has."""
    for draw in counts:
        drawn = losses[:, numpy.repeat(numpy.arange(losses.shape[1]), draw)]
        wins = numpy.stack([(row < drawn).mean(1) + (row == drawn).mean(1) / 2 for row in drawn])
        affinities(wins[None, :-1, :-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bench/bootstrap")
    parser.add_argument("--targets", type=int, default=22)
    parser.add_argument("--networks", type=int, default=61, help="of the tournament; scratch comes beside them")
    parser.add_argument("--images", type=int, default=17355)
    parser.add_argument("--buildings", type=int, default=50, help="of the case that draws buildings")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--redraws", type=int, default=3, help="draws that NumPy does the obvious way")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case"
        own = ours(options, "--out", path)
        losses = numpy.fromfile(f"{path}.losses").reshape(options.networks + 1, options.images)
        counts = numpy.fromfile(f"{path}.counts", dtype=numpy.uint16).reshape(options.draws, options.images)
    began = time.perf_counter()
    affinity, gain = by_product(losses, counts)
    product = time.perf_counter() - began
    for name, found, expected in (("affinity", own["affinity_widths"], affinity), ("gain", own["gain_widths"], gain)):
        if abs(found - expected) > 1e-5 * expected:
            raise SystemExit(f"NumPy's {name} intervals are {expected} wide in all, ours {found}")
    began = time.perf_counter()
    by_redrawing(losses, counts[:options.redraws])
    obvious = (time.perf_counter() - began) * options.draws / options.redraws
    buildings = ours(options, "--buildings", options.buildings)
    size = f"{options.networks} networks x {options.images} images, {options.draws} draws"
    one = own["seconds"] / options.targets
    cases = [{"name": f"one target, {size}", "ours": one, "peer": product, "numpy_redrawing": obvious},
             {"name": f"{options.targets} targets, {size}", "ours": own["seconds"], "peak_mib": own["peak_mib"], "peer": None},
             {"name": f"{options.targets} targets, {size} of {options.buildings} buildings", "ours": buildings["seconds"],
              "peak_mib": buildings["peak_mib"], "peer": None}]
    result = {"name": "bootstrap", "ours": one, "peer": product, "ratio": product / one, "unit": "seconds", "cases": cases}
    if options.json:
        print(json.dumps(result))
        return
    for case in cases:
        print(", ".join(f"{key} {value if isinstance(value, str) else format(value, '.3f')}" for key, value in case.items() if value is not None))


if __name__ == "__main__":
    main()
