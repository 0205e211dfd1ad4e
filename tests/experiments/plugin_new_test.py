#!/usr/bin/env python3
"""tasks new and tasks show: what they write, what they refuse."""
import os
import unittest

from cli import SOURCE, WITH_TORCH, CliTest


@unittest.skipUnless(WITH_TORCH, "needs LibTorch")
class NewTask(CliTest):
    def test_every_kind_makes_a_project_of_its_own_name(self):
        for kind in ("dense", "segmentation", "classification", "regression", "pair", "triplet"):
            name = "my_" + kind
            made = self.json("tasks", "new", name, "--kind", kind)
            self.assertEqual((made["name"], made["kind"], made["folder"]), (name, kind, os.path.realpath(self.path(name))))
            self.assertEqual(sorted(os.listdir(self.path(name))), sorted(made["files"]))
            self.assertEqual(sorted(made["files"]), sorted(["CMakeLists.txt", "README.md", name + ".cpp"]))
            text = ""
            for file in made["files"]:
                with open(os.path.join(self.path(name), file)) as opened:
                    text += opened.read()
            self.assertEqual(text.count("Edit from here"), 2)  # in the source, and in the README that speaks of it
            for word in ("class My%s final" % kind.capitalize(), '"%s"' % name, "affinis_add_plugin(%s %s.cpp)" % (name, name)):
                self.assertIn(word, text)
            for word in ("new_task", "NewTask", "New Task", "@"):
                self.assertNotIn(word, text)

    def test_names_that_hold_the_placeholder_are_not_replaced_twice(self):
        self.succeed("tasks", "new", "new_task_two", "--kind", "dense", "--out", "there")
        with open(self.path("there/new_task_two.cpp")) as file:
            text = file.read()
        self.assertIn('.name = "new_task_two"', text)
        self.assertIn("class NewTaskTwo final", text)

    def test_refusals_name_the_cause_and_write_nothing(self):
        for name, words in (("a-b", "cannot name a task"), ("3d", "cannot name a task"), ("class", "a word of C++"), ("test", "a word of CMake"),
                            ("rgb2depth", "already"), ("depth", "an alias of rgb2depth")):
            self.refuse(2, "tasks", "new", name, "--kind", "dense", names=["'%s'" % name, words])
        self.refuse(2, "tasks", "new", "mine", "--kind", "video", names=["video"])
        self.assertEqual(os.listdir(self.folder), [])
        os.mkdir(self.path("full"))
        kept = self.write("full/note.txt", "mine")
        self.refuse(2, "tasks", "new", "mine", "--kind", "dense", "--out", "full", names=["full is not empty", "--out"])
        self.refuse(2, "tasks", "new", "mine", "--kind", "dense", "--out", kept, names=["is a file"])
        self.assertEqual(os.listdir(self.path("full")), ["note.txt"])

    def test_an_empty_folder_is_taken(self):
        os.mkdir(self.path("empty"))
        self.succeed("tasks", "new", "mine", "--kind", "pair", "--out", "empty")
        self.assertIn("mine.cpp", os.listdir(self.path("empty")))

    def test_show_draws_inputs_and_targets(self):
        shown = self.succeed("tasks", "show", "rgb2sfnorm", "--picture", "normals.png").stdout
        self.assertIn("normals.png", shown)
        with open(self.path("normals.png"), "rb") as file:
            picture = file.read()
        self.assertEqual(picture[:8], b"\x89PNG\r\n\x1a\n")
        width, height = (int.from_bytes(picture[i:i + 4], "big") for i in (16, 20))
        self.assertGreaterEqual(width, 2 * 128)
        self.assertGreaterEqual(height, 4 * 128)
        self.refuse(2, "tasks", "show", "rgb2sfnorm", "--data", SOURCE, names=["--picture"])

    def test_check_prints_one_line_a_check(self):
        checks = self.json("tasks", "check", "class_places", "--samples", 4)
        self.assertEqual(checks["task"], "class_places")
        self.assertLessEqual({"determinism", "mask", "gradient", "finite differences", "overfit", "pictures", "images apart", "loss"},
                             {check["name"] for check in checks["checks"]})
        self.assertTrue(all(check["passed"] for check in checks["checks"]))


if __name__ == "__main__":
    unittest.main()
