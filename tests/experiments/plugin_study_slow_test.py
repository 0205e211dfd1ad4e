#!/usr/bin/env python3
"""Plug-ins in studies: the worked example as a novel target, tasks that throw, libraries that are refused."""
import json
import os
import unittest

import tiny_study
from cli import AFFINIS, SOURCE, WITH_TORCH, CliTest
from tiny_study import read

BUILD = os.path.dirname(os.path.abspath(AFFINIS))
FREE_FLOOR = os.path.join(BUILD, "plugins", "libfree_floor.so")
CELLS = os.path.join(BUILD, "plugins", "libcell_statistics.so")
THROWS = os.path.join(BUILD, "tests", "plugins", "libthrows.so")
SMALL = tiny_study.ROOMS.replace("[rooms]\n", "").split("\n")


def small(section):
    """--set arguments that make a section of an experiment file as short as a test must be."""
    lines = SMALL if section == "rooms" else tiny_study.STEPS.split("\n")
    return [part for line in lines if line for part in ("--set", "%s.%s" % (section, line.replace(" = ", "=").replace('"', "")))]


TINY = ["--set", "scale.image_side=32", "--set", "scale.width=4"]
for name in ("rooms", "network", "scratch", "constant", "transfer"):
    TINY += small(name)


@unittest.skipUnless(WITH_TORCH, "needs LibTorch")
class PluginStudy(CliTest):
    def test_the_worked_example_is_a_novel_target(self):
        file = os.path.join(SOURCE, "experiments", "novel-task.toml")
        self.succeed("run", file, "--out", "out", "--set", "tasks.plugins=" + FREE_FLOOR, "--set", "tasks.sources=edge2d,rgb2depth,reshade",
                     *TINY)
        rows = read(self.folder, "out", "transfers.csv").decode().splitlines()[1:]
        self.assertTrue(rows)
        self.assertEqual({row.split(",")[1] for row in rows}, {"free_floor"})
        self.assertIn("edge2d,free_floor,1,", "\n".join(rows))
        jobs = tiny_study.job_names(self.path("out"))
        self.assertIn("transfer.rgb2depth--free_floor", jobs)
        self.assertNotIn("encode.free_floor", jobs)
        self.assertIn("Free Floor", read(self.folder, "out", "report.html").decode())

    def test_fifty_heads_share_an_encoder(self):
        file = os.path.join(SOURCE, "experiments", "hydra-50.toml")
        self.succeed("run", file, "--out", "out", "--set", "tasks.plugins=" + CELLS, *TINY, *small("mtl"), "--set", "rooms.views_per_room=6")
        jobs = tiny_study.job_names(self.path("out"))
        self.assertEqual(len(jobs), 2, jobs)
        folder = os.path.join(self.path("out"), "jobs", next(name for name in os.listdir(self.path("out/jobs")) if name.startswith("joint.50-tasks-")))
        heads = json.loads(read(folder, "result.json"))["heads"]
        self.assertEqual(len(heads), 50)
        self.assertEqual(sorted(os.listdir(os.path.join(folder, "heads"))), sorted(heads))
        self.assertEqual(sum(name.startswith("cell_") for name in heads), 25)
        self.assertGreater(sum(head["mean_loss"] is not None for head in heads.values()), 45)

    def test_tasks_that_throw_are_named_and_the_others_go_on(self):
        text = tiny_study.TEXT.replace('names = ["edge2d", "rgb2depth", "class_places"]',
                                       'names = ["edge2d", "rgb2depth", "throws_in_example", "throws_in_loss"]\nplugins = ["%s"]' % THROWS)
        done = self.run_affinis("run", tiny_study.write_file(self.folder, text), "--out", "out")
        self.assertEqual(done.returncode, 1, done.stderr[-2000:])
        jobs = tiny_study.job_names(self.path("out"))
        for job in ("network.edge2d", "network.rgb2depth", "encode.edge2d", "transfer.edge2d--rgb2depth", "transfer.rgb2depth--edge2d"):
            self.assertIn(job, jobs)
        status = self.json("status", "out")
        failures = {failure["name"]: failure["error"] for failure in status["failures"]}
        for job, words in (("network/throws_in_example", "task 'throws_in_example' of the plug-in %s: example() throws: no such label" % THROWS),
                           ("network/throws_in_loss", "task 'throws_in_loss' of the plug-in %s: loss() throws something" % THROWS)):
            self.assertIn(words, failures.get(job, str(failures)))
        report = read(self.folder, "out", "report.html").decode()
        for name in ("throws_in_example", "throws_in_loss", "libthrows.so"):
            self.assertIn(name, report)

    def test_refused_plug_ins_are_named(self):
        folder = os.path.dirname(THROWS)
        for name, words in (("libwrong_abi.so", "plug-in ABI 4711"), ("libno_entry_point.so", "affinis_plugin"), ("libmissing.so", "cannot load")):
            self.refuse(2, "tasks", "list", "--plugin", os.path.join(folder, name), names=[name, words])
        self.refuse(2, "tasks", "list", "--plugin", FREE_FLOOR, "--plugin", FREE_FLOOR, names=["libfree_floor.so", "'free_floor'", "already taken"])


if __name__ == "__main__":
    unittest.main()
