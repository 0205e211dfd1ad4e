"""What the matrix and scaling benches share: a data set with trained networks, runs of its first-order transfers, and what they cost."""

import glob
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DEMO = os.path.join(ROOT, "experiments", "demo.toml")
TASKS = ["autoencoder", "class_places", "denoise", "edge2d", "reshade", "rgb2depth", "rgb2sfnorm", "segmentsemantic"]
# Gains need a baseline: the cheaper one, trained beforehand, because the peer trains none.
FIRST_ORDER = ["search.max_order=1", "search.scratch=false", 'taxonomy.gain_against="shallow"', "search.constant=false", "search.random_encoder=false"]
PREPARED = ("data", "network", "shallow")


class Usage:
    """Wall-clock seconds of a measurement, and processor seconds of all its processes."""

    def __init__(self, wall, cpu):
        self.wall = wall
        self.cpu = cpu


def measure(commands):
    """Runs commands side by side; one that fails ends the bench."""
    begin = time.perf_counter()
    running = [(command, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)) for command in commands]
    cpu = 0
    for command, process in running:
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"bench: {' '.join(command)} failed with code {process.returncode}: {errors[-2000:]}")
        cpu += usage.ru_utime + usage.ru_stime
    return Usage(time.perf_counter() - begin, cpu)


class PreparedStudy:
    """A run of an experiment file whose data, networks and baselines are ready, so that its transfers alone can be done again."""

    def __init__(self, program, file, folder, tasks, settings):
        self.program = program
        self.file = file
        self.folder = folder
        self.tasks = tasks
        self.settings = [f"tasks.names={json.dumps(tasks)}", *FIRST_ORDER, *settings]

    def run(self, out, settings=(), devices="cpu:0,cpu:1"):
        command = [self.program, "run", self.file, "--out", out, "--devices", devices]
        for setting in [*self.settings, *settings]:
            command += ["--set", setting]
        return measure([command])

    def job_folder(self, name):
        found = glob.glob(os.path.join(self.folder, "jobs", name + "-*", "done.json"))
        return os.path.dirname(found[0])

    def again(self, out, settings=(), devices="cpu:0,cpu:1"):
        """The whole matrix from networks to taxonomy and report, in a folder of its own."""
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(os.path.join(out, "jobs"))
        for _, folder in jobs_of(self.folder):
            name = os.path.basename(folder)
            if name.split(".")[0].split("-")[0] in PREPARED:
                shutil.copytree(folder, os.path.join(out, "jobs", name), copy_function=os.link)
        return self.run(out, settings, devices)


def jobs_of(out):
    """What done.json says of each finished job, and its folder."""
    for path in sorted(glob.glob(os.path.join(out, "jobs", "*", "done.json"))):
        with open(path) as file:
            yield json.load(file), os.path.dirname(path)


def log_of(folder):
    with open(os.path.join(folder, "log.jsonl")) as file:
        return [json.loads(line) for line in file]


def add_arguments(parser):
    parser.add_argument("--affinis", default=os.path.join(ROOT, "build", "release", "affinis"), help="the program")
    parser.add_argument("--file", default=DEMO, help="experiment file with the data, networks and trainings (default: the demo's)")
    parser.add_argument("--tasks", default=",".join(TASKS), help="sources and targets, separated by commas (default: eight)")
    parser.add_argument("--folder", help="keeps data and networks here, or has them already: a run's folder (default: made and deleted)")
    parser.add_argument("--ready", action="store_true", help="--folder has the data, networks and baselines: no run to make them first")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="settings of the experiment file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
