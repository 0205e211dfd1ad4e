"""affinis data annotate on a small rendered data set: labels, resuming after a kill, errors."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from cli import AFFINIS, CliTest

LABELS = ["keypoints2d", "keypoints3d", "segment_unsup25d", "segment_unsup2d"]


def contents(path):
    with open(path, "rb") as file:
        return file.read()


class AnnotateTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.rendered = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.rendered, ignore_errors=True)

    def setUp(self):
        super().setUp()
        master = os.path.join(self.rendered, "rooms")
        if not os.path.exists(master):
            # As many fields as the program can render, less the labels: they may be among what it renders.
            self.succeed("data", "render", "--out", master, "--rooms", 3, "--views", 110, "--image-side", 32, "--furniture", "parametric",
                         "--set", "samples_per_pixel=1", "--set", "annotate=false")
        self.data = self.path("rooms")
        shutil.copytree(master, self.data)
        if set(LABELS) & set(self.json("data", "show", self.data)["fields"]):
            self.skipTest("the rendered rooms have the labels already")

    def store(self, split):
        return os.path.join(self.data, split + ".h5")

    def test_adds_all_labels_and_is_content_afterwards(self):
        result = self.json("data", "annotate", self.data)
        self.assertEqual(result["fields"], LABELS)
        self.assertEqual([split["split"] for split in result["splits"]], ["train", "transfer", "test"])
        for split in result["splits"]:
            self.assertEqual((split["added"], split["samples"], split["resumed"]), (LABELS, 110, 0))
        self.succeed("data", "check", self.data)
        self.assertLessEqual(set(LABELS), set(self.json("data", "show", self.data)["fields"]))
        self.assertEqual([name for name in os.listdir(self.data) if name.endswith(".annotate")], [])
        before = contents(self.store("test"))
        done = self.succeed("data", "annotate", self.data)
        self.assertIn("nothing to do", done.stderr)
        self.assertEqual(contents(self.store("test")), before)

    def test_threads_do_not_matter_and_a_choice_is_kept_to(self):
        other = self.path("other")
        shutil.copytree(self.data, other)
        self.assertEqual(self.json("data", "annotate", self.data, "--fields", "segment_unsup2d", "--threads", 1)["fields"], ["segment_unsup2d"])
        self.succeed("data", "annotate", other, "--fields", "segment_unsup2d", "--threads", 2)
        self.assertEqual(contents(self.store("train")), contents(os.path.join(other, "train.h5")))

    def test_a_killed_run_goes_on_and_gives_the_same_bytes(self):
        undisturbed = self.path("undisturbed")
        shutil.copytree(self.data, undisturbed)
        self.succeed("data", "annotate", undisturbed)
        before = contents(self.store("train"))
        process = subprocess.Popen([AFFINIS, "data", "annotate", self.data, "--threads", "1"], stderr=subprocess.DEVNULL)
        block = os.path.join(self.store("train") + ".annotate", "block_00000000.h5")
        deadline = time.time() + 60
        while not os.path.exists(block) and process.poll() is None and time.time() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertTrue(os.path.exists(block))
        self.assertEqual(contents(self.store("train")), before)
        result = self.json("data", "annotate", self.data)
        self.assertGreaterEqual(result["splits"][0]["resumed"], 32)
        for split in ["train", "transfer", "test"]:
            self.assertEqual(contents(self.store(split)), contents(os.path.join(undisturbed, split + ".h5")))
        # Nothing of the killed run stays behind, its half-written files apart from the labels included.
        self.assertEqual(sorted(os.listdir(self.data)), sorted(os.listdir(undisturbed)))

    def test_what_cannot_be_done_is_one_sentence(self):
        self.refuse(2, "data", "annotate", self.data, "--fields", "keypoint2d", names=["keypoint2d", "keypoints2d"])
        self.refuse(2, "data", "annotate", self.data, "--threads", "-1", names=["--threads"])
        self.refuse(1, "data", "annotate", self.path("nowhere"), names=["nowhere"])
        self.assertIn("segment_unsup25d", self.succeed("data", "annotate", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
