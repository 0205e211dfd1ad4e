"""taxonomy affinity --bootstrap from outside."""
import csv
import io
import random
import unittest

from cli import CliTest


class TaxonomyAffinity(CliTest):
    def setUp(self):
        super().setUp()
        generator = random.Random(3)
        rows = ["network,target,image,loss"]
        levels = {"depth": {"self": 1, "edge": 2, "edge+depth": 1.5, "scratch": 3}, "pose": {"self": 1, "edge": 1, "a": 1, "b": 1, "scratch": 1}}
        for target, networks in levels.items():
            for network, level in networks.items():
                rows += [f"{network},{target},{image},{level + 2 * generator.random()!r}" for image in range(80)]
        self.losses = self.write("losses.csv", "\n".join(rows) + "\n")
        self.buildings = self.write("buildings.csv", "image,building\n" + "".join(f"{i},house {i // 8}\n" for i in range(80)))

    def test_json_has_intervals_ties_and_noise(self):
        done = self.succeed("taxonomy", "affinity", "--losses", self.losses, "--bootstrap", 200)
        self.assertIn("target pose: only", done.stderr)
        self.assertNotIn("target depth: only", done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 7)
        for row in rows:
            self.assertLessEqual(float(row["gain_low"]), float(row["gain"]))
            self.assertGreaterEqual(float(row["gain_high"]), float(row["gain"]))
            self.assertIn(row["tied_with_next"], ("yes", "no"))
        found = self.json("taxonomy", "affinity", "--losses", self.losses, "--bootstrap", 200)
        depth, pose = found["bootstrap"]
        self.assertEqual((depth["target"], depth["draws"], depth["units"], depth["noise"]), ("depth", 200, 80, False))
        self.assertTrue(pose["noise"])
        self.assertEqual(depth["ranking"][0], {"network": "self", "tied_with_next": False})
        self.assertEqual(set(depth["networks"][0]), {"network", "affinity", "gain", "quality"})
        self.assertEqual(found["tournaments"][0]["lacking_images"], [0, 0, 0])
        self.assertEqual(found, self.json("taxonomy", "affinity", "--losses", self.losses, "--bootstrap", 200))

    def test_buildings(self):
        found = self.json("taxonomy", "affinity", "--losses", self.losses, "--bootstrap", 50, "--by", "buildings", "--buildings", self.buildings)
        self.assertEqual(found["bootstrap"][0]["units"], 10)

    def test_sentences(self):
        affinity = ("taxonomy", "affinity", "--losses", self.losses)
        self.refuse(2, *affinity, "--bootstrap", 10, "--by", "buildings", names=["--buildings"])
        self.refuse(2, *affinity, "--bootstrap", -1, names=["--bootstrap is -1"])
        self.refuse(1, *affinity, "--bootstrap", 10, "--by", "buildings", "--buildings", self.write("b.csv", "image,building\n0,a\n"),
                    names=["image 1 has no building"])


if __name__ == "__main__":
    unittest.main()
