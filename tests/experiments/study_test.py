"""A whole experiment at the smallest size: what its folder holds, what is done again, and the commands for one training."""
import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import JOBS, TASKS, digest, read

SAME_TRAINING = ["--steps", 3, "--set", "scale.width=4", "--set", "constant.steps=3"] + [
    part for section in ("network", "scratch", "constant", "transfer") for part in ("--set", section + ".batch_size=4")
]


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class StudyTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.file = tiny_study.write_file(cls.shared)
        cls.run_folder = os.path.join(cls.shared, "run")
        cls.done = tiny_study.run(cls.file, cls.run_folder, "--json")

    def job(self, name, out=None):
        """The one finished folder of a job."""
        jobs = os.path.join(out or self.run_folder, "jobs")
        found = [folder for folder in os.listdir(jobs) if folder.rsplit("-", 1)[0] == name]
        self.assertEqual(len(found), 1, name)
        return os.path.join(jobs, found[0])

    def copy_of_run(self):
        copy = self.path("run")  # a report is headed by its folder's name
        shutil.copytree(self.run_folder, copy)
        return copy

    def done_files(self, out):
        """Every done.json with its digest and the time at which it was written."""
        jobs = os.path.join(out, "jobs")
        paths = [os.path.join(jobs, job, "done.json") for job in os.listdir(jobs)]
        return {path: (os.stat(path).st_mtime_ns, digest(path)) for path in paths}

    def test_the_folder_holds_what_is_promised(self):
        promised = {"report.html", "transfers.csv", "taxonomy.json", "experiment.toml", "summary.json", "jobs", "index.sqlite", "graphs",
                    "contact_sheet.png"}
        self.assertLessEqual(promised, set(os.listdir(self.run_folder)))
        self.assertEqual([name for name in os.listdir(self.run_folder) if ".tmp-" in name or name.endswith(".partial")], [])
        expected = ["data"] + [stage + "." + task for stage in ("network", "encode", "scratch", "shallow", "constant", "random_encoder") for task in TASKS]
        expected += ["transfer.%s--%s" % (source, target) for source in TASKS for target in TASKS]
        expected += ["transfer.%s--%s" % ("+".join(task for task in TASKS if task != target), target) for target in TASKS]
        self.assertEqual(tiny_study.job_names(self.run_folder), sorted(expected))
        self.assertEqual(len(expected), JOBS)
        graphs = ["taxonomy-b%d-o%d.%s" % (b, o, end) for b in (1, 2, 3) for o in (1, 2) for end in ("dot", "graphml")]
        graphs.append("taxonomies.json")
        self.assertEqual(sorted(os.listdir(os.path.join(self.run_folder, "graphs"))), sorted(graphs))
        self.assertEqual(json.loads(self.done.stdout), {"folder": self.run_folder} | {
            key: os.path.join(self.run_folder, name)
            for key, name in (("report", "report.html"), ("transfers", "transfers.csv"), ("taxonomy", "taxonomy.json"))})

    def test_the_index_lists_every_job(self):
        with sqlite3.connect("file:%s?mode=ro" % os.path.join(self.run_folder, "index.sqlite"), uri=True) as index:
            rows = index.execute("SELECT folder, state FROM jobs").fetchall()
            losses = index.execute("SELECT count(*) FROM metrics WHERE metric = 'mean_loss'").fetchone()[0]
        index.close()
        self.assertEqual(sorted(os.path.basename(folder) for folder, _ in rows), sorted(os.listdir(os.path.join(self.run_folder, "jobs"))))
        self.assertEqual({state for _, state in rows}, {"done"})
        self.assertEqual(losses, 15 + 12)  # every network, baseline and transfer; neither data nor encodings

    def test_the_transfer_table_is_one_that_the_taxonomy_commands_take(self):
        table = os.path.join(self.run_folder, "transfers.csv")
        swept = self.json("taxonomy", "sweep", "--transfers", table, "--budgets", "1-3", "--max-orders", "1,2")
        written = json.loads(read(self.run_folder, "taxonomy.json"))
        for sweep in (swept, written):
            for part in [sweep, *sweep["cells"]]:
                part["seconds"] = None
        self.assertEqual(swept, written)
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ["sources", "target", "order", "affinity", "gain", "quality", "affinity_low", "affinity_high",
                                         "gain_low", "gain_high", "quality_low", "quality_high", "tied_with_best"])
        self.assertEqual(len(rows), 3 + 9 + 3)  # self, first order, pairs
        for target in TASKS:
            self.assertAlmostEqual(sum(float(row["affinity"]) for row in rows if row["target"] == target), 1, places=12)
        for row in rows:
            self.assertEqual(int(row["order"]), row["sources"].count("+") + 1)
            for column in ("affinity", "gain", "quality"):
                self.assertTrue(0 <= float(row[column]) <= 1, row)
                self.assertLessEqual(float(row[column + "_low"]), float(row[column + "_high"]))

    def test_intervals_are_those_of_the_affinity_command(self):
        with open(os.path.join(self.run_folder, "transfers.csv")) as file:
            self.assertEqual(self.succeed("taxonomy", "affinity", "--run", self.run_folder).stdout, file.read())
        summary = json.loads(read(self.run_folder, "summary.json"))
        found = self.json("taxonomy", "affinity", "--run", self.run_folder)
        for written, computed in zip(summary["tournaments"], found["tournaments"], strict=True):
            for key in ("target", "networks", "wins", "affinity", "intervals"):
                self.assertEqual(written[key], computed[key])
            self.assertEqual((written["intervals"]["unit"], written["intervals"]["units"]), ("images", 6))
        robust = self.json("taxonomy", "robustness", "--run", self.run_folder, "--budget", 2, "--max-order", 2, "--draws", 20, "--splits", 5)
        self.assertEqual([target["target"] for target in robust["targets"]], TASKS)

    def test_a_forecast_from_the_encoded_images_alone(self):
        out = self.path("forecast.csv")
        found = self.json("taxonomy", "forecast", self.run_folder, "--out", out, "--pixels", 4)
        with open(out, newline="") as file:
            rows = list(csv.DictReader(file))
        with open(os.path.join(self.run_folder, "transfers.csv"), newline="") as file:
            measured = {(row["sources"], row["target"]) for row in csv.DictReader(file) if row["order"] == "1"}
        self.assertEqual({(row["sources"], row["target"]) for row in rows}, {pair for pair in measured if pair[0] != pair[1]})
        self.assertEqual(found["transfers"], len(rows))
        self.assertEqual({each["target"] for each in found["measured"]["targets"]}, {row["target"] for row in rows})
        self.assertIn("best by forecast", self.succeed("taxonomy", "forecast", self.run_folder, "--out", self.path("again.csv"), "--pixels", 4).stdout)
        with open(out, "rb") as one, open(self.path("again.csv"), "rb") as other:
            self.assertEqual(one.read(), other.read())
        intervals = self.json("taxonomy", "compare", os.path.join(self.run_folder, "transfers.csv"), out, "--run", self.run_folder, "--draws", 20)["intervals"]
        self.assertEqual(intervals["draws"], 20)
        self.assertLessEqual(intervals["mean_spearman"]["low"], intervals["mean_spearman"]["high"])

    def test_the_summary_says_what_was_done(self):
        summary = json.loads(read(self.run_folder, "summary.json"))
        self.assertTrue(summary["finished"])
        self.assertEqual(summary["failures"], [])
        self.assertEqual([task["name"] for task in summary["tasks"]], TASKS)
        self.assertEqual(summary["description"], "Does every stage do its part?")
        images = {split: about["images"] for split, about in summary["data"]["splits"].items()}
        self.assertEqual(images, {"train": 2 * 2 * 3, "transfer": 2 * 3, "test": 2 * 3})
        self.assertEqual(sum(cost["jobs"] for cost in summary["costs"]), JOBS)
        for task in summary["tasks"]:
            self.assertEqual(set(task["networks"]), {"self", "scratch", "shallow", "constant", "random_encoder"})
            for win in ("beats_constant", "beats_random_encoder", "beats_scratch"):
                self.assertTrue(0 <= task[win] <= 1, win)
            self.assertEqual(len(task["transfers"]), 4)

    def test_the_settings_are_written_as_used_and_run_again(self):
        copy = self.copy_of_run()
        before = self.done_files(copy)
        shutil.copy(os.path.join(copy, "experiment.toml"), self.path("again.toml"))
        self.succeed("run", self.path("again.toml"), "--out", copy)
        self.assertEqual(self.done_files(copy), before)

    def test_running_again_repeats_no_job_and_changes_no_byte(self):
        copy = self.copy_of_run()
        before = self.done_files(copy)
        self.assertEqual(len(before), JOBS)
        names = ("transfers.csv", "taxonomy.json", "experiment.toml", "report.html", "contact_sheet.png")
        results = {name: digest(copy, name) for name in names}
        lines = read(copy, "log.jsonl").splitlines()
        again = self.succeed("run", self.file, "--out", copy)
        self.assertIn("%d jobs, %d of them done before" % (JOBS, JOBS), again.stderr)
        self.assertEqual(self.done_files(copy), before)
        self.assertEqual({name: digest(copy, name) for name in names}, results)
        logged = [json.loads(line)["message"] for line in read(copy, "log.jsonl").splitlines()[len(lines):]]
        self.assertEqual([message for message in logged if message.startswith(("starts", "done"))], [])

    def test_an_override_of_one_task_redoes_what_it_touches_and_nothing_else(self):
        copy = self.copy_of_run()
        before = self.done_files(copy)
        self.succeed("run", self.file, "--out", copy, "--set", 'tasks.overrides=["network.edge2d.weight_decay=1e-3"]')
        after = self.done_files(copy)
        self.assertEqual({path: after[path] for path in before}, before)
        fresh = sorted(os.path.basename(os.path.dirname(path)).rsplit("-", 1)[0] for path in after if path not in before)
        touched = ["encode.edge2d", "network.edge2d", "random_encoder.edge2d"] + ["transfer.edge2d--" + target for target in TASKS]
        touched += ["transfer.class_places+edge2d--rgb2depth", "transfer.edge2d+rgb2depth--class_places"]
        self.assertEqual(fresh, sorted(touched))
        weights = {digest(os.path.dirname(path), "network.safetensors") for path in after if "network.edge2d" in path}
        self.assertEqual(len(weights), 2)
        # Back to the old setting: everything is still there.
        self.succeed("run", self.file, "--out", copy)
        self.assertEqual(self.done_files(copy), after)
        self.assertEqual(read(copy, "transfers.csv"), read(self.run_folder, "transfers.csv"))

    def test_a_setting_that_changes_no_result_redoes_nothing(self):
        copy = self.copy_of_run()
        before = self.done_files(copy)
        self.succeed("run", self.file, "--out", copy, "--set", "name=renamed", "--set", "network.checkpoint_seconds=5", "--devices", "cpu:0")
        self.assertEqual(self.done_files(copy), before)
        self.assertEqual(json.loads(read(copy, "summary.json"))["name"], "renamed")

    def test_a_lost_or_damaged_result_is_made_again_with_the_same_bytes(self):
        copy = self.copy_of_run()
        shutil.rmtree(self.job("transfer.edge2d--rgb2depth", copy))
        with open(os.path.join(self.job("transfer.edge2d--edge2d", copy), "done.json"), "w") as file:
            file.write("{")
        os.remove(os.path.join(copy, "index.sqlite"))
        again = self.succeed("run", self.file, "--out", copy)
        self.assertIn("done before", again.stderr)
        for name in ("transfers.csv", "taxonomy.json"):
            self.assertEqual(read(copy, name), read(self.run_folder, name))

    def test_files_that_a_kill_cut_off_are_removed_by_the_next_run(self):
        copy = self.copy_of_run()
        gone = subprocess.Popen(["true"])
        gone.wait()
        cut_off = [os.path.join(copy, part, ".taxonomy.tmp-%d-7.json" % gone.pid) for part in (".", "graphs")]
        at_work = os.path.join(copy, ".report.tmp-%d-7.html" % os.getpid())
        for path in [*cut_off, at_work]:
            open(path, "w").close()
        self.succeed("run", self.file, "--out", copy)
        self.assertEqual([path for path in cut_off if os.path.exists(path)], [])
        self.assertTrue(os.path.exists(at_work))

    def test_status(self):
        status = self.json("status", self.run_folder)
        self.assertEqual(set(status), {"finished", "coordinator_alive", "stages", "failures", "seconds_left", "cluster"})
        self.assertTrue(status["finished"])
        self.assertFalse(status["coordinator_alive"])
        self.assertEqual(status["failures"], [])
        self.assertEqual(status["seconds_left"], 0)
        counts = {stage["stage"]: (stage["done"], stage["total"]) for stage in status["stages"]}
        expected = {stage: (3, 3) for stage in ("network", "encode", "scratch", "shallow", "constant", "random_encoder")}
        self.assertEqual(counts, expected | {"data": (1, 1), "transfer": (12, 12)})
        self.assertIn("finished", self.succeed("status", self.run_folder).stdout)
        shutil.rmtree(self.job("constant.edge2d", copy := self.copy_of_run()))
        status = self.json("status", copy, "--watch")  # ends at once: nobody is at work
        self.assertFalse(status["finished"])
        self.assertIn("stopped", self.succeed("status", copy).stdout)
        self.refuse(1, "status", self.path("nowhere"), names=["nowhere"])
        self.refuse(1, "status", self.folder, names=[self.folder])

    def test_train_by_hand_gives_the_network_of_the_study(self):
        data = self.job("data")
        command = ("train", "edge_texture", "--data", data, "--out", "trained", *SAME_TRAINING)
        result = self.json(*command)
        own = json.loads(read(self.job("network.edge2d"), "result.json"))
        for key in ("mean_loss", "metrics", "parameters", "steps", "images", "task"):
            self.assertEqual(result[key], own[key])
        weights = os.path.join(self.job("network.edge2d"), "network.safetensors")
        self.assertEqual(digest(self.folder, result["weights"]), digest(weights))
        before = self.done_files(self.path("trained"))
        said = self.succeed(*command)
        self.assertEqual(self.done_files(self.path("trained")), before)
        self.assertIn("test loss", said.stdout)
        other = self.json(*command[:-len(SAME_TRAINING)], *SAME_TRAINING, "--seed", 2)
        self.assertNotEqual(other["mean_loss"], result["mean_loss"])

    def test_transfer_by_hand_gives_the_transfer_of_the_study(self):
        sources = "rgb2depth,edge_texture"
        result = self.json("transfer", "--sources", sources, "--target", "class_places", "--data", self.job("data"), "--out", "transferred",
                           *SAME_TRAINING)
        own = json.loads(read(self.job("transfer.edge2d+rgb2depth--class_places"), "result.json"))
        self.assertEqual(result["mean_loss"], own["mean_loss"])
        self.assertEqual(result["name"], "edge2d+rgb2depth")
        with open(os.path.join(self.run_folder, "transfers.csv"), newline="") as file:
            row = next(row for row in csv.DictReader(file) if (row["sources"], row["target"]) == ("edge2d+rgb2depth", "class_places"))
        self.assertEqual((result["gain"], result["quality"]), (float(row["gain"]), float(row["quality"])))
        self.assertIn("beats_constant", result)
        jobs = tiny_study.job_names(self.path("transferred"))
        self.assertIn("encode.edge2d", jobs)
        self.assertNotIn("encode.class_places", jobs)
        self.assertEqual([job for job in jobs if job.startswith("transfer")], ["transfer.edge2d+rgb2depth--class_places"])

    def test_a_study_on_a_folder_of_data_gives_the_same_table(self):
        text = tiny_study.TEXT.replace(tiny_study.ROOMS, '[data]\nfolder = "%s"\n' % self.job("data"))
        tiny_study.run(tiny_study.write_file(self.folder, text), self.path("out"))
        self.assertEqual(read(self.folder, "out", "transfers.csv"), read(self.run_folder, "transfers.csv"))
        self.assertNotIn("data", tiny_study.job_names(self.path("out")))

    def test_tasks_list_and_show(self):
        tasks = self.json("tasks", "list")
        self.assertEqual(set(tasks), {"tasks"})
        keys = {"name", "aliases", "family", "arity", "source", "target", "fields", "head", "loss", "metrics"}
        for task in tasks["tasks"]:
            self.assertEqual(set(task), keys)
            self.assertTrue(task["source"] or task["target"])
            self.assertTrue(task["fields"])
        # Every alias of every task is looked up elsewhere, without a new process each.
        for task in tasks["tasks"][::9]:
            for name in [task["name"], *task["aliases"]]:
                shown = self.json("tasks", "show", name)
                self.assertEqual({key: shown[key] for key in task}, task)
                self.assertTrue(shown["doc"])
                self.assertEqual(sorted(shown["units"]), sorted(task["metrics"]))
        names = [task["name"] for task in tasks["tasks"]]
        self.assertEqual(names, sorted(set(names)))
        self.assertLessEqual(set(TASKS), set(names))
        listed = self.succeed("tasks", "list").stdout
        for name in names:
            self.assertTrue(re.search(r"^%s " % name, listed, re.M), name)
        shown = self.succeed("tasks", "show", "rgb2depth").stdout
        for word in ("rgb2depth", "depth_zbuffer", "source, target", "better"):
            self.assertIn(word, shown)
        self.refuse(2, "tasks", "show", "rgb2dept", names=["rgb2dept", "did you mean 'rgb2depth'"])


if __name__ == "__main__":
    unittest.main()
