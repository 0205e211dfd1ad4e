#!/usr/bin/env python3
"""From `tasks new` to a trained plug-in task in a report, in an empty folder, with a real compiler, against an installed Affinis."""
import os
import re
import shutil
import subprocess
import unittest

import cli
import tiny_study
from cli import AFFINIS, WITH_TORCH, CliTest

BUILD = os.path.dirname(os.path.abspath(AFFINIS))


@unittest.skipUnless(WITH_TORCH, "needs LibTorch")
@unittest.skipUnless(shutil.which("cmake"), "needs cmake")
class PluginKit(CliTest):
    def call(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        return done.stdout

    def build(self, name, option):
        self.call("cmake", "-S", name, "-B", name + "/build", option)
        self.call("cmake", "--build", name + "/build")
        return os.path.join(name, "build", "lib%s.so" % name)

    def test_an_afternoon_against_an_installed_affinis(self):
        self.call("cmake", "--install", BUILD, "--prefix", self.path("prefix"))
        installed = self.path("prefix/bin/affinis")
        # From here on the installed program alone is used, from its prefix.
        self.addCleanup(setattr, cli, "AFFINIS", cli.AFFINIS)
        self.addCleanup(setattr, tiny_study, "AFFINIS", tiny_study.AFFINIS)
        cli.AFFINIS = tiny_study.AFFINIS = installed

        said = self.succeed("tasks", "new", "room_height", "--kind", "dense").stdout
        option = re.search(r"-DCMAKE_PREFIX_PATH=\S+", said).group(0)
        self.assertEqual(os.path.realpath(option.split("=")[1]), os.path.realpath(self.path("prefix")))
        library = self.build("room_height", option)
        self.call("ctest", "--test-dir", "room_height/build", "--output-on-failure")
        names = {task["name"] for task in self.json("tasks", "list", "--plugin", library)["tasks"]}
        self.assertIn("room_height", names)

        text = tiny_study.TEXT.replace('names = ["edge2d", "rgb2depth", "class_places"]',
                                       'names = ["room_height"]\nsources = ["edge2d", "rgb2depth"]\ntargets = ["room_height"]')
        self.succeed("run", tiny_study.write_file(self.folder, text), "--out", "out", "--set", "tasks.plugins=" + self.path(library))
        jobs = tiny_study.job_names(self.path("out"))
        for job in ("network.room_height", "transfer.edge2d--room_height", "transfer.edge2d+rgb2depth--room_height"):
            self.assertIn(job, jobs)
        report = tiny_study.read(self.folder, "out", "report.html").decode()
        self.assertIn("Room Height", report)
        self.assertIn("room_height", tiny_study.read(self.folder, "out", "transfers.csv").decode())

    def test_the_other_kinds_build_against_the_build_folder_and_pass(self):
        for kind in ("segmentation", "classification", "regression", "pair", "triplet"):
            name = "my_" + kind
            option = self.json("tasks", "new", name, "--kind", kind)["cmake_option"]
            self.assertEqual(option, "-DAffinis_DIR=" + os.path.realpath(BUILD))
            library = self.build(name, option)
            checks = self.json("tasks", "check", name, "--plugin", library)
            self.assertEqual([check for check in checks["checks"] if not check["passed"]], [])

    def test_the_folder_of_the_environment_does_as_well(self):
        self.succeed("tasks", "new", "mine", "--kind", "regression")
        library = self.build("mine", "-DAffinis_DIR=" + BUILD)
        self.addCleanup(os.environ.pop, "AFFINIS_PLUGIN_PATH", None)
        os.environ["AFFINIS_PLUGIN_PATH"] = os.path.dirname(self.path(library))
        self.assertIn("mine", {task["name"] for task in self.json("tasks", "list")["tasks"]})
        self.refuse(2, "tasks", "new", "mine", "--kind", "dense", "--out", "again", names=["'mine'", "already"])
        self.refuse(2, "tasks", "list", "--plugin", library, names=["libmine.so", "'mine'", "already taken"])


if __name__ == "__main__":
    unittest.main()
