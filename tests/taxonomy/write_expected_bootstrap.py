#!/usr/bin/env python3
"""Writes expected/bootstrap.json with NumPy: what the tests of redrawn test sets compare with.

The draws' counts are part of the file, so that only the arithmetic is compared: weighted win rates, the eigenvector of their odds, and the
percentiles of what the draws give.
"""
import json
from pathlib import Path

import numpy

EXPECTED = Path(__file__).parent / "expected"
NETWORKS = ["self", "a", "b", "a+b", "c", "scratch"]
LEVELS = [1.0, 1.5, 1.52, 1.3, 1.9, 1.8]
IMAGES = 60
DRAWS = 40
LEVEL = 0.9


def losses_of(generator, missing):
    """Coarse, so that there are ties."""
    losses = numpy.floor(8 * (numpy.array(LEVELS)[:, None] + generator.random((len(NETWORKS), IMAGES)))) / 8
    losses[generator.random(losses.shape) < missing] = numpy.nan
    return losses


def win_rates(losses, weights):
    """Rows against columns, over the weighted images that both have."""
    a, b = losses[:, None, :], losses[None, :, :]
    shared = (~numpy.isnan(a) & ~numpy.isnan(b)) @ weights
    return ((a < b) @ weights + 0.5 * ((a == b) @ weights)) / shared, shared


def affinity(wins, shared, laplace):
    count = len(NETWORKS) - 1  # scratch is no contestant
    wins = wins[:count, :count]
    if laplace:
        wins = (wins * shared[:count, :count] + 1) / (shared[:count, :count] + 2)
    else:
        wins = numpy.clip(wins, 0.001, 0.999)
    values, vectors = numpy.linalg.eig(wins / wins.T)
    vector = numpy.abs(vectors[:, numpy.argmax(values.real)].real)
    return vector / vector.sum()


def measures(losses, weights, laplace):
    wins, shared = win_rates(losses, weights)
    count = len(NETWORKS) - 1
    return {"wins": wins[:count, :count], "affinity": affinity(wins, shared, laplace), "gain": wins[:count, -1], "quality": wins[:count, 0]}


def case(name, missing, buildings, laplace):
    generator = numpy.random.default_rng(sum(map(ord, name)))
    losses = losses_of(generator, missing)
    unit_of = generator.permutation(IMAGES) * buildings // IMAGES if buildings else numpy.arange(IMAGES)
    units = buildings or IMAGES
    counts = generator.multinomial(units, [1 / units] * units, size=DRAWS)
    point = measures(losses, numpy.ones(IMAGES), laplace)
    draws = [measures(losses, draw[unit_of], laplace) for draw in counts]
    result = {"name": name, "laplace": laplace, "unit_of": unit_of.tolist(), "counts": counts.tolist(), "level": LEVEL, "networks": NETWORKS,
              "losses": [[None if numpy.isnan(x) else x for x in row] for row in losses], "intervals": {}}
    for measure, value in point.items():
        drawn = numpy.stack([draw[measure] for draw in draws])
        low, high = numpy.percentile(drawn, [50 - 50 * LEVEL, 50 + 50 * LEVEL], axis=0)
        result["intervals"][measure] = {"value": value.tolist(), "low": low.tolist(), "high": high.tolist(),
                                        "deviation": drawn.std(axis=0, ddof=1).tolist()}
    drawn = numpy.stack([draw["affinity"] for draw in draws])
    transfers = sorted(range(1, len(NETWORKS) - 1), key=lambda i: -point["affinity"][i])
    reached = lambda behind, ahead: float((drawn[:, behind] >= drawn[:, ahead] * (1 - 1e-5)).mean())
    tied = lambda i, j: reached(*((j, i) if point["affinity"][i] >= point["affinity"][j] else (i, j))) > (1 - LEVEL) / 2
    best = transfers[0]
    pairs = [(i, j) for n, i in enumerate(transfers) for j in transfers[n + 1:]]
    result["best"] = best
    result["tied_with_best"] = [i == best or tied(i, best) for i in range(len(NETWORKS) - 1)]
    result["told_apart"] = sum(not tied(i, j) for i, j in pairs) / len(pairs)
    return result


def main():
    cases = [case("images", 0, 0, False), case("images that some lack", 0.1, 0, False), case("images, laplace", 0.1, 0, True),
             case("buildings", 0.05, 12, False)]
    (EXPECTED / "bootstrap.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
