"""One network trained by several processes: as by one with the whole batches, whatever started them."""
import array
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

import cli

STEPS = 50
# At higher rates training is chaotic: the last bit of a sum decides, after 50 steps, about the third digit of a weight.
SETTINGS = ["--steps", str(STEPS), "--set", "network.batch_size=8", "--set", "network.optimizer=sgd", "--set", "network.momentum=0",
            "--set", "network.learning_rate=5e-5", "--set", "network.evaluate_every=25", "--set", "data.pictures=1"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def weights(path):
    """Tensors of a safetensors file by name; integers as they are."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        body = file.read()
    types = {"F32": "f", "I64": "q"}
    return {name: array.array(types[entry["dtype"]], body[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def greatest_difference(one, other):
    """Over all tensors, in units of the greatest value of each where that is above 1 (running variances go into the hundreds)."""
    assert one.keys() == other.keys()
    return max(max(abs(a - b) for a, b in zip(one[name], other[name], strict=True)) / max(1, max(map(abs, one[name]))) for name in one)


@unittest.skipUnless(cli.WITH_TORCH, "training needs LibTorch")
class JointTraining(cli.CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = tempfile.mkdtemp(prefix="affinis-joint-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.data = os.path.join(cls.shared, "data")
        subprocess.run([cli.AFFINIS, "data", "render", "--out", cls.data, "--rooms", "10", "--seed", "1", "--image-side", "32"], check=True,
                       capture_output=True)
        cls.alone = os.path.join(cls.shared, "alone")
        subprocess.run(cls.command(cls.alone), check=True, capture_output=True)

    @classmethod
    def command(cls, out, *more):
        return [cli.AFFINIS, "train", "rgb2depth", "--data", cls.data, "--out", out, *SETTINGS, "--json", *more]

    def network(self, out):
        jobs = os.path.join(out, "jobs")
        folders = [name for name in os.listdir(jobs) if name.startswith("network.")]
        self.assertEqual(len(folders), 1, folders)
        return os.path.join(jobs, folders[0])

    def by_environment(self, out, variables, *more, size=2):
        """Starts the ranks as torchrun or srun would; returns their (code, stdout, stderr)."""
        ranks = []
        for rank in range(size):
            own = {name: value.format(rank=rank) for name, value in variables.items()}
            ranks.append(subprocess.Popen(self.command(out, *more), env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          text=True))
        results = []
        for process in ranks:
            stdout, stderr = process.communicate(timeout=600)
            results.append((process.returncode, stdout, stderr))
        return results

    def torchrun(self):
        return {"RANK": "{rank}", "WORLD_SIZE": "2", "LOCAL_RANK": "{rank}", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}

    def assert_as_alone(self, out, tolerance=1e-5):
        own, alone = self.network(out), self.network(self.alone)
        self.assertLess(greatest_difference(weights(os.path.join(own, "network.safetensors")),
                                            weights(os.path.join(alone, "network.safetensors"))), tolerance)
        with open(os.path.join(own, "result.json")) as a, open(os.path.join(alone, "result.json")) as b:
            self.assertAlmostEqual(json.load(a)["mean_loss"], json.load(b)["mean_loss"], 5)

    def test_torchruns_variables(self):
        out = self.path("together")
        results = self.by_environment(out, self.torchrun())
        for code, _, stderr in results:
            self.assertEqual(code, 0, stderr[-2000:])
        self.assertIn("mean_loss", results[0][1])
        self.assertEqual(results[1][1], "", "rank 0 speaks alone")
        self.assert_as_alone(out)
        again = self.by_environment(out, self.torchrun())
        self.assertEqual([code for code, _, _ in again], [0, 0])
        self.assertEqual(json.loads(again[0][1]), json.loads(results[0][1]), "a finished network is not trained again")

    def test_slurms_variables_and_the_ranks_own_norms(self):
        out = self.path("local")
        variables = {"SLURM_PROCID": "{rank}", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "{rank}", "MASTER_ADDR": "127.0.0.1",
                     "MASTER_PORT": str(free_port())}
        for code, _, stderr in self.by_environment(out, variables, "--local-norms"):
            self.assertEqual(code, 0, stderr[-2000:])
        own, alone = self.network(out), self.network(self.alone)
        self.assertNotEqual(os.path.basename(own), os.path.basename(alone), "another result, another identity")
        self.assertGreater(greatest_difference(weights(os.path.join(own, "network.safetensors")),
                                               weights(os.path.join(alone, "network.safetensors"))), 1e-4)

    @unittest.skipUnless(shutil.which("mpirun"), "Open MPI is not installed")
    def test_mpirun(self):
        out = self.path("mpi")
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", *self.command(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertEqual(json.loads(done.stdout)["steps"], STEPS)
        self.assertIn("2 ranks", done.stderr)
        self.assert_as_alone(out)

    def test_a_rank_without_its_launchers_variables(self):
        done = subprocess.run(self.command(self.path("none"), "--collective", "tcp"), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no launcher started this process", done.stderr)


if __name__ == "__main__":
    unittest.main()
