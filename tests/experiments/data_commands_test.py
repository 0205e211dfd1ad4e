"""affinis data check and data show, on a small rendered data set."""
import json
import os
import shutil
import struct
import tempfile
import unittest

from cli import CliTest

FIELDS = ["camera", "depth_euclidean", "depth_zbuffer", "normal", "rgb"]


class DataCommandsTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.rendered = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.rendered, ignore_errors=True)

    def setUp(self):
        super().setUp()
        master = os.path.join(self.rendered, "rooms")
        if not os.path.exists(master):
            self.succeed("data", "render", "--out", master, "--rooms", 5, "--views", 2, "--image-side", 32, "--furniture", "parametric")
        self.data = self.path("rooms")
        shutil.copytree(master, self.data)

    def test_a_sound_data_set_passes(self):
        result = self.json("data", "check", self.data)
        self.assertEqual([os.path.basename(store["path"]) for store in result["stores"]], ["train.h5", "transfer.h5", "test.h5"])
        for store in result["stores"]:
            self.assertGreater(store["samples"], 0)
            self.assertEqual(store["problems"], [])
        self.assertEqual(result["problems"], [])
        lines = self.succeed("data", "check", self.data).stdout.splitlines()
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertIn("all sound", line)

    def test_one_store_can_be_checked_alone(self):
        result = self.json("data", "check", os.path.join(self.data, "test.h5"))
        self.assertEqual(len(result["stores"]), 1)

    def test_damage_is_found_and_named(self):
        path = os.path.join(self.data, "train.h5")
        # The colour images lie in one piece of a quarter MiB; its first bytes are the first sample's JPEG.
        with open(path, "rb") as file:
            at = file.read().index(b"\xff\xd8\xff")
        with open(path, "r+b") as file:
            file.seek(at + 40)
            file.write(b"\x00\x01\x02\x03")
        done = self.run_affinis("data", "check", self.data)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([line for line in done.stdout.splitlines() if "all sound" not in line and "rgb" not in line], [])
        self.assertEqual(len([line for line in done.stdout.splitlines() if "rgb" in line and "train.h5" in line and "checksum" in line]), 1)
        self.assertIn("1 problem in", done.stderr)
        done = self.run_affinis("data", "check", self.data, "--json")
        self.assertEqual(done.returncode, 1)
        problems = json.loads(done.stdout)["stores"][0]["problems"]
        self.assertEqual([problem["field"] for problem in problems], ["rgb"])
        self.assertTrue(problems[0]["sample"])

    def test_a_truncated_store_is_a_problem_and_the_rest_is_still_checked(self):
        path = os.path.join(self.data, "train.h5")
        os.truncate(path, os.path.getsize(path) // 2)
        done = self.run_affinis("data", "check", self.data)
        self.assertEqual(done.returncode, 1)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn("train.h5 is damaged", lines[0])
        self.assertIn("all sound", lines[1])

    def test_a_store_under_another_splits_name_is_a_problem(self):
        shutil.copy(os.path.join(self.data, "train.h5"), os.path.join(self.data, "transfer.h5"))
        done = self.run_affinis("data", "check", self.data)
        self.assertEqual(done.returncode, 1)
        self.assertIn("transfer.h5 says that it holds the split 'train'", done.stdout)

    def test_check_refuses_what_is_no_data_set(self):
        self.refuse(1, "data", "check", self.path("nowhere"), names=["nowhere"])
        os.mkdir(self.path("empty"))
        self.refuse(1, "data", "check", self.path("empty"), names=["empty", "train.h5"])
        self.write("text.h5", "no store at all")
        done = self.run_affinis("data", "check", self.path("text.h5"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not an HDF5 file", done.stdout)
        self.refuse(2, "data", "check")
        self.refuse(2, "data")

    def test_show_draws_a_sheet_and_says_what_is_there(self):
        sheet = self.path("sheet.png")
        done = self.succeed("data", "show", self.data, "--count", 2, "--out", sheet)
        for word in FIELDS + ["train", "transfer", "test", "vocabulary scene", sheet]:
            self.assertIn(word, done.stdout)
        with open(sheet, "rb") as file:
            start = file.read(24)
        self.assertEqual(start[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", start[16:24])
        self.assertGreater(width, 4 * 160)
        self.assertGreater(height, 2 * 160)

    def test_show_as_json(self):
        result = self.json("data", "show", self.data, "--split", "train", "--count", 3, "--fields", "rgb,normal")
        self.assertEqual(result["image_side"], 32)
        self.assertEqual(result["shown"]["split"], "train")
        self.assertEqual(len(result["shown"]["samples"]), 3)
        self.assertEqual([split["split"] for split in result["splits"]], ["train", "transfer", "test"])
        self.assertTrue(os.path.exists(self.path("sheet.png")))

    def test_show_refuses_what_it_cannot_draw(self):
        self.refuse(1, "data", "show", self.path("nowhere"), names=["nowhere"])
        self.refuse(1, "data", "show", self.data, "--split", "validation", names=["validation", "train"])
        self.refuse(2, "data", "show", self.data, "--count", 0, names=["--count"])
        self.refuse(2, "data", "show", self.data, "--fields", "normals", names=["normals", "normal"])
        self.refuse(2, "data", "show", self.data, "--fields", "camera", names=["camera"])
        self.refuse(1, "data", "show", self.data, "--out", self.path("no/such/folder/sheet.png"), names=["no/such/folder"])
        self.assertFalse(os.path.exists(self.path("sheet.png")))


if __name__ == "__main__":
    unittest.main()
