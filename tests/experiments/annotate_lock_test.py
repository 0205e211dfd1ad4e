"""Two 'data annotate' at work on one data set: the second is refused, and told who is at work."""
import os
import signal
import subprocess
import time
import unittest

from cli import AFFINIS, CliTest


class AnnotateLockTest(CliTest):
    def test_the_second_is_refused_and_the_first_goes_on(self):
        data = self.path("rooms")
        self.succeed("data", "render", "--out", data, "--rooms", 3, "--views", 60, "--image-side", 32, "--furniture", "parametric",
                     "--set", "samples_per_pixel=1", "--set", "annotate=false")
        files = sorted(os.listdir(data))
        first = subprocess.Popen([AFFINIS, "data", "annotate", data, "--threads", "1"], stderr=subprocess.DEVNULL)
        self.addCleanup(first.kill)
        deadline = time.time() + 60
        while not os.path.exists(os.path.join(data, "train.h5.annotate")) and first.poll() is None and time.time() < deadline:
            time.sleep(0.001)
        # Stopped, it keeps its lock for as long as the second needs.
        first.send_signal(signal.SIGSTOP)
        self.assertIsNone(first.poll())
        with open("/proc/locks") as locks:
            listed = ":%d " % os.stat(data).st_ino in locks.read()
        self.refuse(1, "data", "annotate", data, names=[data, "already being annotated", "process %d:" % first.pid if listed else "another process"])
        first.send_signal(signal.SIGCONT)
        self.assertEqual(first.wait(), 0)
        self.assertEqual(sorted(os.listdir(data)), files)
        self.succeed("data", "check", data)
        self.assertIn("nothing to do", self.succeed("data", "annotate", data).stderr)


if __name__ == "__main__":
    unittest.main()
