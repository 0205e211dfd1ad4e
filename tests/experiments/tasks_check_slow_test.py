#!/usr/bin/env python3
"""tasks check on every task of the bank, on rendered rooms; tasks sheet draws all of them."""
import unittest

from cli import WITH_TORCH, CliTest


@unittest.skipUnless(WITH_TORCH, "needs LibTorch")
class TasksCheckTest(CliTest):
    def test_every_task_passes_every_check(self):
        data = self.path("rooms")
        self.succeed("data", "render", "--out", data, "--rooms", 15, "--views", 6, "--furniture", "parametric")
        for task in self.json("tasks", "list")["tasks"]:
            with self.subTest(task["name"]):
                done = self.run_affinis("tasks", "check", task["name"], "--data", data)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertEqual(done.stdout.count("\nok "), 16)  # and the first line
        self.assertIn("26 tasks", self.succeed("tasks", "sheet", "--data", data, "--out", "sheet.png").stdout)


if __name__ == "__main__":
    unittest.main()
