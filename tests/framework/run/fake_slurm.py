"""Stands in for Slurm's commands in tests: fake_slurm.py sbatch|squeue|scontrol|scancel ARGUMENTS, its state in the folder $FAKE_SLURM.

Knows what framework/run asks of Slurm and no more: arrays, afterok, requeue, and that arrays whose dependency failed are removed. Every
sbatch leaves its arguments in <number>.arguments. A file named "refuse" makes sbatch fail, one named "deaf" makes squeue fail.
"""
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

STATE = os.environ["FAKE_SLURM"]


def path(name):
    return os.path.join(STATE, str(name))


class Arrays:
    """{number: {"name", "tasks": {index: state}, "ended": "" | "ok" | "bad"}}, locked while it is open."""

    def __enter__(self):
        self.lock = open(path("lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.all = {}
        if os.path.exists(path("arrays")):
            with open(path("arrays")) as file:
                self.all = json.load(file)
        return self.all

    def __exit__(self, *_):
        with open(path("arrays.new"), "w") as file:
            json.dump(self.all, file)
        os.rename(path("arrays.new"), path("arrays"))
        self.lock.close()


def option(arguments, name):
    return next((word.split("=", 1)[1] for word in arguments if word.startswith(name + "=")), "")


def sbatch(arguments):
    if os.path.exists(path("refuse")):
        print("sbatch: error: invalid partition specified: moon", file=sys.stderr)
        return 1
    count = int(option(arguments, "--array").split("%")[0].split("-")[1]) + 1
    with Arrays() as arrays:
        number = str(len(arrays) + 1)
        arrays[number] = {"name": option(arguments, "--job-name"), "tasks": {str(i): "PENDING" for i in range(count)}, "ended": ""}
    with open(path(number + ".arguments"), "w") as file:
        json.dump(arguments, file)
    subprocess.Popen([sys.executable, __file__, "array", number], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)
    print(number)
    return 0


def array(number):
    """Runs the tasks of one array, one after another."""
    with open(path(number + ".arguments")) as file:
        arguments = json.load(file)
    before = option(arguments, "--dependency").removeprefix("afterok:")
    ended = "ok"
    while before and ended == "ok":
        with Arrays() as arrays:
            state = arrays[before]["ended"]
        if state == "bad":
            ended = "bad"
        elif state == "ok":
            break
        time.sleep(0.02)
    with Arrays() as arrays:
        tasks = list(arrays[number]["tasks"])
    for task in tasks if ended == "ok" else []:
        if not run_task(number, task, arguments):
            ended = "bad"
    with Arrays() as arrays:
        arrays[number]["tasks"] = {}
        arrays[number]["ended"] = ended


def run_task(number, task, arguments):
    log = os.path.join(option(arguments, "--chdir"), option(arguments, "--output").replace("%a", task))
    while True:
        with Arrays() as arrays:
            if arrays[number]["ended"]:
                return False
            arrays[number]["tasks"][task] = "RUNNING"
        with open(log, "a") as output:
            process = subprocess.Popen(["/bin/sh", arguments[-1]], stdout=output, stderr=output, cwd=option(arguments, "--chdir"),
                                       env={**os.environ, "SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_JOB_ID": number})
        with open(path("%s_%s.pid" % (number, task)), "w") as file:
            file.write(str(process.pid))
        code = process.wait()
        requeued = path("%s_%s.requeue" % (number, task))
        if os.path.exists(requeued):
            os.remove(requeued)
            continue
        with Arrays() as arrays:
            arrays[number]["tasks"].pop(task, None)
        return code == 0


def squeue(arguments):
    if os.path.exists(path("deaf")):
        print("squeue: error: Unable to contact slurm controller", file=sys.stderr)
        return 1
    with Arrays() as arrays:
        for number, array in arrays.items():
            if array["name"] == option(arguments, "--name"):
                for task, state in array["tasks"].items():
                    print(number, task, state)
    return 0


def end(number, task):
    try:
        with open(path("%s_%s.pid" % (number, task))) as file:
            os.kill(int(file.read()), signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        pass


def scontrol(arguments):
    assert arguments[0] == "requeue", arguments
    number, task = arguments[1].split("_")
    open(path("%s_%s.requeue" % (number, task)), "w").close()
    end(number, task)
    return 0


def scancel(arguments):
    with Arrays() as arrays:
        for number, array in arrays.items():
            if array["name"] == option(arguments, "--name") and not array["ended"]:
                for task, state in array["tasks"].items():
                    if state == "RUNNING":
                        end(number, task)
                array["ended"] = "bad"
                array["tasks"] = {}
    return 0


if __name__ == "__main__":
    command, words = sys.argv[1], sys.argv[2:]
    if command == "array":
        array(words[0])
    else:
        sys.exit({"sbatch": sbatch, "squeue": squeue, "scontrol": scontrol, "scancel": scancel}[command](words))
