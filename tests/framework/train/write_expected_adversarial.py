#!/usr/bin/env python3
"""Writes expected/adversarial_step.safetensors: one step of a discriminator and of what it judges in plain PyTorch, in double precision.

    python3 tests/framework/train/write_expected_adversarial.py        (needs torch, numpy and safetensors)

A 3x3 convolution predicts one channel from three; of four images one has no label at all and the others lack some pixels. First the
discriminator takes a step of SGD on half the cross-entropy of targets (0.9) and half that of predictions (0), then it judges the same
predictions (towards 1) and their loss is mixed into the masked L1 loss. There is no noise: adversarial_test.cpp compares its size alone.

    input, target, mask, generator.*, discriminator.*   before the step
    weight, rate, decay                                 adversarial_weight, discriminator_rate, L2 on the discriminator
    reconstruction, discriminator_loss, adversarial_loss, total
    after.*                                             the discriminator after the step, its norms' statistics too
    grad.*                                              the generator's gradients
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "nn"))

from write_expected import randomise
from write_expected_discriminator import Discriminator

WEIGHT, RATE, DECAY = 0.3, 0.2, 0.01


def cross_entropy(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def main():
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(5)
    images = 4
    generator = torch.nn.Conv2d(3, 1, 3, padding=1)
    discriminator = Discriminator(4, 16, 4)
    randomise(generator, random)
    randomise(discriminator, random)
    values = {
        "input": torch.rand((images, 3, 16, 16), generator=random) * 2 - 1,
        "target": torch.rand((images, 1, 16, 16), generator=random) * 2 - 1,
        "mask": (torch.rand((images, 1, 16, 16), generator=random) < 0.7).float(),
    }
    values["mask"][2] = 0
    values |= {f"generator.{name}": value.clone() for name, value in generator.state_dict().items()}
    values |= {f"discriminator.{name}": value.clone() for name, value in discriminator.state_dict().items()}
    generator.double()
    discriminator.double().train()
    x, target, mask = (values[name].double() for name in ("input", "target", "mask"))
    prediction = generator(x)
    labelled = [0, 1, 3]
    per_image = [((prediction[i] - target[i]).abs() * mask[i]).sum() / mask[i].sum() for i in labelled]
    reconstruction = sum(per_image) / len(per_image)

    real = torch.cat([x, target * mask], 1)[labelled]
    fake = torch.cat([x, prediction * mask], 1)[labelled]
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=RATE, weight_decay=DECAY)
    discriminator_loss = cross_entropy(discriminator(real), 0.9) / 2 + cross_entropy(discriminator(fake.detach()), 0) / 2
    discriminator_loss.backward()
    optimizer.step()

    adversarial_loss = cross_entropy(discriminator(fake), 1)
    total = (1 - WEIGHT) * reconstruction + WEIGHT * adversarial_loss
    total.backward()
    scalars = {"weight": WEIGHT, "rate": RATE, "decay": DECAY, "reconstruction": reconstruction, "total": total,
               "discriminator_loss": discriminator_loss, "adversarial_loss": adversarial_loss}
    values |= {name: torch.as_tensor(value).detach().reshape(1) for name, value in scalars.items()}
    values |= {f"after.{name}": value for name, value in discriminator.state_dict().items()}
    values |= {f"grad.{name}": value.grad for name, value in generator.named_parameters()}
    values = {name: (value.float() if value.is_floating_point() else value).contiguous() for name, value in values.items()}
    save_file(values, HERE / "expected" / "adversarial_step.safetensors", metadata={"torch": torch.__version__})


if __name__ == "__main__":
    main()
