#!/usr/bin/env python3
"""Writes the values that parity_test.cpp compares with: the same networks in plain PyTorch, at small widths, run in double precision.

    python3 tests/framework/nn/write_expected.py        (needs torch, numpy and safetensors; writes tests/framework/nn/expected/)

Each NAME.safetensors holds
    state.<name>      parameters and buffers before anything ran
    input             what the network was given
    eval              its output in evaluation mode, with the buffers above
    train             its output in training mode, from the same state (where nothing is random)
    after.<name>      the buffers after that one forward pass
    grad.input, grad.<name>   gradients of sum(train * probe), for some parameters
    probe             the weights of that sum: a plain sum would be blind to BatchNorm, whose outputs sum to a constant
resnet50_state.txt lists torchvision's state entries of ResNet-50: name, element type, shape.
"""

import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent / "expected"


class Bottleneck(nn.Module):
    def __init__(self, channels_in, width, stride):
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.stride = stride
        self.downsample = None
        if channels_in != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample(x)
        elif self.stride > 1:
            x = F.max_pool2d(x, 1, self.stride)
        return F.relu(y + x)


class ResNet(nn.Module):
    """Stem and four stages; `slim` puts a stage's stride into its last unit and pads the pool as TensorFlow's SAME does."""

    def __init__(self, width, strides, slim):
        super().__init__()
        self.slim = slim
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for stage, (units, stride) in enumerate(zip((3, 4, 6, 3), strides)):
            strided = units - 1 if slim else 0
            blocks = []
            for unit in range(units):
                blocks.append(Bottleneck(channels, width << stage, stride if unit == strided else 1))
                channels = 4 * (width << stage)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def trunk(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if self.slim:
            x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=float("-inf")), 3, 2)
        else:
            x = F.max_pool2d(x, 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class Encoder(ResNet):
    def __init__(self, width, slim):
        super().__init__(width, (2, 2, 1, 1) if slim else (1, 2, 2, 1), slim)
        self.compress = nn.Conv2d(32 * width, 8, 3, padding=1, bias=False)
        self.compress_bn = nn.BatchNorm2d(8)

    def forward(self, x):
        return F.relu(self.compress_bn(self.compress(self.trunk(x))))


class ResNet50(ResNet):
    def __init__(self):
        super().__init__(64, (1, 2, 2, 2), False)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        return self.fc(self.trunk(x).mean((2, 3)))


class DecoderLayer(nn.Module):
    def __init__(self, channels_in, out, doubles):
        super().__init__()
        if doubles:
            self.conv = nn.ConvTranspose2d(channels_in, out, 3, stride=2, padding=1, output_padding=1, bias=False)
        else:
            self.conv = nn.Conv2d(channels_in, out, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x):
        return F.leaky_relu(self.bn(self.conv(x)), 0.2)


DENSE = [(1024, 0), (1024, 0), (512, 0), (256, 0), (256, 0), (128, 0), (64, 1), (64, 0), (32, 1), (32, 0), (16, 1), (32, 0), (16, 1)]
QUARTER = [(1024, 0)] * 2 + [(512, 0)] * 4 + [(256, 0)] * 3 + [(256, 1), (256, 0), (256, 1)]


class Decoder(nn.Module):
    def __init__(self, rows, channels, outputs, width, kernel, tanh):
        super().__init__()
        self.tanh = tanh
        self.names = []
        for number, (out, doubles) in enumerate(rows, start=2):
            out = max(8, out * width // 64)
            setattr(self, f"layer{number}", DecoderLayer(channels, out, doubles))
            self.names.append(f"layer{number}")
            channels = out
        self.output = nn.Conv2d(channels, outputs, kernel, padding=kernel // 2)

    def forward(self, x):
        for name in self.names:
            x = getattr(self, name)(x)
        x = self.output(x)
        return torch.tanh(x) if self.tanh else x


class VectorHead(nn.Module):
    def __init__(self, features, hidden, outputs, batch_norm):
        super().__init__()
        self.hidden1 = nn.Linear(features, hidden, bias=not batch_norm)
        self.hidden2 = nn.Linear(hidden, hidden, bias=not batch_norm)
        if batch_norm:
            self.bn1 = nn.BatchNorm1d(hidden)
            self.bn2 = nn.BatchNorm1d(hidden)
        self.output = nn.Linear(hidden, outputs)
        self.batch_norm = batch_norm

    def forward(self, x):
        x = x.flatten(1)
        for i in (1, 2):
            x = getattr(self, f"hidden{i}")(x)
            x = F.relu(getattr(self, f"bn{i}")(x) if self.batch_norm else x)
        return self.output(x)


def randomise(module, generator):
    """Weights near He's, norms and statistics away from 1 and 0, so that mixing any two up shows."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() > 1:
                p.copy_(noise * (2.0 / (p[0].numel())) ** 0.5)
            elif name.endswith("weight"):
                # Residuals below their shortcuts: 50 layers of statistics over few values would magnify rounding otherwise.
                p.copy_((0.25 if ".bn3." in name else 1) * (1 + 0.2 * noise))
            else:
                p.copy_(0.1 * noise)
        for name, b in module.named_buffers():
            if name.endswith("running_mean"):
                b.copy_(0.1 * torch.randn(b.shape, generator=generator))
            if name.endswith("running_var"):
                b.copy_(1 + torch.rand(b.shape, generator=generator))


def write(name, module, shape, seed, gradients):
    generator = torch.Generator().manual_seed(seed)
    randomise(module, generator)
    tensors = {f"state.{k}": v.clone() for k, v in module.state_dict().items()}
    x = torch.randn(shape, generator=generator, requires_grad=True)
    tensors["input"] = x.detach()
    module.double().eval()
    x = x.detach().double().requires_grad_()
    with torch.no_grad():
        tensors["eval"] = module(x)
    module.train()
    y = module(x)
    probe = torch.randn(y.shape, generator=generator) / y.numel() ** 0.5
    (y * probe).sum().backward()
    tensors |= {"train": y.detach(), "probe": probe, "grad.input": x.grad}
    tensors |= {f"after.{k}": v for k, v in module.named_buffers()}
    parameters = dict(module.named_parameters())
    tensors |= {f"grad.{k}": parameters[k].grad for k in gradients}
    tensors = {k: (v.float() if v.is_floating_point() else v).contiguous() for k, v in tensors.items()}
    save_file(tensors, FOLDER / f"{name}.safetensors", metadata={"torch": torch.__version__})


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for slim in (True, False):
        write("encoder_last_unit" if slim else "encoder_first_unit", Encoder(3, slim), (8, 3, 48, 48), 1,
              ["conv1.weight", "layer1.0.downsample.0.weight", "layer1.2.conv2.weight", "layer2.3.bn3.weight", "layer3.0.conv1.weight",
               "compress_bn.bias"])
    write("dense_decoder", Decoder(DENSE, 16, 3, 4, 3, True), (6, 16, 2, 2), 2,
          ["layer2.conv.weight", "layer8.conv.weight", "layer10.bn.weight", "layer14.conv.weight", "output.weight", "output.bias"])
    write("dense_decoder_one_channel", Decoder(DENSE, 8, 1, 4, 3, False), (5, 8, 2, 3), 3,
          ["layer3.conv.weight", "layer9.conv.weight", "layer12.bn.bias", "output.weight", "output.bias"])
    write("quarter_decoder", Decoder(QUARTER, 8, 11, 2, 1, False), (3, 8, 3, 3), 4,
          ["layer2.conv.weight", "layer11.conv.weight", "output.weight"])
    write("vector_head", VectorHead(32, 12, 5, True), (6, 2, 4, 4), 5, ["hidden1.weight", "bn2.weight", "output.bias"])
    write("vector_head_no_norm", VectorHead(32, 12, 5, False), (6, 32), 6, ["hidden1.weight", "hidden2.bias", "output.bias"])
    with torch.device("meta"):
        entries = ResNet50().state_dict()
    lines = [f"{k} {str(v.dtype).removeprefix('torch.')} {'x'.join(map(str, v.shape)) or 'scalar'}\n" for k, v in entries.items()]
    (FOLDER / "resnet50_state.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
