"""Fine-tuning from outside: a study of policies, images and seeds, and the command that trains one network from another's weights."""
import collections
import json
import os
import pickle
import re
import shutil
import struct
import sys
import tempfile
import types
import unittest
import zipfile

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import read

STUDY = (
    """name = "tiny-finetune"
[scale]
image_side = 32
width = 4
[tasks]
names = ["edge2d", "rgb2depth"]
[search]
max_order = 0
constant = false
random_encoder = false
[finetune]
source = "edge2d"
tasks = ["rgb2depth"]
policies = ["stages:3", "lp-ft", "scratch"]
images = [4, 0]
seeds = [1, 2]
[finetune_adaptation]
backbone_rate = 0.5
"""
    + tiny_study.ROOMS
    + "".join("[%s]\n%s" % (section, tiny_study.STEPS) for section in ("network", "scratch", "finetune_training"))
)
SAME_TRAINING = ["--steps", 3, "--set", "scale.width=4", "--set", "finetune_training.batch_size=4"]


def read_safetensors(path):
    """{name: (type, shape, bytes)}"""
    data = read(path)
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    place = 8 + size
    return {name: (e["dtype"], e["shape"], data[place + e["data_offsets"][0] : place + e["data_offsets"][1]]) for name, e in header.items()}


def write_torch(path, tensors, prefix=""):
    """A file as torch.save would write it, without PyTorch."""
    module = types.ModuleType("torch")
    utils = types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch"}))

    def rebuild(*_):
        raise AssertionError

    rebuild.__module__, rebuild.__name__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild

    class Storage:
        def __init__(self, kind, key, count):
            self.id = ("storage", getattr(module, kind), key, "cpu", count)

    class Tensor:
        def __init__(self, *arguments):
            self.arguments = arguments

        def __reduce__(self):
            return rebuild, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.id if isinstance(value, Storage) else None

    state = collections.OrderedDict()
    members = {}
    for name, (kind, shape, data) in tensors.items():
        key = str(len(members))
        count = len(data) // (8 if kind == "I64" else 4)
        strides = [1] * len(shape)
        for i in range(len(shape) - 2, -1, -1):
            strides[i] = strides[i + 1] * shape[i + 1]
        storage = Storage("LongStorage" if kind == "I64" else "FloatStorage", key, count)
        state[prefix + name] = Tensor(storage, 0, tuple(shape), tuple(strides), False, collections.OrderedDict())
        members[key] = data
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": module, "torch._utils": utils})
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            with archive.open("archive/data.pkl", "w") as file:
                Pickler(file, protocol=2).dump({"epoch": 1, "state_dict": state})
            for key, data in members.items():
                archive.writestr("archive/data/" + key, data)
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class FinetuneTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.run_folder = os.path.join(cls.shared, "run")
        tiny_study.run(tiny_study.write_file(cls.shared, STUDY), cls.run_folder)
        jobs = os.path.join(cls.run_folder, "jobs")
        folders = {name.rsplit("-", 1)[0]: os.path.join(jobs, name) for name in os.listdir(jobs)}
        cls.folders = folders
        cls.data = folders["data"]

    def finetune(self, start, *arguments, out="out", steps=3):
        training = ["--steps", steps, *SAME_TRAINING[2:]]
        return self.json("finetune", "--from", start, "--task", "rgb2depth", "--data", self.data, "--out", self.path(out), *training, *arguments)

    def test_the_study_trains_every_policy_with_every_number_of_images_and_seed(self):
        expected = ["data", "network.edge2d", "network.rgb2depth"]
        expected += ["finetune.rgb2depth.%s.%s.%d" % (policy, images, seed) for policy in ("stages-3", "lp-ft", "scratch") for images in ("4", "all")
                     for seed in (1, 2)]
        self.assertEqual(sorted(self.folders), sorted(expected))

    def test_the_summary_has_losses_intervals_and_proofs(self):
        finetune = json.loads(read(self.run_folder, "summary.json"))["finetune"]
        self.assertEqual(finetune["source"], "edge2d")
        self.assertIn("rgb2depth", finetune["networks"])
        rows = {(row["policy"], row["images"]): row for row in finetune["rows"]}
        self.assertEqual(len(rows), 6)
        for (policy, images), row in rows.items():
            self.assertEqual(row["seeds"], [1, 2])
            self.assertAlmostEqual(row["mean"], sum(row["losses"]) / 2, places=9)
            # Student's t with one degree of freedom.
            half = 12.706205 * abs(row["losses"][0] - row["losses"][1]) / 2
            self.assertAlmostEqual(row["high"] - row["mean"], half, places=6)
            self.assertEqual(row["used_images"], 4 if images == 4 else 6)
            self.assertIs(row["proved"], None if policy == "scratch" else True)
            self.assertEqual(len(row["metrics"][0]["values"]), 2)

    def test_the_proof_is_in_the_result_and_the_parameters_beside_it(self):
        folder = self.folders["finetune.rgb2depth.stages-3.4.1"]
        proof, = json.loads(read(folder, "result.json"))["freeze_proof"]
        self.assertEqual(proof["hash_before"], proof["hash_after"])
        self.assertTrue(proof["equal"])
        self.assertEqual((proof["first_step"], proof["last_step"]), (1, 3))
        # Stem, layer1 and layer2: 1 + 10 + 13 convolutions, as many norms of two parameters and three buffers.
        self.assertEqual(proof["tensors"], 24 * 6)
        table = read(folder, "parameters.txt").decode()
        self.assertRegex(table, r"trunk\.layer1\.0\.conv1\.weight +\[4, 4, 1, 1\] +trunk\.layer1 +frozen +0 +0")
        self.assertRegex(table, r"trunk\.compress\.weight .* trunk\.compress +5e-05 ")
        phases = json.loads(read(self.folders["finetune.rgb2depth.lp-ft.all.2"], "result.json"))["freeze_proof"]
        self.assertEqual([(phase["first_step"], phase["last_step"]) for phase in phases], [(1, 2)])

    def test_the_command_begins_from_a_run_a_folder_a_file_or_a_state_dict_with_the_same_result(self):
        folder = self.folders["network.edge2d"]
        weights = os.path.join(folder, "network.safetensors")
        first = self.finetune(self.run_folder + ":edge2d", "--policy", "stages:2", "--images", 4)
        trunk = {name[len("trunk.") :]: tensor for name, tensor in read_safetensors(weights).items() if name.startswith("trunk.")}
        write_torch(self.path("encoder.pt"), trunk, prefix="module.")
        for start in (folder, weights, self.path("encoder.pt")):
            again = self.finetune(start, "--policy", "stages:2", "--images", 4, out="out-" + os.path.basename(start))
            self.assertEqual(again["mean_loss"], first["mean_loss"], start)
            self.assertEqual([proof["hash_before"] for proof in again["freeze_proof"]], [proof["hash_before"] for proof in first["freeze_proof"]])
        # What was frozen is what was in the file.
        own = read_safetensors(first["weights"])
        source = read_safetensors(weights)
        self.assertEqual(own["trunk.layer1.2.bn3.running_var"], source["trunk.layer1.2.bn3.running_var"])
        self.assertNotEqual(own["trunk.layer2.0.bn3.running_var"], source["trunk.layer2.0.bn3.running_var"])

    def test_the_command_prints_the_parameters_and_the_proof(self):
        done = self.succeed("finetune", "--from", self.folders["network.edge2d"], "--task", "rgb2depth", "--data", self.data, "--out", self.path("out"),
                            "--policy", "all", *SAME_TRAINING)
        self.assertRegex(done.stdout, r"(?m)^parameter +shape +group +rate +decay$")
        self.assertRegex(done.stdout, r"(?m)^steps 1 to 3, frozen: the trunk: \d+ tensors did not change, hash (\w{32}) before, \1 after$")
        self.assertRegex(done.stdout, r"(?m)^test loss \d")

    def test_delta_counts_channels_alike_or_by_the_loss_without_them(self):
        start = self.folders["network.edge2d"]
        setting = "finetune_adaptation."
        alike = ["--policy", "lp-ft", "--set", setting + "delta=10"]
        weighed = alike + ["--set", setting + "delta_attention=supervised", "--set", setting + "delta_examples=2"]
        # Three steps with the trunk: in the first it still is what it is held to.
        one, other = self.finetune(start, *alike, steps=6), self.finetune(start, *weighed, steps=6)
        self.assertNotEqual(one["folder"], other["folder"])
        self.assertNotEqual(one["mean_loss"], other["mean_loss"])
        again = self.finetune(start, *weighed, out="again", steps=6)
        self.assertEqual(again["mean_loss"], other["mean_loss"])
        # 16, 32, 64 and 128 channels of the stages, 8 of the representation.
        log = read(other["folder"], "log.jsonl").decode()
        self.assertIn("DELTA's attention after step 3: 248 channels weighed on 2 examples in ", log)
        self.refuse(2, "finetune", "--from", start, "--task", "rgb2depth", "--data", self.data, "--out", self.path("out"), *SAME_TRAINING, "--policy",
                    "none", *weighed[2:], names=["delta_attention is 'supervised', which needs a head that has learnt alone before"])
        self.refuse(2, "finetune", "--from", start, "--task", "rgb2depth", "--data", self.data, "--out", self.path("out"), *SAME_TRAINING, *alike, "--set",
                    setting + "delta_attention=unsupervised", names=["delta_attention", "supervised"])

    def test_a_changed_policy_is_another_job_and_an_old_one_is_not_done_again(self):
        start = self.folders["network.edge2d"]
        one = self.finetune(start, "--policy", "none")
        written = os.stat(os.path.join(one["folder"], "done.json")).st_mtime_ns
        other = self.finetune(start, "--policy", "none", "--backbone-rate", 0.9)
        self.assertNotEqual(one["folder"], other["folder"])
        self.assertEqual(self.finetune(start, "--policy", "none"), one)
        self.assertEqual(os.stat(os.path.join(one["folder"], "done.json")).st_mtime_ns, written)

    def test_mistakes_are_one_sentence(self):
        start = self.folders["network.edge2d"]

        def refuse(code, names, source=start, task="rgb2depth", *more):
            self.refuse(code, "finetune", "--from", source, "--task", task, "--data", self.data, "--out", self.path("out"), *SAME_TRAINING, *more,
                        names=names)

        refuse(2, ["there is no policy 'some'", "lp-ft"], start, "rgb2depth", "--policy", "some")
        refuse(2, ["nowhere.pt", "is not there"], self.path("nowhere.pt"))
        refuse(2, ["has no network of the task 'edge3d'", "edge2d"], self.run_folder + ":edge3d")
        self.write("notes.txt", "x")
        refuse(2, ["notes.txt", ".safetensors"], self.path("notes.txt"))
        self.write("old.pt", "\x80\x02")
        with open(self.path("old.pt"), "wb") as file:
            file.write(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")
        refuse(1, ["old.pt", "before version 1.6"], self.path("old.pt"))
        write_torch(self.path("other.pt"), {"conv1.weigth": ("F32", [1], b"\0\0\0\0")})
        refuse(1, ["'trunk.conv1.weight' is missing, did you mean 'trunk.conv1.weigth'"], self.path("other.pt"))


if __name__ == "__main__":
    unittest.main()
