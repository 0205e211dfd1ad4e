#!/usr/bin/env python3
"""Writes expected/seeds.json with NumPy and SciPy: what the tests of intervals over seeds compare with.

Gains and qualities are done by Student's interval of the per-seed values, not by a jackknife as in the code: the two have to agree. Affinities
are the jackknife of their logarithms.
"""
import json
from pathlib import Path

import numpy
from scipy import stats

from write_expected_bootstrap import affinity, win_rates

EXPECTED = Path(__file__).parent / "expected"
NETWORKS = ["self", "a", "b", "a+b", "c", "scratch"]
LEVELS = [1.0, 1.5, 1.52, 1.3, 1.9, 1.8]
IMAGES = 40


def seeds_of(generator, seeds):
    """Losses by seed, network and image: coarse, so that there are ties; every training is a little better or worse as a whole; `self` is trained once."""
    trained = numpy.array(LEVELS)[None, :, None] + generator.normal(0, 0.12, (seeds, len(NETWORKS), 1))
    losses = numpy.floor(8 * (trained + generator.random((seeds, len(NETWORKS), IMAGES)))) / 8
    losses[:, 0, :] = losses[0, 0, :]
    losses[:, :, ::13] = numpy.nan  # images without a label, the same for all
    return losses


def point(losses, laplace):
    """Of a list of seeds: all of their images side by side."""
    pooled = numpy.concatenate(list(losses), axis=1)
    wins, shared = win_rates(pooled, numpy.ones(pooled.shape[1]))
    count = len(NETWORKS) - 1
    return {"affinity": affinity(wins, shared, laplace), "gain": wins[:count, -1], "quality": wins[:count, 0]}


def student(values, level):
    mean, error = numpy.mean(values, axis=0), stats.sem(values, axis=0)
    reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * error
    return {"value": mean, "low": numpy.maximum(0, mean - reach), "high": numpy.minimum(1, mean + reach), "deviation": error}


def jackknife(value, without, level):
    """The half length, of numbers without each seed."""
    count = len(without)
    error = numpy.sqrt((count - 1) / count * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    return error, stats.t.ppf((1 + level) / 2, count - 1) * error


def case(name, seeds, level, laplace):
    losses = seeds_of(numpy.random.default_rng(sum(map(ord, name))), seeds)
    each = [point(losses[k:k + 1], laplace) for k in range(seeds)]
    all_seeds = point(losses, laplace)
    without = numpy.log([point(numpy.delete(losses, k, axis=0), laplace)["affinity"] for k in range(seeds)])
    value = all_seeds["affinity"]
    error, reach = jackknife(value, without, level)
    intervals = {measure: student([one[measure] for one in each], level) for measure in ("gain", "quality")}
    intervals["affinity"] = {"value": value, "low": value * numpy.exp(-reach), "high": numpy.minimum(1, value * numpy.exp(reach)), "deviation": value * error}
    best = 1 + int(numpy.argmax(value[1:]))
    ratio = numpy.log(value[best] / value)
    _, reach = jackknife(ratio, without[:, [best]] - without, level)
    return {"name": name, "level": level, "laplace": laplace, "networks": NETWORKS,
            "losses": [[[None if numpy.isnan(x) else x for x in row] for row in seed] for seed in losses],
            "intervals": {measure: {end: values.tolist() for end, values in ends.items()} for measure, ends in intervals.items()},
            "tied_with_best": (numpy.abs(ratio) <= reach).tolist()}


def main():
    cases = [case("three seeds", 3, 0.95, False), case("two", 2, 0.8, False), case("eight", 8, 0.95, False), case("five, laplace", 5, 0.95, True)]
    (EXPECTED / "seeds.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
