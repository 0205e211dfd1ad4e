"""The peer of the step bench: a training step of encoder and decoder in plain PyTorch, eager.

    step_peer.py --scale desk --batch 16 --threads 1 --steps 10 [--channels-last]

prints milliseconds, wall clock and processor, one line a step.
"""

import argparse
import importlib.util
import pathlib
import time

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]


def plain_networks():
    """The networks that the parity tests compare ours with."""
    spec = importlib.util.spec_from_file_location("plain_networks", ROOT / "tests" / "framework" / "nn" / "write_expected.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", choices=["desk", "paper"], default="desk")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    side, width = {"desk": (64, 16), "paper": (256, 64)}[options.scale]
    plain = plain_networks()
    network = torch.nn.Sequential(plain.Encoder(width, True), plain.Decoder(plain.DENSE, 8, 3, width, 3, True))
    image = torch.rand(options.batch, 3, side, side) * 2 - 1
    target = torch.rand(options.batch, 3, side, side) * 2 - 1
    if options.channels_last:
        network.to(memory_format=torch.channels_last)
        image = image.contiguous(memory_format=torch.channels_last)
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-5)
    for _ in range(options.steps):
        begin = (time.perf_counter(), time.process_time())
        optimizer.zero_grad()
        loss = F.l1_loss(network(image), target)
        loss.item()
        loss.backward()
        optimizer.step()
        print(f"{(time.perf_counter() - begin[0]) * 1e3:.3f} {(time.process_time() - begin[1]) * 1e3:.3f}", flush=True)


if __name__ == "__main__":
    main()
