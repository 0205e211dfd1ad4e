#!/usr/bin/env python3
"""Writes expected/torch/: small files of torch.save in every shape that the reader knows or refuses, and values.safetensors with what is in them
under "<file>/<name>". Also the seeds of the fuzz targets in tests/fuzz/seeds.

Run with a Python that has PyTorch 2.11 and safetensors. The files are read by torch_weights_test.cpp.
"""
import collections
import os
import pathlib
import pickle
import zipfile

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "expected" / "torch"
SEEDS = HERE.parent.parent / "fuzz" / "seeds"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(2, 3, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(3)
        self.fc = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(self.bn1(self.conv1(x)).mean((2, 3)))


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/affinis-evil",)


def types():
    base = torch.arange(24, dtype=torch.float32)
    return {
        "double": torch.linspace(-1, 1, 5, dtype=torch.float64),
        "half": torch.linspace(-1, 1, 5).half(),
        "bfloat16": torch.linspace(-1, 1, 5).bfloat16(),
        "long": torch.tensor([[1, -2], [3, 1 << 40]]),
        "int": torch.tensor([1, -2], dtype=torch.int32),
        "short": torch.tensor([1, -2], dtype=torch.int16),
        "char": torch.tensor([1, -2], dtype=torch.int8),
        "byte": torch.tensor([1, 254], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "transposed": base.view(4, 6).t(),
        "part": base[5:9],
        "whole": base,
        "channels_last": torch.arange(16, dtype=torch.float32).view(1, 4, 2, 2).contiguous(memory_format=torch.channels_last),
    }


def main():
    torch.manual_seed(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    net = Net()
    net(torch.randn(4, 2, 5, 5))
    state = net.state_dict()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.randn(4, 2, 5, 5)).sum().backward()
    optimizer.step()
    state = {k: v.clone() for k, v in net.state_dict().items()}
    ordered = net.state_dict()
    values = {}

    def save(name, what, tensors, **options):
        torch.save(what, FOLDER / (name + ".pt"), **options)
        for key, tensor in (tensors or {}).items():
            values[name + "/" + key] = tensor.detach().contiguous().clone()

    save("ordered", ordered, state)
    save("plain", dict(state), state)
    save("protocol4", dict(state), state, pickle_protocol=4)
    parallel = collections.OrderedDict(("module." + k, v) for k, v in state.items())
    save("nested", {"epoch": 3, "arch": "net", "state_dict": parallel, "best": 0.5, "optimizer": optimizer.state_dict(), "large": 1 << 70}, state)
    save("model", {"model": ordered, "args": {"lr": 0.1, "betas": (0.9, 0.999), "name": None, "amp": True}}, state)
    save("parameters", dict(net.named_parameters()), dict(net.named_parameters()))
    save("types", types(), types())
    save("legacy", dict(state), None, _use_new_zipfile_serialization=False)
    save("module", net, None)
    save("no_tensors", {"epoch": 3, "lr": 0.1}, None)
    save("list", [torch.zeros(2)], None)
    save("evil", {"weight": torch.zeros(2), "payload": Evil()}, None)
    torch.jit.save(torch.jit.script(net), FOLDER / "scripted.pt")
    save_file(values, FOLDER / "values.safetensors")

    for kind in ("torch_weights", "pickle", "safetensors"):
        (SEEDS / kind).mkdir(parents=True, exist_ok=True)
    for name in ("plain", "nested", "types"):
        data = (FOLDER / (name + ".pt")).read_bytes()
        with zipfile.ZipFile(FOLDER / (name + ".pt")) as archive:
            text = archive.read(name + "/data.pkl")
        (SEEDS / "pickle" / (name + ".pkl")).write_bytes(text)
        (SEEDS / "torch_weights" / (name + ".pt")).write_bytes(b"\x00" + data)
        (SEEDS / "torch_weights" / (name + ".pkl")).write_bytes(b"\x01" + text)
    (SEEDS / "pickle" / "protocol4.pkl").write_bytes(pickle.dumps({"a": [1, 2.5, "text"], "b": (None, True)}, protocol=4))
    save_file({"weight": torch.arange(6, dtype=torch.float32).view(2, 3), "steps": torch.tensor(3)}, SEEDS / "safetensors" / "two.safetensors")


if __name__ == "__main__":
    main()
