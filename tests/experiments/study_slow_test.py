"""Killed at any moment, again and again, a study ends with the very bytes of an undisturbed one."""
import json
import os
import random
import re
import signal
import subprocess
import time
import unittest

import tiny_study
from cli import AFFINIS, WITH_TORCH, CliTest
from tiny_study import JOBS, digest

RESULTS = ("transfers.csv", "taxonomy.json", "contact_sheet.png")


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class KilledStudyTest(CliTest):
    def setUp(self):
        super().setUp()
        # Checkpoints after every step, so that kills meet half-written ones too.
        file = tiny_study.write_file(self.folder)
        self.command = ["run", file, "--set", "network.checkpoint_seconds=0", "--set", "transfer.checkpoint_seconds=0"]

    def results(self, out):
        return {name: digest(out, name) for name in RESULTS}

    def undisturbed(self, out, *arguments):
        self.succeed(*self.command, "--out", self.path(out), *arguments)

    def killed_run(self, out, more, seconds, group):
        """Starts the run and kills it `seconds` after it has finished `more` jobs: the process group at once, or the coordinator alone.
        False when it had ended. Jobs and not time alone say when: a busy machine must not make kills come too early or too late."""
        enough = self.whole_results(out) + more
        with open(self.path("killed.log"), "a") as log:
            process = subprocess.Popen([AFFINIS, *self.command, "--out", out], stdout=log, stderr=log, cwd=self.folder,
                                       start_new_session=True)
        while process.poll() is None and self.whole_results(out) < enough:
            time.sleep(0.01)
        try:
            self.assertEqual(process.wait(timeout=seconds), 0)
            return False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL) if group else process.kill()
            process.wait()
            return True

    def whole_results(self, out):
        """Finished jobs; each must be whole at every moment."""
        jobs = os.path.join(out, "jobs")
        if not os.path.isdir(jobs):
            return 0
        finished = [name for name in os.listdir(jobs) if not name.endswith(".partial")]
        for name in finished:
            with open(os.path.join(jobs, name, "done.json")) as file:
                self.assertTrue(json.load(file)["identity"].startswith(name.rsplit("-", 1)[1]))
        return len(finished)

    def test_kills_at_random_moments_change_no_byte(self):
        self.undisturbed("calm")
        generator = random.Random(20260101)
        kills, kept = {True: 0, False: 0}, 0
        for number in range(5):  # a run that ended before it was killed often enough is followed by another one
            out = self.path("killed-%d" % number)
            finished = 0
            while finished < JOBS // 2:
                group = kills[True] <= kills[False]
                # None: during the start of the program or its first job.
                if not self.killed_run(out, generator.choice([0, 1, 1, 2, 3]), generator.uniform(0.01, 0.4), group):
                    finished = JOBS
                    break
                kills[group] += 1
                now = self.whole_results(out)
                self.assertGreaterEqual(now, finished)
                kept += now > finished
                finished = now
            done = self.succeed(*self.command, "--out", out)
            # At least: a worker may finish a rename after its coordinator's end. The pairs come after the first 25 jobs.
            before = int(re.search(r"%d jobs, (\d+) of them done before" % (JOBS - 3), done.stderr).group(1))
            self.assertGreaterEqual(before, min(finished, JOBS - 3))
            self.assertEqual(self.results(out), self.results(self.path("calm")))
            self.assertEqual(len(os.listdir(os.path.join(out, "jobs"))), JOBS)  # nothing partial, nothing set aside
            self.assertTrue(self.json("status", out)["finished"])
            if min(kills.values()) >= 4 and kept >= 2:
                break
        self.assertGreaterEqual(min(kills.values()), 4, kills)
        self.assertGreaterEqual(kept, 2)

    def test_a_killed_worker_costs_its_job_only(self):
        self.undisturbed("calm")
        out = self.path("worker-killed")
        process = subprocess.Popen([AFFINIS, *self.command, "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   cwd=self.folder)
        killed = 0
        generator = random.Random(7)
        while process.poll() is None and killed < 2:
            time.sleep(generator.uniform(0.3, 0.6))
            with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as file:
                workers = file.read().split()
            if workers and self.whole_results(out) > killed:
                try:
                    os.kill(int(generator.choice(workers)), signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass
        self.assertEqual(process.wait(timeout=600), 0)
        self.assertGreater(killed, 0)
        self.assertEqual(self.results(out), self.results(self.path("calm")))

    def test_one_worker_or_two_give_the_same_bytes(self):
        self.undisturbed("two", "--devices", "cpu:0,cpu:1")
        self.undisturbed("one", "--devices", "cpu:0")
        self.assertEqual(self.results(self.path("one")), self.results(self.path("two")))
        self.assertEqual(sorted(os.listdir(self.path("one/jobs"))), sorted(os.listdir(self.path("two/jobs"))))


if __name__ == "__main__":
    unittest.main()
