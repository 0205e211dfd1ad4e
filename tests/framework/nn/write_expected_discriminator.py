#!/usr/bin/env python3
"""Writes what discriminator_test.cpp compares with: the discriminator in plain PyTorch, at small widths, run in double precision.

    python3 tests/framework/nn/write_expected_discriminator.py        (needs torch, numpy and safetensors)

The files hold what write_expected.py's do: state.*, input, eval, train, after.*, grad.*, probe.
"""

import torch.nn.functional as F
from torch import nn

from write_expected import write


class Discriminator(nn.Module):
    """Strides as the layers divide `side`; even kernels are padded as TensorFlow's SAME."""

    def __init__(self, channels, side, width):
        super().__init__()
        sizes = [max(8, size * width // 64) for size in (64, 128, 256, 512)]
        self.strides = []
        for number, size in enumerate(sizes[:3], start=1):
            stride = next((s for s in (4, 2) if -(-side // s) >= 4), 1)
            side = -(-side // stride)
            self.strides.append(stride)
            setattr(self, f"conv{number}", nn.Conv2d(channels, size, 5, stride, padding=2, bias=number == 1))
            channels = size
        self.conv4 = nn.Conv2d(channels, sizes[3], 4, bias=False)
        self.output = nn.Conv2d(sizes[3], 1, 4)
        self.bn2, self.bn3, self.bn4 = (nn.BatchNorm2d(size) for size in sizes[1:])

    def forward(self, x):
        x = F.leaky_relu(self.conv1(x), 0.2)
        x = F.leaky_relu(self.bn2(self.conv2(x)), 0.2)
        x = F.leaky_relu(self.bn3(self.conv3(x)), 0.2)
        x = F.leaky_relu(self.bn4(self.conv4(F.pad(x, (1, 2, 1, 2)))), 0.2)
        return self.output(F.pad(x, (1, 2, 1, 2)))


def main():
    every = ["conv1.weight", "conv1.bias", "conv2.weight", "bn2.weight", "conv3.weight", "bn3.bias", "conv4.weight", "bn4.weight",
             "output.weight", "output.bias"]
    write("discriminator_16", Discriminator(4, 16, 4), (3, 4, 16, 16), 7, every)
    write("discriminator_64", Discriminator(2, 64, 4), (2, 2, 64, 64), 8, every)


if __name__ == "__main__":
    main()
