"""checkpoint_seconds of an experiment file reaches every kind of training."""
import glob
import os
import subprocess
import time
import unittest

import tiny_study
from cli import AFFINIS, WITH_TORCH, CliTest

ENDLESS = 10000000
# Far below the default of 30 seconds, also for three checkpoints on a busy machine.
SECONDS = 25
# The training's section, what brings it on, and the folder of its job.
KINDS = {
    "network": ([], "network.*"),
    "transfer": (["search.scratch=true", "search.shallow=false", "search.constant=false", "search.random_encoder=false"], "transfer.*"),
    "mtl": (["search.max_order=0", "mtl.groups=all", "mtl.baselines=false"], "joint.*"),
    "finetune_training": (["search.max_order=0", "finetune.source=edge2d", "finetune.policies=none", "finetune.tasks=rgb2depth",
                           "finetune.images=4"], "finetune.*"),
}


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class CheckpointIntervalTest(CliTest):
    def moments(self, section, settings, pattern):
        """When the first three checkpoints of one training were written, which takes every step as its turn."""
        command = [AFFINIS, "run", tiny_study.write_file(self.folder), "--out", self.path("out"), "--devices", "cpu:0"]
        for setting in [*settings, "%s.steps=%d" % (section, ENDLESS), "%s.batch_size=4" % section, "%s.checkpoint_seconds=0" % section]:
            command += ["--set", setting]
        found = []
        with open(self.path("log"), "w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        try:
            while len(found) < 3:
                if process.poll() is not None:
                    with open(self.path("log")) as log:
                        self.fail("%s ended: %s" % (section, log.read()[-2000:]))
                for path in glob.glob(os.path.join(self.path("out"), "jobs", pattern + ".partial", "checkpoint.safetensors")):
                    try:
                        moment = os.stat(path).st_mtime_ns
                    except FileNotFoundError:
                        continue
                    if moment not in found:
                        found.append(moment)
                time.sleep(0.005)
        finally:
            process.kill()
            process.wait()
        return found

    def test_every_kind_of_training_heeds_it(self):
        for section, (settings, pattern) in KINDS.items():
            with self.subTest(section):
                found = self.moments(section, settings, pattern)
                self.assertLess(max(found) - min(found), SECONDS * 1e9)


if __name__ == "__main__":
    unittest.main()
