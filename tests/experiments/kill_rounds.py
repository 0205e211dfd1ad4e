#!/usr/bin/env python3
"""kill -9 at random moments of a small experiment: round after round, it ends, and with the very bytes of an undisturbed run.

  tests/experiments/kill_rounds.py [--affinis build/release/affinis] [--rounds 100] [--seed 1] [--json]

A round is one run of the experiment in a fresh folder. Up to three times the coordinator, one worker, or all processes at once are killed at
a moment drawn at random; what has ended is started again, until the experiment says that it is done. Then:
  * the run ends with exit code 0, and `affinis status` calls it finished;
  * the tables, taxonomies, graphs and pictures, and every file of every job (per-image losses, weights, representations, pictures) have the
    bytes of the undisturbed run, but for clocks: logs, and the seconds in done.json;
  * no result that was there is touched again, no job whose result was there is started again, and jobs are started again no more often
    than workers were killed, each of which may have had one;
  * nothing half-written is left.
The first thing that does not hold ends it, with the folder kept and named."""
import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

VICTIMS = ("coordinator", "worker", "all")
MOST_KILLS = 3
PATIENCE = 600  # seconds until a run that neither ends nor is killed counts as hanging
TABLES = ("transfers.csv", "taxonomy.json", "contact_sheet.png")
EXPERIMENT = """name = "kills"
[scale]
image_side = 32
width = 4
[tasks]
names = ["class_places", "edge2d", "rgb2depth"]
[search]
max_order = 2
random_encoder = false
shallow = false
constant = false
[rooms]
furniture = "parametric"
train_buildings = 2
transfer_buildings = 1
test_buildings = 1
rooms_per_building = 2
views_per_room = 3
samples_per_pixel = 1
[run]
retries = 1000
""" + "".join("[%s]\nsteps = %d\nbatch_size = 4\ncheckpoint_seconds = 0\n" % each
              for each in (("network", 12), ("scratch", 6), ("transfer", 12)))


# data; network, encoding and scratch of each task; 9 transfers of first order, one pair of the others for each target
JOBS = 1 + 3 * 3 + 9 + 3


class Broken(Exception):
    """Something that must hold does not."""


def require(holds, sentence):
    if not holds:
        raise Broken(sentence)


def alive(process):
    try:
        with open("/proc/%d/stat" % process) as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(process):
    try:
        with open("/proc/%d/task/%d/children" % (process, process)) as file:
            return [int(each) for each in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def without_clocks(path):
    """The bytes of a result that must not depend on when and how often it was worked on; nothing for what is all clock."""
    name = os.path.basename(path)
    if name == "log.jsonl" or name.startswith("events.out.tfevents"):
        return None
    with open(path, "rb") as file:
        content = file.read()
    if name == "done.json":
        done = json.loads(content)
        del done["seconds"]
        content = json.dumps(done, sort_keys=True).encode()
    if name == "metrics.jsonl":
        lines = [json.loads(line) for line in content.splitlines()]
        content = json.dumps([{key: value for key, value in line.items() if key not in ("seconds", "time")} for line in lines]).encode()
    return content


class Run:
    """The experiment in one folder, over as many starts as it takes."""

    def __init__(self, affinis, file, out):
        self.affinis, self.out = affinis, out
        self.command = [affinis, "run", file, "--out", out]
        self.console = out + ".console"
        self.starts = 0
        self.read = 0  # bytes of log.jsonl that were looked at

    def start(self):
        self.starts += 1
        with open(self.console, "ab") as log:
            return subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)

    def new_events(self):
        """What the coordinator wrote to its log since the last call. A line that a kill cut off is no event."""
        path = os.path.join(self.out, "log.jsonl")
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            file.seek(self.read)
            text = file.read()
        self.read += len(text)
        events = []
        for line in text.split(b"\n"):
            try:
                events.append(json.loads(line)["message"])
            except (ValueError, KeyError):
                continue
        return events

    def results(self):
        """Every finished job's folder with what shows that its done.json was not written anew. Each must be whole at every moment."""
        jobs = os.path.join(self.out, "jobs")
        found = {}
        for name in os.listdir(jobs) if os.path.isdir(jobs) else []:
            if name.endswith(".partial"):
                continue
            path = os.path.join(jobs, name, "done.json")
            require(os.path.exists(path), "%s has no done.json" % os.path.join(jobs, name))
            with open(path) as file:
                done = json.load(file)
            require(done["identity"].startswith(name.rsplit("-", 1)[1]), "%s is not the result that its name says" % path)
            status = os.stat(path)
            found[done["name"]] = (status.st_ino, status.st_mtime_ns)
        return found

    def contents(self):
        """All that the experiment has to say, as hashes by file."""
        found = {}
        for top in [os.path.join(self.out, each) for each in (*TABLES, "graphs", "jobs")]:
            require(os.path.exists(top), "%s is missing" % top)
            files = [top] if os.path.isfile(top) else [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
            for path in files:
                content = without_clocks(path)
                if content is not None:
                    found[os.path.relpath(path, self.out)] = hashlib.sha256(content).hexdigest()
        return found


class Rounds:
    def __init__(self, affinis, folder, seed):
        self.affinis, self.folder = affinis, folder
        self.random = random.Random(seed)
        self.killed = collections.Counter()
        self.workers = 0    # killed, alone or with their coordinator: each may have had a job
        self.repeated = 0   # job starts beyond one each
        self.starts = 0
        self.file = os.path.join(folder, "kills.toml")
        with open(self.file, "w") as file:
            file.write(EXPERIMENT)

    def undisturbed(self):
        """What every round is compared with. Its second call of the engine, for pairs of sources, is met by kills too."""
        begin = time.monotonic()
        run = Run(self.affinis, self.file, os.path.join(self.folder, "undisturbed"))
        require(run.start().wait(timeout=PATIENCE) == 0, "the undisturbed run fails; see %s" % run.console)
        self.seconds = time.monotonic() - begin
        self.expected = run.contents()
        self.jobs = set(run.results())
        require(len(self.jobs) == JOBS and any(path.endswith("losses.h5") for path in self.expected), "the experiment is another one")

    def kill(self, process, victim):
        """The processes that were killed, once none of them and none that die with them is there any more; nothing when it was too late."""
        workers = children(process.pid)
        if process.poll() is not None or (victim == "worker" and not workers):
            return None
        gone = [self.random.choice(workers)] if victim == "worker" else [process.pid, *workers]
        try:
            if victim == "all":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(gone[0], signal.SIGKILL)
        except ProcessLookupError:
            return None
        if victim != "worker":
            process.wait()
        while any(alive(each) for each in gone):  # workers die with their coordinator
            time.sleep(0.002)
        return gone

    def one(self, number):
        """One round; false when the experiment was too quick to be killed at all."""
        out = os.path.join(self.folder, "round-%d" % number)
        run = Run(self.affinis, self.file, out)
        process = run.start()
        planned = self.random.randint(1, MOST_KILLS)
        kills, lost, code = 0, 0, None
        finished, started = {}, collections.Counter()

        def look():
            """Takes in what happened since the last kill."""
            for message in run.new_events():
                if not message.startswith("starts "):
                    continue
                name = message[len("starts "):]
                require(name not in finished, "%s was started although its result was there" % name)
                started[name] += 1
            now = run.results()
            for name, seen in finished.items():
                require(now.get(name) == seen, "the result of %s was made or written again" % name)
            return now

        while code is None:
            moment = time.monotonic() + (self.random.uniform(0, 0.8) * self.seconds if kills < planned else PATIENCE)
            while time.monotonic() < moment and process.poll() is None:
                time.sleep(0.003)
            if process.poll() is None:
                require(kills < planned, "round %d hangs; see %s" % (number, run.console))
                victim = self.random.choice(VICTIMS)
                gone = self.kill(process, victim)
                if gone is not None:
                    kills += 1
                    self.killed[victim] += 1
                    # A worker does one job at a time.
                    lost += 1 if victim == "worker" else len(gone) - 1
                    if victim != "worker":
                        finished = look()
                        process = run.start()
                        continue
            code = process.poll()
        finished = look()
        require(code == 0, "round %d ended with code %s; see %s" % (number, code, run.console))
        status = json.loads(subprocess.run([self.affinis, "status", out, "--json"], capture_output=True, check=True, text=True).stdout)
        require(status["finished"] and not status["failures"], "status does not call round %d finished: %s" % (number, status))
        require(set(finished) == self.jobs, "round %d has other jobs than the undisturbed run" % number)
        left = [os.path.join(path, name) for path, folders, files in os.walk(out) for name in (*folders, *files)
                if name.endswith(".partial") or ".damaged" in name or ".tmp-" in name]
        require(not left, "round %d leaves %s" % (number, left))
        found = run.contents()
        other = sorted(path for path in {*found, *self.expected} if found.get(path) != self.expected.get(path))
        require(not other, "round %d differs from the undisturbed run in %s" % (number, other))
        again = sum(started.values()) - len(self.jobs)
        # A kill between a job's start and the line about it leaves none: so at most, not exactly.
        require(again <= lost, "round %d started jobs %d times again, though only %d workers were killed" % (number, again, lost))
        self.workers += lost
        self.repeated += max(0, again)
        self.starts += run.starts
        shutil.rmtree(out)
        os.remove(run.console)
        return kills > 0


def run_rounds(affinis, rounds, seed, say=lambda text: None):
    """Figures of so many rounds; throws Broken with the folder's name, and leaves it, when something does not hold."""
    folder = tempfile.mkdtemp(prefix="affinis-kills-")
    begin = time.monotonic()
    try:
        all_rounds = Rounds(affinis, folder, seed)
        all_rounds.undisturbed()
        done = attempts = 0
        while done < rounds:
            done += all_rounds.one(attempts)
            attempts += 1
            say("%d of %d rounds, killed so far: %s" % (done, rounds, dict(all_rounds.killed)))
            require(attempts < 3 * rounds + 10, "the experiment ends before it can be killed")
    except Broken as broken:
        raise Broken("%s; what there is lies in %s" % (broken, folder)) from None
    shutil.rmtree(folder)
    return {"rounds": done, "jobs": len(all_rounds.jobs), "files_compared": len(all_rounds.expected), "starts": all_rounds.starts,
            "killed": {victim: all_rounds.killed[victim] for victim in VICTIMS}, "workers_killed": all_rounds.workers,
            "done_again": all_rounds.repeated, "undisturbed_seconds": round(all_rounds.seconds, 1), "seconds": round(time.monotonic() - begin)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--affinis", default=os.environ.get("AFFINIS", "build/release/affinis"), help="the program")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of moments and victims")
    parser.add_argument("--json", action="store_true", help="figures as one JSON object on standard output")
    arguments = parser.parse_args()
    if not os.access(arguments.affinis, os.X_OK):
        parser.error("there is no program %s; build it, or name it with --affinis" % arguments.affinis)
    try:
        figures = run_rounds(os.path.abspath(arguments.affinis), arguments.rounds, arguments.seed, lambda text: print(text, file=sys.stderr, flush=True))
    except Broken as broken:
        sys.exit("kill_rounds: %s" % broken)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print("%s: %s" % (name.replace("_", " "), value))


if __name__ == "__main__":
    main()
