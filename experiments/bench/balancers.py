#!/usr/bin/env python3
"""Seconds a multi-task training step takes under each loss balancer, against PyTorch with TorchJD's aggregators or LibMTL's formulas.

    experiments/bench/balancers.py --program build/release/bench/balancers [--tasks 3] [--steps 20] [--json]

Both sides build the same convolutional trunk and heads from the same formulas, take the same batch and use one thread. A step is: forward pass,
losses, balancing, SGD. For mgda, pcgrad, cagrad, nash, imtl, aligned and upgrad the peer is TorchJD (mtl_backward, then jac_to_grad with its
aggregator at its defaults); for fixed, uncertainty and gradnorm, which TorchJD has not, it is the method as LibMTL computes it (one gradient a
task by all shared parameters for gradnorm). Where the peer's own solver is approximate by default, directions are compared with its
solver run on: the largest difference of the two trunk gradients, each divided by its length, must stay below 1e-5. PCGrad draws its order at
random, so its direction is compared with two tasks, where the order does not matter.

Needs torch, numpy, torchjd, and for its CAGrad and Nash also cvxpy, clarabel and ecos.
"""

import argparse
import json
import math
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy
import torch
from torch.nn.functional import conv2d

WARMUP = 3


def sines(shape, frequency, phase, scale):
    count = math.prod(shape)
    return torch.from_numpy((scale * numpy.sin(frequency * numpy.arange(count) + phase)).astype(numpy.float32)).reshape(shape)


def convolutions(channels, kernel, first):
    parameters = []
    for i, (inputs, outputs) in enumerate(zip(channels, channels[1:])):
        scale = math.sqrt(6 / (inputs * kernel * kernel))
        parameters.append(sines((outputs, inputs, kernel, kernel), 0.7, first + 2 * i, scale).requires_grad_())
        parameters.append(sines((outputs,), 0.7, first + 2 * i + 1, 0.1).requires_grad_())
    return parameters


class Network:
    def __init__(self, tasks, width):
        self.trunk = convolutions([3, width, 2 * width, 2 * width], 3, 0)
        self.heads = [convolutions([2 * width, 2], 1, 100 + 10 * t) for t in range(tasks)]
        self.input = sines((16, 3, 64, 64), 0.37, 0, 1)
        self.targets = [sines((16, 2, 16, 16), 0.011 * (t + 1), t, 1 + t % 3) for t in range(tasks)]

    def losses(self):
        x = self.input
        for i in range(0, len(self.trunk), 2):
            x = conv2d(x, self.trunk[i], self.trunk[i + 1], stride=2 if i < 4 else 1, padding=1).relu()
        return x, [(conv2d(x, weight, bias) - target).square().mean() for (weight, bias), target in zip(self.heads, self.targets)]

    def parameters(self):
        return self.trunk + [each for head in self.heads for each in head]


class Fixed:
    """The mean of the losses."""

    def __init__(self, network, tasks):
        self.more = []

    def backward(self, network, features, losses):
        (sum(losses) / len(losses)).backward()


class Uncertainty:
    """exp(-s) L / 2 + s / 2 with s = 0 at first, learnt by the same backward pass."""

    def __init__(self, network, tasks):
        self.s = torch.zeros(tasks, requires_grad=True)
        self.more = [self.s]

    def backward(self, network, features, losses):
        (torch.stack(losses) / (2 * self.s.exp()) + self.s / 2).sum().backward()


class GradNorm:
    """Weights K softmax(s); the norms' distance to their targets is differentiated by s."""

    def __init__(self, network, tasks):
        self.s = torch.zeros(tasks, requires_grad=True)
        self.more = [self.s]
        self.first = None

    def backward(self, network, features, losses):
        weights = len(losses) * torch.softmax(self.s, 0)
        gradients = []
        for loss in losses:
            parts = torch.autograd.grad(loss, network.trunk, retain_graph=True)
            gradients.append(torch.cat([each.reshape(-1) for each in parts]))
        values = torch.stack([each.detach() for each in losses])
        self.first = values if self.first is None else self.first
        lengths = torch.stack([weight * gradient.norm() for weight, gradient in zip(weights, gradients)])
        rates = values / self.first
        targets = (lengths.mean() * (rates / rates.mean()) ** 1.5).detach()
        (lengths - targets).abs().sum().backward(retain_graph=True)
        (torch.stack(losses) * weights.detach() / len(losses)).sum().backward()


class TorchJd:
    def __init__(self, aggregator):
        self.aggregator = aggregator
        self.more = []

    def backward(self, network, features, losses):
        from torchjd.autojac import jac_to_grad, mtl_backward

        mtl_backward(losses, features=features, tasks_params=network.heads, shared_params=network.trunk)
        jac_to_grad(network.trunk, self.aggregator)


def peer_of(name, network, tasks, exact):
    own = {"fixed": Fixed, "uncertainty": Uncertainty, "gradnorm": GradNorm}
    if name in own:
        return own[name](network, tasks)
    from torchjd import aggregation

    made = {
        "mgda": lambda: aggregation.MGDA(epsilon=1e-12, max_iters=100000) if exact else aggregation.MGDA(),
        "pcgrad": lambda: aggregation.PCGrad(),
        "cagrad": lambda: aggregation.CAGrad(c=0.4, norm_eps=1e-12 if exact else 0.0001),
        "nash": lambda: aggregation.NashMTL(tasks, optim_niter=2000 if exact else 20),
        "imtl": lambda: aggregation.IMTLG(),
        "aligned": lambda: aggregation.AlignedMTL(),
        "upgrad": lambda: aggregation.UPGrad(),
    }
    return TorchJd(made[name]())


def direction_of(name, tasks, width):
    network = Network(tasks, width)
    features, losses = network.losses()
    peer_of(name, network, tasks, exact=True).backward(network, features, losses)
    return torch.cat([each.grad.reshape(-1) for each in network.trunk]).double().numpy()


def peer_seconds(name, tasks, width, steps):
    network = Network(tasks, width)
    peer = peer_of(name, network, tasks, exact=False)
    optimizer = torch.optim.SGD([{"params": network.parameters(), "lr": 1e-6}] + ([{"params": peer.more, "lr": 0.025}] if peer.more else []))
    seconds = []
    for step in range(steps + WARMUP):
        began = time.perf_counter()
        features, losses = network.losses()
        _ = [loss.item() for loss in losses]
        optimizer.zero_grad()
        peer.backward(network, features, losses)
        optimizer.step()
        if step >= WARMUP:
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)[len(seconds) // 2]


def ours(options, name, tasks, steps, direction=None):
    command = [options.program, "--balancer", name, "--tasks", str(tasks), "--steps", str(steps), "--width", str(options.width)]
    if direction:
        command += ["--direction", str(direction)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def difference(options, name, tasks):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "direction.bin"
        ours(options, name, tasks, 1, path)
        own = numpy.fromfile(path, numpy.float32).astype(float)
    peer = direction_of(name, tasks, options.width)
    return float(numpy.abs(own / numpy.linalg.norm(own) - peer / numpy.linalg.norm(peer)).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bench/balancers")
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--balancers", default="fixed,uncertainty,gradnorm,mgda,pcgrad,cagrad,nash,imtl,aligned,upgrad")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    cases = []
    for name in options.balancers.split(","):
        far = difference(options, name, 2 if name == "pcgrad" else options.tasks)
        own = ours(options, name, options.tasks, options.steps)["seconds"]
        peer = peer_seconds(name, options.tasks, options.width, options.steps)
        cases.append({"name": name, "ours": own, "peer": peer, "ratio": peer / own, "difference": far})
        if far > 1e-5:
            print(f"{name}: the two directions differ by {far:.3g}", flush=True)
    own = sum(case["ours"] for case in cases)
    peer = sum(case["peer"] for case in cases)
    result = {"name": "balancers", "ours": own, "peer": peer, "ratio": peer / own, "unit": "seconds for one step of each", "cases": cases}
    if options.json:
        print(json.dumps(result))
        return
    for case in cases:
        print(f"{case['name']:12} ours {case['ours'] * 1e3:8.2f} ms, peer {case['peer'] * 1e3:8.2f} ms, ratio {case['ratio']:.2f}, "
              f"directions differ by {case['difference']:.1e}")


if __name__ == "__main__":
    main()
