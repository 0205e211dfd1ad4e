#!/usr/bin/env python3
"""tasks list and tasks show: the 26 tasks of the dictionary under all of their names."""
import unittest

from cli import WITH_TORCH, CliTest

# Config name: names in released results, of data-set folders and in visualpriors (Taskonomy, Zamir et al. 2018, and its releases).
BOTH = {
    "autoencoder": ["autoencoding"],
    "class_1000": ["class_object"],
    "class_places": ["class_scene"],
    "curvature": ["principal_curvature"],
    "denoise": ["denoising"],
    "edge2d": ["edge_texture"],
    "edge3d": ["edge", "edge_occlusion"],
    "ego_motion": ["egomotion"],
    "fix_pose": ["fixated_pose"],
    "keypoint2d": ["keypoints2d"],
    "keypoint3d": ["keypoint", "keypoints3d"],
    "non_fixated_pose": ["nonfixated_pose"],
    "point_match": ["point_matching"],
    "reshade": ["reshading"],
    "rgb2depth": ["depth", "depth_zbuffer"],
    "rgb2mist": ["mist", "depth_euclidean"],
    "rgb2sfnorm": ["normal"],
    "room_layout": [],
    "segment25d": ["segment_unsup25d"],
    "segment2d": ["segment_unsup2d"],
    "segmentsemantic": ["segmentsemantic_rb", "segment_semantic"],
    "vanishing_point": ["vanishing_point_well_defined"],
}
SOURCES_ONLY = {"colorization": [], "inpainting_whole": ["impainting_whole", "inpainting"], "jigsaw": [], "random": []}
KEYS = ["aliases", "arity", "family", "fields", "head", "loss", "metrics", "name", "source", "target"]


@unittest.skipUnless(WITH_TORCH, "needs LibTorch")
class TasksListTest(CliTest):
    def test_twenty_two_tasks_have_both_roles_and_four_are_sources_only(self):
        tasks = {task["name"]: task for task in self.json("tasks", "list")["tasks"]}
        self.assertEqual(sorted(tasks), sorted([*BOTH, *SOURCES_ONLY]))
        self.assertEqual(len(tasks), 26)
        for name, task in tasks.items():
            self.assertEqual(sorted(task), KEYS, name)
            self.assertEqual((task["source"], task["target"]), (True, name in BOTH), name)
            self.assertLessEqual(set((BOTH | SOURCES_ONLY)[name]), set(task["aliases"]), name)
            for key in ("family", "fields", "head", "loss", "metrics"):
                self.assertTrue(task[key], (name, key))
        arities = {name: task["arity"] for name, task in tasks.items() if task["arity"] > 1}
        self.assertEqual(arities, {"fix_pose": 2, "non_fixated_pose": 2, "point_match": 2, "ego_motion": 3, "jigsaw": 9})
        every_name = [name for task in tasks.values() for name in [task["name"], *task["aliases"]]]
        self.assertEqual(len(every_name), len(set(every_name)))

    def test_the_table_says_the_same(self):
        tasks = self.json("tasks", "list")["tasks"]
        header, *lines = self.succeed("tasks", "list").stdout.splitlines()
        for word in ("task", "family", "role", "images", "head", "loss", "reads", "metrics", "also called"):
            self.assertIn(word, header)
        self.assertEqual(len(lines), len(tasks))
        for task, line in zip(tasks, lines):
            self.assertEqual(line.split()[0], task["name"])
            for key in ("fields", "metrics", "aliases"):
                self.assertIn(", ".join(task[key]), line)

    def test_show_takes_any_name_and_says_what_it_is_in_which_units(self):
        page = self.succeed("tasks", "show", "depth_zbuffer").stdout
        for word in ("Z-Depth (rgb2depth)", "z in metres", "rmse [m]", "masked L1", "source, target", "depth_zbuffer"):
            self.assertIn(word, page)
        shown = self.json("tasks", "show", "impainting_whole")
        self.assertEqual(shown["name"], "inpainting_whole")
        self.assertIn("middle half", shown["doc"])
        self.assertEqual(shown["units"]["psnr"], "dB")
        self.refuse(2, "tasks", "show", "rgb2dept", names=["rgb2dept", "rgb2depth"])


if __name__ == "__main__":
    unittest.main()
