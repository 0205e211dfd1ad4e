"""The peer of the matrix bench: first-order transfers in plain PyTorch, as one writes them from the Taskonomy paper (Zamir et al. 2018).

    matrix_peer.py --data DIR --networks DIR --targets a,b --sources a,b,c --steps 120 --seed 1 --out FILE

For every pair: the source's frozen encoder in evaluation mode and without gradients in the loop, a transfer function and the target's
decoder trained on the transfer split through a DataLoader, then a loss for every test image. DIR/TASK.safetensors are trained networks
of Affinis, DIR of --data is the data set that it rendered. FILE gets per-image losses and where the time went, as JSON. With --check the
task networks themselves are evaluated, which shows that networks, labels and losses are the same on both sides.
"""

import argparse
import importlib.util
import io
import json
import math
import os
import pathlib
import resource
import time

import cv2
import h5py
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader, Dataset

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPRESENTATION = 8
DENSE_CHANNELS = {"autoencoder": 3, "denoise": 3, "edge2d": 1, "rgb2depth": 1, "rgb2sfnorm": 3, "reshade": 1}
TASKS = [*DENSE_CHANNELS, "segmentsemantic", "class_places"]
FIRST_INVALID_DEPTH = 64500
IGNORED = -100
DEPTHS = (np.log1p(np.arange(65536)) / math.log(65536)).astype(np.float32)


def plain_networks():
    """Encoder and decoders in plain PyTorch: the ones that the parity tests compare ours with."""
    spec = importlib.util.spec_from_file_location("plain_networks", ROOT / "tests" / "framework" / "nn" / "write_expected.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = plain_networks()


class Clock:
    """Adds up wall-clock seconds, and processor seconds of this process, by name."""

    def __init__(self):
        self.seconds = {}
        self.last = (time.perf_counter(), time.process_time())

    def lap(self, name):
        now = (time.perf_counter(), time.process_time())
        sums = self.seconds.setdefault(name, [0, 0])
        for i in range(2):
            sums[i] += now[i] - self.last[i]
        self.last = now


# ---- data


def edge_strength(grey, sigma):
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT_101)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REFLECT_101)
    return np.sqrt(across * across + down * down)


def step_edge(sigma):
    """Strength of the edge that fills the range of the task edge2d."""
    step = np.zeros((64, 64), np.float32)
    step[:, 32:] = 0.43
    return edge_strength(step, sigma).max()


def signed(values):
    return torch.from_numpy(np.ascontiguousarray(values)).float() * (2 / 255) - 1


class Rooms(Dataset):
    """Images of one split with the labels of one task: image [3, S, S] in [-1, 1], target, mask (1 where the label counts)."""

    def __init__(self, path, task):
        self.path = path
        self.task = task
        self.file = None
        with h5py.File(path, "r") as file:
            self.length = len(file["index/view"])
            self.offsets = file["offsets/rgb"][:]
            self.side = int(file["fields/depth_zbuffer"].shape[1])
            vocabularies = json.loads(file.attrs["vocabularies"])
        self.classes = {"segmentsemantic": len(vocabularies["semantic"]) - 1, "class_places": len(vocabularies["scene"])}.get(task)
        self.sigma = 2 / 512 * self.side
        self.edge_range = step_edge(self.sigma)

    def __len__(self):
        return self.length

    def field(self, name, i):
        return self.fields[name][i]

    def __getitem__(self, i):
        if self.file is None:  # once a worker: HDF5 files do not survive a fork
            self.file = h5py.File(self.path, "r")
            self.fields = self.file["fields"]
        jpeg = self.fields["rgb"][self.offsets[i] : self.offsets[i + 1]]
        rgb = np.array(Image.open(io.BytesIO(jpeg.tobytes())).convert("RGB"))
        image = signed(rgb.transpose(2, 0, 1))
        target, mask = self.label(i, rgb, image)
        return image, target, mask

    def label(self, i, rgb, image):
        everywhere = torch.ones(1, self.side, self.side)
        if self.task in ("autoencoder", "denoise"):
            return image, everywhere
        if self.task == "edge2d":
            grey = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
            strength = edge_strength(grey, self.sigma)
            return torch.from_numpy(np.minimum(strength * (2 / self.edge_range), 2) - 1)[None], everywhere
        if self.task == "segmentsemantic":
            labels = torch.from_numpy(self.field("semantic", i)).long()
            known = (labels != 0) & (labels != 255)
            return torch.where(known, labels - 1, IGNORED), known.float()
        if self.task == "class_places":
            label = int(self.field("room_class", i)[0])
            return torch.tensor(label if label >= 0 else IGNORED), torch.tensor(float(label >= 0))
        depth = self.field("depth_zbuffer", i)
        valid = depth < FIRST_INVALID_DEPTH
        if self.task == "rgb2depth":
            target = torch.from_numpy(DEPTHS[depth])[None]
        elif self.task == "reshade":
            target = signed(self.field("reshading", i))[None]
        else:
            normals = self.field("normal", i)
            valid &= (normals != 128).any(2)
            target = signed(normals.transpose(2, 0, 1))
        return target, torch.from_numpy(valid.astype(np.float32))[None]


# ---- networks


class Branch(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.bn2(F.relu(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class TransferFunction(nn.Module):
    def __init__(self, channels=REPRESENTATION, clip_sigma=5):
        super().__init__()
        self.clip_sigma = clip_sigma
        self.left = Branch(channels)
        self.right = Branch(channels)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x):
        if self.training:
            mean = x.mean((0, 2, 3), keepdim=True)
            reach = self.clip_sigma * x.std((0, 2, 3), unbiased=False, keepdim=True)
            x = torch.minimum(torch.maximum(x, mean - reach), mean + reach)
        return self.bn(torch.cat([self.left(x), self.right(x)], 1))


class VectorHead(nn.Module):
    def __init__(self, features, hidden, outputs):
        super().__init__()
        self.hidden1 = nn.Linear(features, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.output(F.dropout(F.relu(self.bn1(self.hidden1(x.flatten(1)))), 0.5, self.training))


def make_head(task, classes, channels, side, width):
    if task == "class_places":
        return VectorHead(channels * (side // 16) ** 2, 2048 * width // 64, classes)
    return PLAIN.Decoder(PLAIN.DENSE, channels, DENSE_CHANNELS.get(task, classes), width, 3, task != "segmentsemantic")


def initialise(module):
    """He's normal by what goes out, as ours."""
    for name, child in module.named_modules():
        if isinstance(child, nn.Linear):
            nn.init.trunc_normal_(child.weight, std=0.01, a=-0.02, b=0.02)
        elif isinstance(child, nn.ConvTranspose2d):
            nn.init.kaiming_normal_(child.weight, mode="fan_in")  # of its transpose, which is what goes out
        elif isinstance(child, nn.Conv2d):
            if name.endswith("output"):
                nn.init.normal_(child.weight, std=0.05)
            else:
                nn.init.kaiming_normal_(child.weight, mode="fan_out")
        if isinstance(child, (nn.Linear, nn.Conv2d)) and child.bias is not None:
            nn.init.zeros_(child.bias)


def load_encoder(path, width):
    state = load_file(path)
    encoder = PLAIN.Encoder(width, True)
    encoder.load_state_dict({k.removeprefix("trunk."): v for k, v in state.items() if k.startswith("trunk.")})
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    return encoder.eval()


# ---- training


def per_image_loss(task, prediction, target, mask):
    """[N]; NaN for images without a label."""
    if task in ("segmentsemantic", "class_places"):
        errors = F.cross_entropy(prediction, target, ignore_index=IGNORED, reduction="none").reshape(len(target), -1)
        return errors.sum(1) / mask.reshape(len(target), -1).sum(1)
    errors = (prediction - target).abs() * mask
    return errors.flatten(1).sum(1) / (mask.flatten(1).sum(1) * target.shape[1])


def batch_loss(task, prediction, target, mask):
    labelled = mask.flatten(1).any(1) if mask.dim() > 1 else mask > 0
    if not labelled.all():
        prediction, target, mask = prediction[labelled], target[labelled], mask[labelled]
    return per_image_loss(task, prediction, target, mask).mean()


def learning_rate_factor(step, steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def loader(options, split, task, batch_size, shuffle):
    dataset = Rooms(os.path.join(options.data, f"{split}.h5"), task)
    workers = {"persistent_workers": True} if options.workers > 0 else {}
    return dataset, DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, num_workers=options.workers, **workers)


def endless(batches):
    while True:
        yield from batches


@torch.no_grad()
def evaluate(task, predict, batches, clock):
    losses = []
    for image, target, mask in batches:
        clock.lap("evaluation data")
        losses.append(per_image_loss(task, predict(image), target, mask))
        clock.lap("evaluation")
    return torch.cat(losses)


def train_transfer(options, source, target, clock):
    torch.manual_seed(options.seed)
    dataset, training = loader(options, "transfer", target, options.batch_size, True)
    encoder = load_encoder(os.path.join(options.networks, f"{source}.safetensors"), options.width)
    network = nn.Sequential(TransferFunction(), make_head(target, dataset.classes, 2 * REPRESENTATION, dataset.side, options.width))
    initialise(network)
    if options.tuned:
        encoder.to(memory_format=torch.channels_last)
        network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, weight_decay=1e-5, fused=True if options.tuned else None)
    warmup = round(options.warmup * options.steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, options.steps, warmup))
    network.train()
    batches = endless(training)
    clock.lap("set-up")
    for _ in range(options.steps):
        image, label, mask = next(batches)
        clock.lap("data")
        with torch.no_grad():
            representation = encoder(image)
        clock.lap("encoder")
        optimizer.zero_grad()
        prediction = network(representation)
        loss = batch_loss(target, prediction, label, mask)
        loss.backward()
        optimizer.step()
        schedule.step()
        clock.lap("training")
    network.eval()
    _, test = loader(options, "test", target, 64, False)
    losses = evaluate(target, lambda image: network(encoder(image)), test, clock)
    del batches, training, test  # ends their workers
    clock.lap("set-up")
    return losses


def check_network(options, task, clock):
    """Per-image losses of a task's own network, encoder and decoder as they were trained."""
    path = os.path.join(options.networks, f"{task}.safetensors")
    dataset, test = loader(options, "test", task, 64, False)
    head = make_head(task, dataset.classes, REPRESENTATION, dataset.side, options.width)
    head.load_state_dict({k.split(".", 2)[2]: v for k, v in load_file(path).items() if k.startswith("heads.")})
    encoder = load_encoder(path, options.width)
    head.eval()
    return evaluate(task, lambda image: head(encoder(image)), test, clock)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with transfer.h5 and test.h5")
    parser.add_argument("--networks", required=True, help="folder with TASK.safetensors")
    parser.add_argument("--sources", default="", help="separated by commas")
    parser.add_argument("--targets", default="", help="separated by commas")
    parser.add_argument("--check", default="", help="evaluate these tasks' own networks")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--warmup", type=float, default=0.05, help="share of the steps")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="DataLoader worker processes")
    parser.add_argument("--tuned", action="store_true", help="channels-last memory and the fused optimiser")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = Clock()
    result = {"losses": {}, "check": {}}
    for task in filter(None, options.check.split(",")):
        result["check"][task] = check_network(options, task, clock).tolist()
    for target in filter(None, options.targets.split(",")):
        for source in options.sources.split(","):
            result["losses"].setdefault(target, {})[source] = train_transfer(options, source, target, clock).tolist()
    own = resource.getrusage(resource.RUSAGE_SELF)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    result["breakdown"] = clock.seconds
    result["cpu_seconds"] = {"main": own.ru_utime + own.ru_stime, "workers": workers.ru_utime + workers.ru_stime}
    with open(options.out, "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
