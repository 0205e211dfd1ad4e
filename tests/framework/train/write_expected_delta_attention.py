#!/usr/bin/env python3
"""Writes expected/delta_attention.json: what plain PyTorch makes of DELTA's supervised attention (Li et al. 2019) on a tiny trunk with BatchNorm, by
forward hooks that switch one channel off and whole passes: the rise of the loss for each channel, the weights that the authors' code makes of
them, and a training whose head learns alone in its first half and whose trunk is held by the weighed distance in its second.

Run with a Python that has PyTorch 2.11; delta_attention_test.cpp builds the same network, tiny_trunk.h's, and compares.
"""
import copy
import json
import pathlib

import torch
from torch import nn

STEPS, BATCH, IMAGES, EXAMPLES = 8, 4, 12, 6
HIDDEN, OUTPUTS = 5, 3
TRAINING = dict(optimizer="sgd", learning_rate=0.05, weight_decay=0.02, momentum=0.9)
ADAPTATION = dict(probe=0.5, delta=0.7, delta_attention="supervised", delta_examples=EXAMPLES, backbone_rate=0.5)


class Unit(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.bn1(self.conv1(x)).relu()


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Unit(), Unit())
        self.layer2 = nn.Sequential(Unit())
        self.compress = nn.Conv2d(4, 2, 3, padding=1, bias=False)
        self.compress_bn = nn.BatchNorm2d(2)

    def forward(self, x):
        x = self.layer2(self.layer1(self.bn1(self.conv1(x)).relu()))
        return self.compress_bn(self.compress(x)).relu()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = Trunk()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(2 * 36, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, OUTPUTS))

    def forward(self, x):
        return self.head(self.trunk(x))

    def maps(self):
        return [self.trunk.layer1, self.trunk.layer2, self.trunk]


def rises(network, inputs, targets):
    """Of a double-precision copy: single precision would say too little about differences."""
    network = copy.deepcopy(network).double().eval()
    inputs, targets = inputs.double(), targets.double()
    with torch.no_grad():
        whole = nn.functional.mse_loss(network(inputs), targets).item()
        result = []
        for module, channels in zip(network.maps(), (4, 4, 2)):
            losses = []
            for channel in range(channels):
                def switch_off(_module, _input, output, channel=channel):
                    keep = torch.ones(output.shape[1], dtype=output.dtype)
                    keep[channel] = 0
                    return output * keep.view(1, -1, 1, 1)

                handle = module.register_forward_hook(switch_off)
                losses.append(nn.functional.mse_loss(network(inputs), targets).item() - whole)
                handle.remove()
            result.append(torch.tensor(losses, dtype=torch.float64))
    return result


def attention(rise):
    return torch.softmax((rise - rise.mean()) / rise.std(unbiased=False) / 5, 0)


def shown(network, inputs):
    """Prediction and maps."""
    maps = []
    handles = [module.register_forward_hook(lambda _module, _input, output: maps.append(output)) for module in network.maps()]
    prediction = network(inputs)
    for handle in handles:
        handle.remove()
    return prediction, maps


def train(network, inputs, targets):
    began = copy.deepcopy(network).eval()
    optimizer = torch.optim.SGD(
        [dict(params=network.trunk.parameters(), lr=TRAINING["learning_rate"] * ADAPTATION["backbone_rate"]), dict(params=network.head.parameters())],
        lr=TRAINING["learning_rate"], momentum=TRAINING["momentum"], weight_decay=TRAINING["weight_decay"], foreach=False)
    probe = round(ADAPTATION["probe"] * STEPS)
    losses, weights = [], None
    for step in range(STEPS):
        alone = step < probe
        if step == probe:
            weights = [attention(rise).float() for rise in rises(network, inputs[:EXAMPLES], targets[:EXAMPLES])]
        network.train()
        network.trunk.train(not alone).requires_grad_(not alone)
        first = step * BATCH % IMAGES
        batch = inputs[first:first + BATCH]
        prediction, maps = shown(network, batch)
        loss = nn.functional.mse_loss(prediction, targets[first:first + BATCH])
        losses.append(loss.item())
        if not alone:
            with torch.no_grad():
                before = shown(began, batch)[1]
            for new, old, weight in zip(maps, before, weights):
                distance = torch.norm((new - old).flatten(2), 2, 2) ** 2
                channels, places = new.shape[1], new.shape[2] * new.shape[3]
                loss = loss + ADAPTATION["delta"] * 0.5 * (channels * weight * distance / places).sum() / BATCH
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses, weights


def flat(network):
    names = {"head.1.": "heads.toy.0.", "head.3.": "heads.toy.2."}
    state = {}
    for name, value in network.state_dict().items():
        for theirs, ours in names.items():
            name = name.replace(theirs, ours)
        state[name] = value.flatten().tolist()
    return state


def main():
    torch.manual_seed(5)
    network = Network()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.3, 0.6)
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.3, 1.2)
    inputs = torch.randn(IMAGES, 3, 6, 6)
    targets = torch.randn(IMAGES, OUTPUTS)
    start = flat(network)
    at_start = rises(network, inputs[:EXAMPLES], targets[:EXAMPLES])
    losses, weights = train(network, inputs, targets)
    expected = dict(
        steps=STEPS, batch_size=BATCH, examples=EXAMPLES, hidden=HIDDEN, training=TRAINING, adaptation=ADAPTATION,
        inputs=inputs.flatten().tolist(), targets=targets.flatten().tolist(), start=start,
        at_start=dict(rises=[each.tolist() for each in at_start], attention=[attention(each).tolist() for each in at_start]),
        losses=losses, attention=[each.tolist() for each in weights], end=flat(network))
    path = pathlib.Path(__file__).parent / "expected" / "delta_attention.json"
    path.write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
