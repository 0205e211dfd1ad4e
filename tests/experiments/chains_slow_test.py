"""Chains of transfers: a transfer's function makes the representations that another transfer reads; they are compared and change nothing else."""
import csv
import json
import os
import shutil
import tempfile
import unittest

import tiny_study
from cli import WITH_TORCH, CliTest
from tiny_study import JOBS, TASKS, digest, job_names, read

CHAIN = ("edge2d", "rgb2depth", "class_places")


@unittest.skipUnless(WITH_TORCH, "the program was built without LibTorch and runs no experiments")
class ChainsTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="affinis-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.file = tiny_study.write_file(cls.shared)
        cls.out = os.path.join(cls.shared, "run")
        tiny_study.run(cls.file, cls.out, "--set", 'search.chains=["all"]')

    def rows(self, out=None):
        with open(os.path.join(out or self.out, "chains.csv"), newline="") as file:
            return {(row["first"], row["through"], row["target"]): row for row in csv.DictReader(file)}

    def folder_of(self, name):
        return next(os.path.join(self.out, "jobs", each) for each in os.listdir(os.path.join(self.out, "jobs")) if each.rsplit("-", 1)[0] == name)

    def test_jobs(self):
        names = job_names(self.out)
        self.assertEqual(len(names), JOBS + 6 + 6)
        self.assertIn("encode.chain_edge2d_rgb2depth", names)
        self.assertIn("chain.edge2d_rgb2depth--class_places", names)
        kept = [name for name in names if os.path.exists(os.path.join(self.folder_of(name), "transfer_function.safetensors"))]
        self.assertEqual(kept, sorted("transfer.%s--%s" % (a, b) for a in TASKS for b in TASKS if a != b))

    def test_chains_change_nothing_else(self):
        out = self.path("plain")
        tiny_study.run(self.file, out)
        for name in ("transfers.csv", "taxonomy.json"):
            self.assertEqual(read(out, name), read(self.out, name))
        self.assertFalse(os.path.exists(os.path.join(out, "chains.csv")))
        self.assertEqual(self.succeed("taxonomy", "affinity", "--run", self.out).stdout.encode(), read(self.out, "transfers.csv"))

    def test_the_table(self):
        rows = self.rows()
        self.assertEqual(set(rows), {(a, b, c) for a in TASKS for b in TASKS for c in TASKS if len({a, b, c}) == 3})
        with open(os.path.join(self.out, "transfers.csv"), newline="") as file:
            measured = {(row["sources"], row["target"]): row for row in csv.DictReader(file)}
        row = rows[CHAIN]
        for way, sources in (("direct", CHAIN[0]), ("through", CHAIN[1])):
            for measure in ("gain", "quality"):
                self.assertAlmostEqual(float(row[measure + "_" + way]), float(measured[sources, CHAIN[2]][measure]), places=12)
        for way, job in (("direct", "transfer.edge2d--class_places"), ("through", "transfer.rgb2depth--class_places"), ("chain", "chain.edge2d_rgb2depth--class_places")):
            self.assertAlmostEqual(float(row["loss_" + way]), json.loads(read(self.folder_of(job), "result.json"))["mean_loss"], places=9)
        for row in rows.values():
            for key in ("win_over_direct", "win_over_through"):
                self.assertTrue(0 <= float(row[key + "_low"]) <= float(row[key]) <= float(row[key + "_high"]) <= 1, row)
        chained = json.loads(read(self.folder_of("chain.edge2d_rgb2depth--class_places"), "result.json"))
        direct = json.loads(read(self.folder_of("transfer.edge2d--class_places"), "result.json"))
        # Sixteen channels instead of eight: the transfer function of two sources.
        self.assertGreater(chained["parameters"], direct["parameters"])
        self.assertEqual(chained["images"], direct["images"])

    def test_the_summary_and_the_other_commands(self):
        summary = json.loads(read(self.out, "summary.json"))
        self.assertEqual(len(summary["chains"]["rows"]), 6)
        self.assertEqual([each["tried"] for each in summary["not_tried"]], [9, 3])
        self.succeed("taxonomy", "forecast", self.out, "--out", self.path("forecast.csv"), "--pixels", 4)
        self.succeed("report", self.out)
        status = {stage["stage"]: stage["done"] for stage in self.json("status", self.out)["stages"]}
        self.assertEqual((status["encode"], status["chain"], status["transfer"]), (9, 6, 12))

    def test_running_again_repeats_nothing_and_a_list_is_enough(self):
        before = digest(self.out, "chains.csv")
        again = self.succeed("run", self.file, "--out", self.out, "--set", 'search.chains=["all"]')
        self.assertIn("%d jobs, %d of them done before" % (JOBS + 12, JOBS + 12), again.stderr)
        self.assertEqual(digest(self.out, "chains.csv"), before)
        copy = self.path("copy")
        shutil.copytree(self.out, copy)
        jobs = set(os.listdir(os.path.join(copy, "jobs")))
        self.succeed("run", self.file, "--out", copy, "--set", 'search.chains=["edge_texture>rgb2depth>class_places"]', "--set", "search.seeds=2")
        rows = self.rows(copy)
        self.assertEqual(set(rows), {CHAIN})
        fresh = sorted(name.rsplit("-", 1)[0] for name in set(os.listdir(os.path.join(copy, "jobs"))) - jobs)
        self.assertIn("chain.edge2d_rgb2depth--class_places.seed-2", fresh)
        self.assertEqual([name for name in fresh if not name.endswith(".seed-2")], [], "another list of chains trains nothing anew")
        self.assertTrue(float(rows[CHAIN]["win_over_direct_low"]) <= float(rows[CHAIN]["win_over_direct"]))

    def test_the_best_ones(self):
        out = self.path("best")
        shutil.copytree(self.out, out)
        self.succeed("run", self.file, "--out", out, "--set", 'search.chains=["best"]')
        # Of three tasks there are two ways through for every target, and one beginning for each.
        self.assertEqual(set(self.rows(out)), set(self.rows()))
        plan = self.json("run", self.file, "--out", self.path("plan"), "--dry-run", "--set", 'search.chains=["best"]')
        self.assertEqual({stage["stage"]: stage["jobs"] for stage in plan["stages"]}["chain"], 12)

    def test_mistakes(self):
        def refuse(chains, *names, more=()):
            self.refuse(2, "run", self.file, "--out", self.path("out"), "--set", "search.chains=" + chains, *more, names=["search.chains", *names])

        refuse('["edge2d>rgb2depth"]', "edge2d>rgb2depth", "first>through>target")
        refuse('["edge2d>edge2d>rgb2depth"]', "stands twice")
        refuse('["edge2d>reshade>rgb2depth"]', "reshade", "source")
        refuse('["edge2d>rgb2depth>class_places"]', "adaptive", more=["--set", "search.adaptive=true"])
        refuse('["all"]', "search.max_order", more=["--set", "search.max_order=0", "--set", "search.adaptive=false"])
        self.refuse(2, "run", self.file, "--out", self.path("out"), "--set", 'search.chains=["edge2>rgb2depth>class_places"]', names=["edge2d"])
        self.assertFalse(os.path.exists(self.path("out")))


if __name__ == "__main__":
    unittest.main()
