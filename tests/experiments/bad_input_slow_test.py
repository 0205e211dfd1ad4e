"""Bad input, full and read-only disks, two runs in one folder: one sentence that says what and where, the right code, nothing half-written."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import tiny_study
from cli import AFFINIS, WITH_TORCH, CliTest

needs_torch = unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
RENDER = ("--rooms", 5, "--views", 2, "--image-side", 32, "--furniture", "parametric")
TABLE = "sources,target,order,affinity,gain,quality\nself,a,1,0.5,0.5,0.5\nb,a,1,0.5,0.5,0.5\nself,b,1,1,1,1\n"


def with_line(line, section):
    """The tiny experiment with one more line in a section, and the number that this line has."""
    text = tiny_study.TEXT.replace("[%s]\n" % section, "[%s]\n%s\n" % (section, line), 1)
    return text, text[: text.index(line)].count("\n") + 1


@needs_torch
class ExperimentFile(CliTest):
    """Files and overrides that cannot be run are refused before a folder is made."""

    def refuse_text(self, text, *names, arguments=()):
        """A mistake in what the user wrote, in the file as on the command line, is exit code 2."""
        file = tiny_study.write_file(self.folder, text)
        sentence = self.refuse(2, "run", file, "--out", self.path("out"), *arguments, names=names)
        self.assertFalse(os.path.exists(self.path("out")))
        return sentence

    def test_no_such_file(self):
        self.refuse(1, "run", self.path("absent.toml"), "--out", self.path("out"), names=["absent.toml", "does not exist"])
        self.refuse(1, "run", self.folder, "--out", self.path("out"), names=[self.folder])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_an_unknown_key_is_named_with_its_line_and_the_nearest(self):
        text, line = with_line("learning_rat = 1e-3", "network")
        self.refuse_text(text, "tiny.toml", "%d" % line, "learning_rat", "did you mean", "learning_rate")

    def test_an_unknown_section(self):
        self.refuse_text(tiny_study.TEXT + "[netwrk]\nsteps = 3\n", "tiny.toml", "netwrk", "network")

    def test_a_value_of_another_type(self):
        text, line = with_line('learning_rate = "fast"', "network")
        self.refuse_text(text, "tiny.toml", "%d" % line, "learning_rate", "fast")
        self.refuse_text(tiny_study.TEXT.replace("steps = 3", "steps = 3.5", 1), "steps", "3.5")

    def test_a_value_out_of_range(self):
        self.refuse_text(tiny_study.TEXT.replace("width = 4", "width = 3"), "width", "3", "4")
        self.refuse_text(tiny_study.TEXT.replace("image_side = 32", "image_side = 40"), "image_side", "40", "16")
        text, _ = with_line('optimizer = "adm"', "transfer")
        self.refuse_text(text, "optimizer", "adm", "adam")

    def test_no_toml(self):
        self.refuse_text(tiny_study.TEXT + "[run\n", "tiny.toml", str(tiny_study.TEXT.count("\n") + 1))

    def test_settings_that_contradict_each_other(self):
        text, _ = with_line('schedule = "cosine"\ndecay_at = [0.5]', "network")
        self.refuse_text(text, "network", "decay_at", "cosine")
        self.refuse_text(tiny_study.TEXT + '[taxonomy]\ngain_against = "shallow"\n', "gain_against", "shallow",
                         arguments=["--set", "search.shallow=false"])

    def test_an_unknown_task(self):
        self.refuse_text(tiny_study.TEXT.replace('"edge2d"', '"edge2"'), "edge2", "did you mean", "edge2d")
        self.refuse_text(tiny_study.TEXT, "rgb2dept", "rgb2depth", arguments=["--set", 'tasks.targets=["rgb2dept"]'])

    def test_bad_overrides_on_the_command_line(self):
        self.refuse_text(tiny_study.TEXT, "network.step=3", "did you mean 'steps'", arguments=["--set", "network.step=3"])
        self.refuse_text(tiny_study.TEXT, "network.steps", "many", arguments=["--set", "network.steps=many"])
        self.refuse_text(tiny_study.TEXT, "network.steps", "=", arguments=["--set", "network.steps"])
        self.refuse_text(tiny_study.TEXT, "budgets", "-1", arguments=["--set", "taxonomy.budgets=[-1]"])

    def test_bad_overrides_of_a_task(self):
        for override, names in (("network.edge2d.weight_deca=1", ["weight_deca", "weight_decay"]),
                                ("netwok.edge2d.weight_decay=1", ["netwok", "network"]),
                                ("network.edge2.weight_decay=1", ["edge2", "edge2d"]),
                                ("weight_decay=1", ["weight_decay=1", "section.task.key=value"])):
            with self.subTest(override):
                text, _ = with_line('overrides = ["%s"]' % override, "tasks")
                self.refuse_text(text, *names)

    def test_usage(self):
        self.refuse(2, "run", names=["FILE"])
        self.refuse(2, "run", "a.toml", "--on", "moon", names=["moon"])
        self.refuse(2, "runn")
        self.refuse(2, names=["subcommand"])


class Data(CliTest):
    """Data sets that are missing, cut short, foreign or damaged."""

    @classmethod
    def setUpClass(cls):
        cls.rendered = os.path.join(tempfile.mkdtemp(prefix="affinis-test-"), "rooms")
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.rendered), ignore_errors=True)
        subprocess.run([AFFINIS, "data", "render", "--out", cls.rendered, *map(str, RENDER)], check=True, capture_output=True)

    def setUp(self):
        super().setUp()
        self.data = self.path("rooms")
        shutil.copytree(self.rendered, self.data)

    def store(self, split):
        return os.path.join(self.data, split + ".h5")

    def refuse_everywhere(self, *names):
        """train, transfer and run all end with code 1 and one sentence about the data."""
        text = tiny_study.TEXT.replace(tiny_study.ROOMS, '[data]\nfolder = "%s"\n' % self.data)
        file = tiny_study.write_file(self.folder, text)
        for command in (["train", "edge2d"], ["transfer", "--sources", "edge2d", "--target", "rgb2depth"]):
            self.refuse(1, *command, "--data", self.data, "--out", self.path("out"), "--steps", 2, "--set", "scale.width=4",
                        "--set", "network.batch_size=4", names=names)
        self.refuse(1, "run", file, "--out", self.path("run"), names=names)
        for out in ("out", "run"):
            self.assertFalse(os.path.exists(self.path(out + "/transfers.csv")))
        return file

    @needs_torch
    def test_no_data_set(self):
        shutil.rmtree(self.data)
        self.refuse_everywhere(self.data)
        self.assertFalse(os.path.exists(self.path("run")))

    @needs_torch
    def test_a_store_cut_short(self):
        for split in ("train", "transfer", "test"):
            os.truncate(self.store(split), os.path.getsize(self.store(split)) * 2 // 3)
        self.refuse_everywhere(".h5", "damaged")

    @needs_torch
    def test_a_missing_split(self):
        os.remove(self.store("test"))
        self.refuse_everywhere(self.data, "'test'", "train, transfer")

    @needs_torch
    def test_images_of_another_size(self):
        text = tiny_study.TEXT.replace(tiny_study.ROOMS, '[data]\nfolder = "%s"\n' % self.data).replace("image_side = 32", "image_side = 64")
        self.refuse(2, "run", tiny_study.write_file(self.folder, text), "--out", self.path("run"), names=["32", "64", "image_side"])
        self.assertFalse(os.path.exists(self.path("run")))

    @needs_torch
    def test_a_foreign_hdf5_file(self):
        self.succeed("train", "edge2d", "--data", self.data, "--out", "trained", "--steps", 1, "--set", "scale.width=4")
        jobs = self.path("trained/jobs")
        losses = os.path.join(jobs, os.listdir(jobs)[0], "losses.h5")
        shutil.copy(losses, self.store("train"))
        self.refuse_everywhere("train.h5")
        done = self.run_affinis("data", "check", self.data)
        self.assertEqual(done.returncode, 1)
        self.assertIn("train.h5", done.stdout)

    def flip_a_byte(self, split):
        with open(self.store(split), "r+b") as file:
            at = file.read().index(b"\xff\xd8\xff") + 60
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0x10]))

    def damaged_sample(self, split):
        done = self.run_affinis("data", "check", self.store(split), "--json")
        self.assertEqual(done.returncode, 1)
        (problem,) = json.loads(done.stdout)["stores"][0]["problems"]
        self.assertEqual(problem["field"], "rgb")
        return problem["sample"]

    @needs_torch
    def test_a_flipped_byte_stops_a_study_with_the_samples_name(self):
        self.flip_a_byte("test")
        self.refuse_everywhere("test.h5", self.damaged_sample("test"), "rgb")


class Tables(CliTest):
    def test_bad_transfer_tables_in_a_runs_folder(self):
        os.mkdir(self.path("run"))
        for text, names in ((TABLE.replace("affinity", "afinity"), ["affinity", "missing"]),
                            (TABLE + "c,a,1,much,0.5,0.5\n", ["much", "affinity", "line 5"]),
                            (TABLE + "b,a,1,0.1,0.5,0.5\n", ["'b'", "'a'", "line 5", "line 3"]),
                            (TABLE.splitlines()[0] + "\n", ["no rows"]),
                            ("", ["transfers.csv"])):
            self.write("run/transfers.csv", text)
            self.refuse(1, "report", self.path("run"), names=["transfers.csv", *names])
            self.assertEqual(os.listdir(self.path("run")), ["transfers.csv"])


class Disks(CliTest):
    def mount(self, name, options):
        folder = self.path(name)
        os.mkdir(folder)
        if os.geteuid() != 0:
            self.skipTest("only root can mount small disks")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("no small disk can be mounted here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        return folder

    def files(self, folder):
        return [os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names]

    def test_render_onto_a_full_disk(self):
        disk = self.mount("disk", "size=1m")
        self.refuse(1, "data", "render", "--out", os.path.join(disk, "rooms"), "--rooms", 40, "--views", 8, "--image-side", 64,
                    "--furniture", "parametric", names=["disk/rooms", "full"])
        self.assertEqual([name for name in self.files(disk) if os.path.dirname(name) == "rooms"], [])

    def test_report_onto_a_full_disk(self):
        disk = self.mount("disk", "size=16k")
        self.write("disk/transfers.csv", TABLE)
        self.refuse(1, "report", disk, names=["disk", "full"])
        self.assertEqual([name for name in self.files(disk) if not name.startswith("graphs/")], ["transfers.csv"])

    @needs_torch
    def test_a_run_onto_a_full_disk_goes_on_when_there_is_room(self):
        disk = self.mount("disk", "size=1m")
        file = tiny_study.write_file(self.folder)
        out = os.path.join(disk, "run")
        self.refuse(1, "run", file, "--out", out, names=["disk", "full"])
        for name in ("transfers.csv", "taxonomy.json", "report.html", "summary.json"):
            self.assertFalse(os.path.exists(os.path.join(out, name)))
        jobs = os.path.join(out, "jobs")
        for name in os.listdir(jobs):
            if not name.endswith(".partial"):
                with open(os.path.join(jobs, name, "done.json")) as done:
                    self.assertTrue(json.load(done)["identity"])
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        self.succeed("run", file, "--out", out)
        self.assertTrue(os.path.exists(os.path.join(out, "report.html")))
        self.assertEqual([name for name in os.listdir(jobs) if name.endswith(".partial")], [])

    def test_a_read_only_folder(self):
        disk = self.mount("disk", "size=1m")
        self.write("disk/transfers.csv", TABLE)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        self.refuse(1, "data", "render", "--out", os.path.join(disk, "rooms"), *RENDER, names=["disk", "read-only"])
        self.refuse(1, "report", disk, names=["disk", "read-only"])
        if WITH_TORCH:
            file = tiny_study.write_file(self.folder)
            self.refuse(1, "run", file, "--out", os.path.join(disk, "run"), names=["disk", "read-only"])
            self.refuse(1, "run", file, "--out", disk, names=["disk", "read-only"])

    def test_a_folder_below_a_file(self):
        self.write("file", "in the way")
        self.refuse(1, "data", "render", "--out", self.path("file/rooms"), *RENDER, names=["file/rooms", "is a file"])
        if WITH_TORCH:
            file = tiny_study.write_file(self.folder)
            for out in ("file/run", "file"):
                self.refuse(1, "run", file, "--out", self.path(out), names=[self.path(out), "is a file"])
        with open(self.path("file")) as file:
            self.assertEqual(file.read(), "in the way")


@needs_torch
class TwoRuns(CliTest):
    def test_the_second_run_in_a_folder_names_the_first(self):
        file = tiny_study.write_file(self.folder)
        out = self.path("run")
        first = subprocess.Popen([AFFINIS, "run", file, "--out", out, "--set", "network.steps=100000"], cwd=self.folder,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 120
            while not os.path.exists(os.path.join(out, "state.json")):
                self.assertIsNone(first.poll())
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            settings = tiny_study.read(out, "experiment.toml")
            self.refuse(1, "run", file, "--out", out, names=[out, str(first.pid)])
            self.assertTrue(self.json("status", out)["coordinator_alive"])
            self.assertEqual(tiny_study.read(out, "experiment.toml"), settings)
        finally:
            first.send_signal(signal.SIGINT)
            stdout, stderr = first.communicate(timeout=120)
        self.assertEqual(first.returncode, 1)
        self.assertEqual(stdout, "")
        sentences = [line for line in stderr.splitlines() if line.startswith("affinis: ")]
        self.assertEqual(len(sentences), 1)
        self.assertIn("goes on from there", sentences[0])
        self.assertFalse(self.json("status", out)["coordinator_alive"])


if __name__ == "__main__":
    unittest.main()
