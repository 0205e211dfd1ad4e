"""The peer of the loader bench: the same store through PyTorch's DataLoader, h5py and Pillow, written as one usually does.

    python3 loader_peer.py STORE --batch 32 --workers 2 --epochs 3

prints images a second of each epoch after the first.
"""
import argparse
import io
import time

import h5py
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Store(Dataset):
    def __init__(self, path):
        self.path = path
        self.file = None
        with h5py.File(path, "r") as file:
            self.length = len(file["index/view"])
            self.offsets = file["offsets/rgb"][:]

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        if self.file is None:  # once a worker: HDF5 files do not survive a fork
            self.file = h5py.File(self.path, "r")
            self.rgb = self.file["fields/rgb"]
            self.depth = self.file["fields/depth_zbuffer"]
            self.normal = self.file["fields/normal"]
        jpeg = self.rgb[self.offsets[i] : self.offsets[i + 1]]
        rgb = np.array(Image.open(io.BytesIO(jpeg.tobytes())).convert("RGB"))
        rgb = torch.from_numpy(rgb).permute(2, 0, 1).float() / 255
        normal = torch.from_numpy(self.normal[i]).permute(2, 0, 1).float() * (2 / 255) - 1
        depth = torch.from_numpy(self.depth[i].astype(np.float32))[None] / 512
        return rgb, normal, depth


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loader = DataLoader(
        Store(arguments.store),
        batch_size=arguments.batch,
        shuffle=True,
        num_workers=arguments.workers,
        persistent_workers=arguments.workers > 0,
    )
    for epoch in range(arguments.epochs + 1):
        images = 0
        start = time.perf_counter()
        for rgb, _, _ in loader:
            images += len(rgb)
        if epoch > 0:
            print(f"{images / (time.perf_counter() - start):.2f}", flush=True)


if __name__ == "__main__":
    main()
