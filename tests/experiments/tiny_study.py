"""An experiment of three tasks and three training steps, the smallest that goes through every stage: seconds on one core."""
import hashlib
import os
import subprocess
import sys

from cli import AFFINIS

TASKS = ["class_places", "edge2d", "rgb2depth"]
# data; network, encoding, scratch, shallow, constant and random encoder of each task; 9 transfers of first order, one pair of the others for each target
JOBS = 1 + 6 * 3 + 9 + 3
STEPS = "steps = 3\nbatch_size = 4\n"
ROOMS = """[rooms]
furniture = "parametric"
train_buildings = 2
transfer_buildings = 1
test_buildings = 1
rooms_per_building = 2
views_per_room = 3
samples_per_pixel = 1
"""
TEXT = (
    """name = "tiny"
description = "Does every stage do its part?"
[scale]
image_side = 32
width = 4
[tasks]
names = ["edge2d", "rgb2depth", "class_places"]
[search]
max_order = 2
"""
    + ROOMS
    + "".join("[%s]\n%s" % (section, STEPS) for section in ("network", "scratch", "constant", "transfer"))
)


def write_file(folder, text=TEXT, name="tiny.toml"):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def run(file, out, *arguments):
    """affinis run, which must succeed."""
    command = [AFFINIS, "run", file, "--out", out, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit("affinis run ended with code %d: %s" % (done.returncode, done.stderr[-2000:]))
    return done


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


def digest(*parts):
    """For large files: unittest would take minutes to show how their bytes differ."""
    return hashlib.sha256(read(*parts)).hexdigest()


def job_names(out):
    """Names of finished jobs' folders, without the identity at their end."""
    return sorted(name.rsplit("-", 1)[0] for name in os.listdir(os.path.join(out, "jobs")))
