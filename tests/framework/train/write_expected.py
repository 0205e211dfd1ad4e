#!/usr/bin/env python3
"""Writes expected/optimisers.json: weights of a small network after ten steps of PyTorch's own optimisers and schedules.

Run with a Python that has PyTorch 2.11; the C++ test trains the same network on the same data and compares.
"""
import json
import math
import pathlib

import torch

STEPS, BATCH, INPUTS, HIDDEN, OUTPUTS = 10, 4, 6, 5, 3
BATCHES_PER_EPOCH = 5

CASES = {
    "adam": dict(optimizer="adam", learning_rate=0.01, weight_decay=0.0),
    "adam_weight_decay": dict(optimizer="adam", learning_rate=0.01, weight_decay=0.05),
    "sgd": dict(optimizer="sgd", learning_rate=0.1, weight_decay=0.0, momentum=0.0),
    "sgd_momentum": dict(optimizer="sgd", learning_rate=0.1, weight_decay=0.0, momentum=0.9),
    "sgd_momentum_weight_decay": dict(optimizer="sgd", learning_rate=0.1, weight_decay=0.05, momentum=0.9),
    "adam_step": dict(optimizer="adam", learning_rate=0.02, weight_decay=0.0, schedule="step", decay_at=[0.3, 0.7], decay_factor=0.2),
    "sgd_cosine": dict(optimizer="sgd", learning_rate=0.1, weight_decay=0.0, momentum=0.9, schedule="cosine"),
    "adam_warmup": dict(optimizer="adam", learning_rate=0.02, weight_decay=0.0, warmup=0.4),
    "sgd_clip": dict(optimizer="sgd", learning_rate=0.1, weight_decay=0.01, momentum=0.9, clip_norm=0.05),
    "adam_clip": dict(optimizer="adam", learning_rate=0.01, weight_decay=0.01, clip_norm=0.3),
}


def run(case, inputs, targets, start):
    net = torch.nn.Sequential(torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, OUTPUTS))
    net.load_state_dict(start)
    rate, decay = case["learning_rate"], case["weight_decay"]
    if case["optimizer"] == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay, foreach=False, fused=False)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=case["momentum"], weight_decay=decay, foreach=False)
    if case.get("schedule") == "step":
        milestones = [round(share * STEPS) for share in case["decay_at"]]
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=case["decay_factor"])
    elif case.get("schedule") == "cosine":
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    elif "warmup" in case:
        warmup = round(case["warmup"] * STEPS)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1)
    else:
        scheduler = None
    losses = []
    for step in range(STEPS):
        first = step % BATCHES_PER_EPOCH * BATCH
        loss = ((net(inputs[first:first + BATCH]) - targets[first:first + BATCH]) ** 2).mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if "clip_norm" in case:
            torch.nn.utils.clip_grad_norm_(net.parameters(), case["clip_norm"])
        optimizer.step()
        if scheduler:
            scheduler.step()
    return {"settings": case, "losses": losses, "weights": flat(net.state_dict())}


def flat(state):
    return {name: [float(value) for value in tensor.flatten()] for name, tensor in state.items()}


def main():
    torch.manual_seed(3)
    torch.set_num_threads(1)
    rows = BATCH * BATCHES_PER_EPOCH
    inputs = torch.randn(rows, INPUTS)
    targets = torch.sin(inputs[:, :OUTPUTS] * math.pi) + 0.1 * torch.randn(rows, OUTPUTS)
    start = torch.nn.Sequential(torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, OUTPUTS)).state_dict()
    start = {name: tensor.clone() for name, tensor in start.items()}
    result = {
        "torch": torch.__version__,
        "steps": STEPS,
        "batch_size": BATCH,
        "inputs": inputs.tolist(),
        "targets": targets.tolist(),
        "start": flat(start),
        "cases": {name: run(case, inputs, targets, start) for name, case in CASES.items()},
    }
    path = pathlib.Path(__file__).parent / "expected" / "optimisers.json"
    path.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
