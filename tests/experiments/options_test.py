"""experiments/OPTIONS.md is what `affinis options` prints, and its table is what experiment files and --set are read by."""
import os
import re
import unittest

from cli import SOURCE, WITH_TORCH, CliTest

REFERENCE = os.path.join(SOURCE, "experiments", "OPTIONS.md")


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class OptionsTest(CliTest):
    def test_the_reference_is_what_the_program_prints(self):
        printed = self.succeed("options").stdout
        with open(REFERENCE, encoding="utf-8") as file:
            written = file.read()
        self.assertEqual(written, printed, "stale: write it anew with 'affinis options > experiments/OPTIONS.md'")

    def test_every_option_has_a_type_a_default_and_a_meaning(self):
        text = self.succeed("options").stdout
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        self.assertGreater(len(rows), 60)
        for row in rows:
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            self.assertEqual(len(cells), 5, row)
            for cell in cells:
                self.assertTrue(cell, row)

    def test_cuda_graphs_without_a_gpu_are_refused(self):
        file = self.write("graphs.toml", "[run]\ncuda_graphs = true\n")
        sentence = self.refuse(2, "run", file, "--out", self.path("out"), names=["run.cuda_graphs", "cpu:0, cpu:1", "cuda:0"])
        self.assertIn("leave cuda_graphs out", sentence)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_file_of_all_defaults_is_accepted_and_changes_nothing(self):
        """Each default in the reference is TOML that the program reads back, section by section."""
        lines = []
        for line in self.succeed("options").stdout.splitlines():
            section = re.fullmatch(r"## `\[(\w+)\]`", line)
            option = re.match(r"\| `(\w+)` \| [^|]+ \| `([^`]*)` \|", line)
            if section:
                lines.append("[%s]" % section.group(1))
            elif option:
                lines.append("%s = %s" % (option.group(1), option.group(2)))
        self.assertIn("[run]", lines)
        file = self.write("defaults.toml", "\n".join(lines) + "\n")
        self.write("file", "in the way")
        # Settings are read before the folder is made: this sentence means that all of them were accepted.
        self.refuse(1, "run", file, "--out", self.path("file/run"), names=["file/run", "is a file and in the way"])


    def test_every_experiment_file_can_be_planned(self):
        folder = os.path.join(SOURCE, "experiments")
        files = sorted(name for name in os.listdir(folder) if name.endswith(".toml"))
        self.assertIn("taxonomy26-desk.toml", files)
        for name in files:
            if name in ("novel-task.toml", "hydra-50.toml"):
                continue  # their tasks are plug-ins; plugin_study_slow_test.py runs them
            with self.subTest(name):
                plan = self.json("run", os.path.join(folder, name), "--out", self.path(name), "--dry-run")
                self.assertTrue(plan)
                self.assertFalse(os.path.exists(self.path(name)), "a dry run writes nothing")


if __name__ == "__main__":
    unittest.main()
