"""A study through a real Slurm on this machine, one array task killed and one sent back to the queue on the way."""
import json
import os
import signal
import subprocess
import time
import unittest

import slurm_cluster
import tiny_study
from cli import AFFINIS, WITH_TORCH, CliTest
from tiny_study import JOBS, digest

REASON = "the program was built without LibTorch and runs no experiments" if not WITH_TORCH else slurm_cluster.why_not()
SETTINGS = """[slurm]
partition = "main"
time = "10"
memory = "0"
poll_seconds = 0.5
"""


@unittest.skipIf(REASON, REASON)
class ClusterTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = slurm_cluster.Cluster()
        cls.addClassCleanup(cls.cluster.stop)

    def start(self, *arguments):
        log = open(self.path("coordinator.log"), "a")
        self.addCleanup(log.close)
        process = subprocess.Popen([AFFINIS, *arguments], stdout=log, stderr=log, cwd=self.folder, env=self.cluster.environment)
        self.addCleanup(process.kill)
        return process

    def said(self):
        with open(self.path("coordinator.log")) as file:
            return file.read()

    def status(self, out):
        done = subprocess.run([AFFINIS, "status", out, "--json"], capture_output=True, text=True, env=self.cluster.environment)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def running_task(self, out):
        """(process, array task) of one that runs a job now."""
        for at, _, names in os.walk(os.path.join(out, "slurm")):
            if "state.json" not in names:
                continue
            with open(os.path.join(at, "state.json")) as file:
                state = json.load(file)
            if state["running"] and os.path.exists("/proc/%d" % state["process"]):
                with open("/proc/%d/environ" % state["process"], "rb") as file:
                    variables = dict(word.split("=", 1) for word in file.read().decode().split("\0") if "=" in word)
                return state["process"], "%s_%s" % (variables["SLURM_ARRAY_JOB_ID"], variables["SLURM_ARRAY_TASK_ID"])
        return None

    def wait_for(self, condition, seconds=240):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        self.fail("it did not come: " + self.said()[-2000:])

    def test_a_study_with_a_killed_array_task_and_one_that_is_requeued(self):
        file = tiny_study.write_file(self.folder, tiny_study.TEXT + SETTINGS)
        self.succeed("run", file, "--out", self.path("local"), "--devices", "cpu:0")
        out = self.path("cluster")
        process = self.start("run", file, "--out", out, "--on", "slurm", "--set", "network.checkpoint_seconds=0")
        victim, _ = self.wait_for(lambda: self.running_task(out))
        os.kill(victim, signal.SIGKILL)
        self.wait_for(lambda: "handed in again" in self.said() or process.poll() is not None)
        # The coordinator goes away; its arrays stay, and status tells of them.
        _, task = self.wait_for(lambda: self.running_task(out))
        self.cluster.ask("scancel", "--signal=USR1", "--batch", task)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn("its arrays stay in Slurm's queue", self.said())
        status = self.status(out)
        self.assertFalse(status["coordinator_alive"])
        self.assertIsNotNone(status["cluster"])
        refused = subprocess.run([AFFINIS, "run", file, "--out", out], capture_output=True, text=True, env=self.cluster.environment)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("scancel --name=", refused.stderr)
        # Slurm holds what is requeued back for two minutes.
        for line in self.cluster.ask("squeue", "--noheader", "--array", "--format=%A %r").stdout.splitlines():
            if "BeginTime" in line:
                self.cluster.ask("scontrol", "update", "JobId=" + line.split()[0], "StartTime=now")
        process = self.start("run", file, "--out", out, "--on", "slurm", "--set", "network.checkpoint_seconds=0")
        deadline = time.monotonic() + 600
        while process.poll() is None and time.monotonic() < deadline:
            for line in self.cluster.ask("squeue", "--noheader", "--array", "--format=%A %r").stdout.splitlines():
                if "BeginTime" in line:
                    self.cluster.ask("scontrol", "update", "JobId=" + line.split()[0], "StartTime=now")
            time.sleep(1)
        self.assertEqual(process.poll(), 0, self.said()[-2000:])
        self.assertIn("goes on with", self.said())
        for name in ("transfers.csv", "taxonomy.json", "contact_sheet.png"):
            self.assertEqual(digest(out, name), digest(self.path("local"), name), name)
        self.assertEqual(len(os.listdir(os.path.join(out, "jobs"))), JOBS)
        self.assertTrue(self.status(out)["finished"])


if __name__ == "__main__":
    unittest.main()
