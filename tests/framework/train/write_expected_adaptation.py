#!/usr/bin/env python3
"""Writes expected/adaptation.json: a trunk and a head after eight steps of PyTorch's optimisers with parameter groups and with L2-SP, DELTA and
batch spectral shrinkage, and the last two's values and gradients on tensors alone.

Run with a Python that has PyTorch 2.11; the C++ tests train the same network on the same data and compare.
"""
import copy
import json
import pathlib

import torch

STEPS, BATCH, INPUTS, HIDDEN, FEATURES, OUTPUTS = 8, 4, 6, 5, 4, 3
BATCHES_PER_EPOCH = 5

SGD = dict(optimizer="sgd", learning_rate=0.1, weight_decay=0.05, momentum=0.9)
ADAM = dict(optimizer="adam", learning_rate=0.01, weight_decay=0.05)
CASES = {
    "sgd_backbone": (SGD, dict(backbone_rate=0.1)),
    "adam_backbone_layers": (ADAM, dict(backbone_rate=0.5, layer_decay=0.25)),
    "sgd_no_decay_on_biases": (SGD, dict(decay_norms=False)),
    "adam_no_decay_on_biases": (ADAM, dict(decay_norms=False, backbone_rate=0.2)),
    "sgd_l2_sp": (SGD, dict(l2_sp=0.3)),
    "adam_l2_sp_and_new": (ADAM, dict(l2_sp=0.3, l2_new=0.2)),
    "sgd_delta": (SGD, dict(delta=0.7)),
    "sgd_bss": (SGD, dict(bss=0.5, bss_count=2)),
    "adam_all": (dict(ADAM, clip_norm=0.3), dict(l2_sp=0.1, l2_new=0.05, delta=0.4, bss=0.2, backbone_rate=0.3, decay_norms=False)),
    "sgd_freeze_lower": (SGD, dict(freeze="stages", freeze_count=1)),
    "adam_probe_then_all": (ADAM, dict(probe=0.5, backbone_rate=0.1)),
}


def mlp(inputs, outputs):
    return torch.nn.Sequential(torch.nn.Linear(inputs, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, outputs))


def groups(trunk, head, training, adaptation):
    """Each parameter with its rate and decay."""
    result = []
    lowest = adaptation.get("backbone_rate", 1.0) * adaptation.get("layer_decay", 1.0)
    for module, prefix in ((trunk, "trunk."), (head, "head.")):
        for name, parameter in module.named_parameters():
            rate, decay = 1.0, training["weight_decay"]
            if prefix == "trunk.":
                rate = lowest if name.startswith("0.") else adaptation.get("backbone_rate", 1.0)
            if not adaptation.get("decay_norms", True) and parameter.dim() <= 1:
                decay = 0.0
            if adaptation.get("l2_sp" if prefix == "trunk." else "l2_new", 0):
                decay = 0.0
            result.append(dict(params=[parameter], lr=training["learning_rate"] * rate, weight_decay=decay))
    return result


def optimizer_of(training, parameter_groups):
    if training["optimizer"] == "adam":
        return torch.optim.Adam(parameter_groups, foreach=False, fused=False)
    return torch.optim.SGD(parameter_groups, momentum=training["momentum"], foreach=False)


def bss(features, count):
    return torch.linalg.svdvals(features)[-count:].square().sum()


def run(training, adaptation, start, inputs, targets):
    trunk, head = mlp(INPUTS, FEATURES), mlp(FEATURES, OUTPUTS)
    trunk.load_state_dict(start["trunk"])
    head.load_state_dict(start["head"])
    began = copy.deepcopy(trunk)
    parameter_groups = groups(trunk, head, training, adaptation)
    if adaptation.get("freeze") == "stages":
        parameter_groups = parameter_groups[2:]
        trunk[0].requires_grad_(False)
    probe = round(adaptation.get("probe", 0) * STEPS)
    optimizer = optimizer_of(training, parameter_groups)
    losses = []
    for step in range(STEPS):
        trunk.requires_grad_(step >= probe) if probe else None
        first = step % BATCHES_PER_EPOCH * BATCH
        features = trunk(inputs[first:first + BATCH])
        loss = ((head(features) - targets[first:first + BATCH]) ** 2).mean()
        losses.append(loss.item())
        total = loss
        if "l2_sp" in adaptation:
            total = total + adaptation["l2_sp"] / 2 * sum(((p - q.detach()) ** 2).sum() for p, q in zip(trunk.parameters(), began.parameters()))
        if "l2_new" in adaptation:
            total = total + adaptation["l2_new"] / 2 * sum((p ** 2).sum() for p in head.parameters())
        if "delta" in adaptation:
            total = total + adaptation["delta"] * 0.5 * ((features - began(inputs[first:first + BATCH]).detach()) ** 2).sum() / BATCH
        if "bss" in adaptation:
            total = total + adaptation["bss"] * bss(features, adaptation["bss_count"] if "bss_count" in adaptation else 1)
        optimizer.zero_grad()
        total.backward()
        if "clip_norm" in training:
            torch.nn.utils.clip_grad_norm_([p for g in parameter_groups for p in g["params"]], training["clip_norm"])
        optimizer.step()
    return dict(training=training, adaptation=adaptation, losses=losses,
                weights={"trunk." + k: v.flatten().tolist() for k, v in trunk.state_dict().items()} |
                        {"head." + k: v.flatten().tolist() for k, v in head.state_dict().items()})


def wave(*shape, scale=0.37):
    count = 1
    for side in shape:
        count *= side
    return (torch.arange(count, dtype=torch.float32) * scale).sin().reshape(shape)


def bss_case(rows, columns, count):
    features = torch.randn(rows, columns, dtype=torch.float64).requires_grad_()
    value = bss(features, count)
    value.backward()
    return dict(features=features.tolist(), count=count, value=value.item(), gradient=features.grad.flatten().tolist())


def delta_case():
    """TLlib's attention form with equal weights: W = 1 / C, times C / (H W), halved; here a mean over examples, not a sum."""
    began = [wave(2, 3, 4, 4, scale=0.2), wave(2, 6, 2, 2, scale=0.3)]
    maps = [wave(2, 3, 4, 4, scale=0.9).requires_grad_(), wave(2, 6, 2, 2, scale=0.8).requires_grad_()]
    value = 0
    for new, old in zip(maps, began):
        batch, channels, height, width = new.shape
        distance = torch.norm((new - old).reshape(batch, channels, -1), 2, 2) ** 2
        weights = torch.full((channels,), 1 / channels)
        value = value + 0.5 * (channels * weights * distance / (height * width)).sum() / batch
    value.backward()
    return dict(value=value.item(), gradients=[each.grad.flatten().tolist() for each in maps])


def main():
    torch.manual_seed(3)
    start = dict(trunk=mlp(INPUTS, FEATURES).state_dict(), head=mlp(FEATURES, OUTPUTS).state_dict())
    inputs = torch.randn(BATCH * BATCHES_PER_EPOCH, INPUTS)
    targets = torch.randn(BATCH * BATCHES_PER_EPOCH, OUTPUTS)
    expected = dict(
        steps=STEPS, batch_size=BATCH, hidden=HIDDEN, features=FEATURES, inputs=inputs.tolist(), targets=targets.tolist(),
        start={part + "." + k: v.flatten().tolist() for part, state in start.items() for k, v in state.items()},
        cases={name: run(training, adaptation, start, inputs, targets) for name, (training, adaptation) in CASES.items()},
        bss=[bss_case(4, 7, 1), bss_case(7, 4, 2), bss_case(5, 5, 9)], delta=delta_case())
    path = pathlib.Path(__file__).parent / "expected" / "adaptation.json"
    path.write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
