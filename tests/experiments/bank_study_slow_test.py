"""Studies of tasks that look at several images, read one channel, or do not learn their encoder; and a study of networks alone."""
import csv
import json
import os
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import read

ROOMS = tiny_study.ROOMS.replace("views_per_room = 3", "views_per_room = 6")
TASKS = ["class_1000", "colorization", "ego_motion", "fix_pose", "jigsaw", "non_fixated_pose", "point_match", "random", "segment25d"]
TARGETS = ["class_1000", "ego_motion", "fix_pose", "non_fixated_pose", "point_match", "segment25d"]


def text(tasks, order, more=""):
    return (
        'name = "bank"\n[scale]\nimage_side = 32\nwidth = 4\n[tasks]\nnames = [%s]\n[search]\nmax_order = %d\n%s' % (
            ", ".join('"%s"' % task for task in tasks), order, more)
        + ROOMS
        + "".join("[%s]\n%s" % (section, tiny_study.STEPS) for section in ("network", "scratch", "constant", "transfer"))
    )


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class BankStudyTest(CliTest):
    def test_several_images_one_channel_and_random_encoders_go_through_every_stage(self):
        out = self.path("run")
        file = tiny_study.write_file(self.folder, text(TASKS, 2, "top = [2]\n"))
        tiny_study.run(file, out)
        with open(os.path.join(out, "transfers.csv"), newline="") as table:
            rows = list(csv.DictReader(table))
        self.assertEqual({row["target"] for row in rows}, set(TARGETS))
        for target in TARGETS:
            firsts = {row["sources"] for row in rows if row["target"] == target and row["order"] == "1"}
            self.assertEqual(firsts, set(TASKS) | {"self"}, target)
        for row in rows:
            self.assertTrue(0 <= float(row["quality"]) <= 1, row)
        summary = json.loads(read(out, "summary.json"))
        self.assertEqual(summary["failures"], [])
        for task in summary["tasks"]:
            networks = {"self", "constant", "scratch", "shallow", "random_encoder"}
            if task["name"] == "random":
                networks -= {"random_encoder"}  # that is what its own network is
            if not task["target"]:
                networks -= {"scratch", "shallow"}
            self.assertEqual(set(task["networks"]), networks, task["name"])
        before = {name: read(out, name) for name in ("transfers.csv", "taxonomy.json")}
        done = tiny_study.job_names(out)
        tiny_study.run(file, out)
        self.assertEqual(tiny_study.job_names(out), done)
        self.assertEqual({name: read(out, name) for name in before}, before)

    def test_a_random_encoder_stays_as_it_was_drawn(self):
        """Its weights are the same whatever the head learns."""
        out = self.path("run")
        file = tiny_study.write_file(self.folder, text(["random"], 0))
        tiny_study.run(file, out)
        tiny_study.run(file, out, "--set", "network.steps=5")
        weights = []
        for job in os.listdir(os.path.join(out, "jobs")):
            if job.startswith("network.random-"):
                weights.append(read(out, "jobs", job, "network.safetensors"))
        self.assertEqual(len(weights), 2)
        trunks, heads = [], []
        for file in weights:
            size = int.from_bytes(file[:8], "little")
            header = json.loads(file[8 : 8 + size])
            tensors = {name: file[8 + size + about["data_offsets"][0] : 8 + size + about["data_offsets"][1]]
                       for name, about in header.items() if name != "__metadata__"}
            trunks.append({name: value for name, value in tensors.items() if name.startswith("trunk.")})
            heads.append({name: value for name, value in tensors.items() if name.startswith("heads.")})
        self.assertGreater(len(trunks[0]), 100)
        self.assertEqual(trunks[0], trunks[1])
        self.assertNotEqual(heads[0], heads[1])

    def test_networks_alone(self):
        out = self.path("run")
        file = tiny_study.write_file(self.folder, text(["edge2d", "jigsaw"], 0))
        tiny_study.run(file, out)
        names = tiny_study.job_names(out)
        self.assertEqual(names, sorted(["data"] + [stage + "." + task for stage in ("network", "constant", "random_encoder")
                                                   for task in ("edge2d", "jigsaw")]))
        for task in json.loads(read(out, "summary.json"))["tasks"]:
            for win in ("beats_constant", "beats_random_encoder"):
                self.assertTrue(0 <= task[win] <= 1, task["name"])
        self.assertIn("random encoder", read(out, "report.html").decode())
        self.assertFalse(os.path.exists(os.path.join(out, "transfers.csv")))

    def test_a_small_subset_of_scenes_keeps_partners(self):
        out = self.path("run")
        file = tiny_study.write_file(self.folder, text(["fix_pose"], 0))
        tiny_study.run(file, out, "--set", "data.subset_of=scenes", "--set", "data.test_images=6", "--set", "data.train_images=12",
                       "--set", "data.transfer_images=6")
        job = next(name for name in os.listdir(os.path.join(out, "jobs")) if name.startswith("network.fix_pose-"))
        self.assertEqual(json.loads(read(out, "jobs", job, "result.json"))["images"], 12)

    def test_data_without_partners_are_refused_by_name(self):
        data = self.path("data")
        self.succeed("data", "render", "--out", data, "--rooms", 5, "--set", "furniture=parametric", "--set", "views_per_room=2",
                     "--set", "views_per_point=1", "--set", "image_side=32", "--set", "samples_per_pixel=1")
        failed = self.refuse(1, "train", "fix_pose", "--data", data, "--out", "out", "--steps", 2, "--set", "scale.width=4")
        self.assertIn("fix_pose", failed)
        self.assertIn("views_per_point", failed)

    def test_a_task_that_is_no_target_is_trained_alone(self):
        data = self.path("data")
        self.succeed("data", "render", "--out", data, "--rooms", 5, "--set", "furniture=parametric", "--set", "views_per_room=2",
                     "--set", "image_side=32", "--set", "samples_per_pixel=1")
        result = self.json("train", "colorization", "--data", data, "--out", self.path("out"), "--steps", 2, "--set", "scale.width=4",
                           "--set", "network.batch_size=2")
        self.assertEqual(result["task"], "colorization")


if __name__ == "__main__":
    unittest.main()
