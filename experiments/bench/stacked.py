#!/usr/bin/env python3
"""Would the many sources of one target train faster together? Transfers one after another against the same ones stacked: one network
whose convolutions have a group for each transfer.

    AFFINIS_PYTHON experiments/bench/stacked.py [--json] [--width 16] [--side 64]

A prototype in PyTorch, run by a Python that has torch: transfer function and decoder for three channels, batches of 16, one thread, Adam
in its fused form. `ours` is what Affinis does, one after another; `peer` the fastest of the stacks, a transfer's share of its step.
Processor time, the least of several steps.
"""

import argparse
import json
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    sys.exit("stacked bench: this Python has no torch; run it with one that has")

BATCH = 16
REPRESENTATION = 8
# Channels at width 64, and whether the layer doubles the side (facts of the 15-layer decoder).
ROWS = [(1024, 0), (1024, 0), (512, 0), (256, 0), (256, 0), (128, 0), (64, 1), (64, 0), (32, 1), (32, 0), (16, 1), (32, 0), (16, 1)]


class Branches(nn.Module):
    """The two branches of each group's transfer function; their outputs lie beside each other, group by group."""

    def __init__(self, groups):
        super().__init__()
        self.groups = groups
        channels = groups * REPRESENTATION
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
                          nn.Conv2d(channels, channels, 3, padding=1, groups=groups), nn.ReLU(), nn.BatchNorm2d(channels)) for _ in range(2))
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x):
        parts = [branch(x).unflatten(1, (self.groups, REPRESENTATION)) for branch in self.branches]
        return self.bn(torch.cat(parts, 2).flatten(1, 2))


def stack(groups, width):
    layers = [Branches(groups)]
    channels = 2 * REPRESENTATION
    for rows, doubles in ROWS:
        out = max(8, rows * width // 64)
        if doubles:
            layers.append(nn.ConvTranspose2d(groups * channels, groups * out, 3, 2, 1, 1, groups=groups, bias=False))
        else:
            layers.append(nn.Conv2d(groups * channels, groups * out, 3, padding=1, groups=groups, bias=False))
        layers += [nn.BatchNorm2d(groups * out), nn.LeakyReLU(0.2)]
        channels = out
    return nn.Sequential(*layers, nn.Conv2d(groups * channels, groups * 3, 3, padding=1, groups=groups), nn.Tanh())


def step_milliseconds(groups, options, memory_format):
    torch.manual_seed(1)
    network = stack(groups, options.width).to(memory_format=memory_format)
    representations = torch.randn(BATCH, groups * REPRESENTATION, options.side // 16, options.side // 16).contiguous(memory_format=memory_format)
    target = torch.rand(BATCH, groups * 3, options.side, options.side).contiguous(memory_format=memory_format)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    least = float("inf")
    for _ in range(max(4, options.steps // groups)):
        begin = time.process_time()
        optimizer.zero_grad()
        # Each transfer's loss is a mean of its own: their sum has the gradients of all.
        (F.l1_loss(network(representations), target) * groups).backward()
        optimizer.step()
        least = min(least, time.process_time() - begin)
    return least * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--side", type=int, default=64, help="of the images")
    parser.add_argument("--steps", type=int, default=24, help="of one transfer alone; stacks get their share")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = []
    for name, memory_format in (("channels-last", torch.channels_last), ("plain", torch.contiguous_format)):
        alone = step_milliseconds(1, options, memory_format)
        for groups in (4, 8):
            stacked = step_milliseconds(groups, options, memory_format) / groups
            cases.append({"name": f"{groups} stacked, {name}", "ours": round(alone, 2), "peer": round(stacked, 2), "ratio": round(stacked / alone, 3)})
    ours, peer = min(case["ours"] for case in cases), min(case["peer"] for case in cases)
    result = {"name": "stacked", "ours": ours, "peer": peer, "ratio": round(peer / ours, 3), "unit": "ms a training step of one transfer", "cases": cases}
    if options.json:
        print(json.dumps(result))
        return
    for case in cases:
        print(f"{case['name']}: {case['peer']} ms a transfer, one after another {case['ours']} ms")


if __name__ == "__main__":
    main()
