#!/usr/bin/env python3
"""Measures how often each of colorization's 313 colour bins occurs in a rendered data set and prints tasks/colour_prior.inc.

    measure_colour_prior.py DATA/train.h5 > tasks/colour_prior.inc

Needs numpy, h5py and Pillow. The colours are those of the task's target: images at a quarter of their side, in CIE Lab, each
spread over its ten nearest bins with a Gaussian of deviation 5 (Zhang et al. 2016).
"""
import io
import sys

import h5py
import numpy
from PIL import Image

# a, least b, greatest b: as in tasks/colour_bins.cpp.
ROWS = [(-90, 50, 90), (-80, 20, 90), (-70, 0, 90), (-60, -20, 90), (-50, -30, 100), (-40, -40, 100), (-30, -50, 100),
        (-20, -50, 100), (-10, -60, 100), (0, -70, 100), (10, -80, 90), (20, -80, 90), (30, -90, 90), (40, -100, 90),
        (50, -100, 80), (60, -110, 80), (70, -110, 80), (80, -110, 70), (90, -110, 70), (100, -90, 0)]
BINS = numpy.array([(a, b) for a, least, greatest in ROWS for b in range(least, greatest + 1, 10)], float)


def quarter_ab(rgb):
    side = rgb.shape[0] // 4
    value = rgb.reshape(side, 4, side, 4, 3).mean((1, 3)) / 255
    linear = numpy.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    matrix = numpy.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    xyz = linear @ matrix.T / numpy.array([0.950456, 1, 1.088754])
    root = numpy.where(xyz > 0.008856, numpy.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return numpy.stack([500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])], -1).reshape(-1, 2)


def images(path):
    with h5py.File(path) as file:
        data = file["fields/rgb"][:].tobytes()
        # JPEG streams lie one behind the other; within one, FF D8 FF occurs at its start only.
        starts = []
        at = data.find(b"\xff\xd8\xff")
        while at >= 0:
            starts.append(at)
            at = data.find(b"\xff\xd8\xff", at + 3)
        for begin, end in zip(starts, starts[1:] + [len(data)]):
            yield numpy.asarray(Image.open(io.BytesIO(data[begin:end])).convert("RGB"), float)


def main():
    total = numpy.zeros(len(BINS))
    count = 0
    pictures = 0
    for image in images(sys.argv[1]):
        ab = quarter_ab(image)
        squared = ((ab[:, None] - BINS[None]) ** 2).sum(2)
        nearest = numpy.argpartition(squared, 10, axis=1)[:, :10]
        weight = numpy.exp(-numpy.take_along_axis(squared, nearest, 1) / (2 * 5.0 ** 2))
        weight /= weight.sum(1, keepdims=True)
        numpy.add.at(total, nearest, weight)
        count += len(ab)
        pictures += 1
    millionths = numpy.rint(total / count * 1e6).astype(int)
    print(f"// Written by measure_colour_prior.py from {pictures} rendered pictures; millionths, in the order of the bins.")
    for start in range(0, len(BINS), 20):
        print(", ".join(str(value) for value in millionths[start:start + 20]) + ",")


if __name__ == "__main__":
    main()
