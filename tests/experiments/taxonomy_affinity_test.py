"""taxonomy affinity from outside: losses, win rates, buildings, intervals."""
import csv
import io
import random
import unittest

from cli import CliTest

COLUMNS = ["sources", "target", "order", "affinity", "gain", "quality"]
INTERVALS = ["affinity_low", "affinity_high", "gain_low", "gain_high", "quality_low", "quality_high", "tied_with_best"]


class TaxonomyAffinity(CliTest):
    def setUp(self):
        super().setUp()
        generator = random.Random(3)
        rows = ["network,target,image,loss"]
        levels = {"depth": {"self": 1, "edge": 2.5, "edge+depth": 1.7, "scratch": 3},
                  "pose": {"self": 1, "edge": 1, "a": 1, "b": 1, "scratch": 1}}
        for target, networks in levels.items():
            for network, level in networks.items():
                rows += [f"{network},{target},{image},{level + 2 * generator.random()!r}" for image in range(80)]
        self.rows = rows
        self.losses = self.write("losses.csv", "\n".join(rows) + "\n")
        self.buildings = self.write("buildings.csv", "image,building\n" + "".join(f"{i},house {i // 8}\n" for i in range(80)))

    def affinity(self, *arguments, draws=200):
        return self.json("taxonomy", "affinity", "--losses", self.losses, "--draws", draws, *arguments)

    def test_the_table_has_intervals(self):
        done = self.succeed("taxonomy", "affinity", "--losses", self.losses, "--draws", 200)
        self.assertIn("target pose: 80 images tell only", done.stderr)
        self.assertNotIn("target depth", done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 7)
        self.assertEqual(list(rows[0]), COLUMNS + INTERVALS)
        for row in rows:
            for measure in ("affinity", "gain", "quality"):
                self.assertLessEqual(float(row[measure + "_low"]), float(row[measure]))
                self.assertGreaterEqual(float(row[measure + "_high"]), float(row[measure]))
        ties = {row["sources"]: row["tied_with_best"] for row in rows if row["target"] == "depth"}
        self.assertEqual(ties, {"self": "no", "edge+depth": "yes", "edge": "no"})
        out = self.path("table.csv")
        self.assertEqual(self.succeed("taxonomy", "affinity", "--losses", self.losses, "--draws", 200, "--out", out).stdout, "")
        with open(out) as file:
            self.assertEqual(file.read(), done.stdout)
        self.json("taxonomy", "solve", "--transfers", out, "--budget", 1)

    def test_json(self):
        found = self.affinity()
        depth, pose = found["tournaments"]
        intervals = depth["intervals"]
        self.assertEqual({key: intervals[key] for key in ("unit", "units", "draws", "seed", "level", "best", "noise", "told_apart")},
                         {"unit": "images", "units": 80, "draws": 200, "seed": 0, "level": 0.95, "best": "edge+depth", "noise": False,
                          "told_apart": 1.0})
        self.assertEqual(set(intervals), {"unit", "units", "draws", "seed", "level", "best", "noise", "told_apart", "tied_with_best",
                                          "wins_low", "wins_high", *INTERVALS[:-1]})
        self.assertEqual(len(intervals["gain_low"]), len(depth["networks"]))
        for i in range(3):
            for j in range(3):
                self.assertLessEqual(intervals["wins_low"][i][j], depth["wins"][i][j])
                self.assertGreaterEqual(intervals["wins_high"][i][j], depth["wins"][i][j])
        self.assertTrue(pose["intervals"]["noise"])
        self.assertEqual(depth["lacking_images"], [0, 0, 0])
        self.assertEqual(found, self.affinity())
        self.assertNotEqual(found, self.affinity("--seed", 1))
        without = self.affinity(draws=0)
        self.assertNotIn("intervals", without["tournaments"][0])
        self.assertEqual(without["rows"], found["rows"])

    def test_buildings(self):
        by_file = self.affinity("--buildings", self.buildings)
        self.assertEqual(by_file["tournaments"][0]["intervals"]["unit"], "buildings")
        self.assertEqual(by_file["tournaments"][0]["intervals"]["units"], 10)
        rows = [self.rows[0] + ",building"] + [row + ",house %d" % (int(row.split(",")[2]) // 8) for row in self.rows[1:]]
        self.losses = self.write("with_buildings.csv", "\n".join(rows) + "\n")
        self.assertEqual(self.affinity(), by_file)
        self.assertEqual(self.affinity("--unit", "images")["tournaments"][0]["intervals"]["units"], 80)

    def test_lacking_images_are_counted(self):
        losses = self.write("gaps.csv", "\n".join(row for row in self.rows if not row.startswith(("edge,depth,7,", "edge,depth,8,"))) + "\n")
        done = self.succeed("taxonomy", "affinity", "--losses", losses, "--draws", 20, "--json")
        self.assertIn("target depth: 1 of 3 networks lack some of the 80 images; pairs are compared on the 78 or more", done.stderr)
        self.assertIn('"lacking_images":[0,2,0]', done.stdout)

    def test_win_rates(self):
        tournaments = self.affinity(draws=0)["tournaments"]
        rows = ["target,a,b,win_rate,images"]
        for one in tournaments:
            for i, a in enumerate(one["networks"]):
                rows += [f"{one['target']},{a},{b},{one['wins'][i][j]!r},80" for j, b in enumerate(one["networks"][:i])]
        rates = self.write("rates.csv", "\n".join(rows) + "\n")
        for smoothing in ("clip", "laplace"):
            expected = self.affinity("--smoothing", smoothing, draws=0)["rows"]
            found = self.json("taxonomy", "affinity", "--win-rates", rates, "--smoothing", smoothing)["rows"]
            key = lambda row: (row["target"], row["sources"])
            for a, b in zip(sorted(expected, key=key), sorted(found, key=key), strict=True):
                self.assertEqual(key(a), key(b))
                self.assertAlmostEqual(a["affinity"], b["affinity"], places=12)
                self.assertAlmostEqual(a["quality"], b["quality"], places=12)
                self.assertIsNone(b["gain"])  # scratch is not in the file
        self.refuse(2, "taxonomy", "affinity", "--win-rates", rates, "--draws", 10, names=["--draws", "--win-rates"])
        bare = self.write("bare.csv", "target,a,b,win_rate\nt,a,b,0.4\n")
        self.refuse(1, "taxonomy", "affinity", "--win-rates", bare, "--smoothing", "laplace", names=["target t", "column images"])

    def test_sentences(self):
        affinity = ("taxonomy", "affinity", "--losses", self.losses)
        self.refuse(1, *affinity, "--unit", "buildings", names=["image 0 has no building"])
        for row, sentence in (('"self\nb",depth,0,1', "the name 'self b' holds a line end"), ('self,"de\rpth",0,1', "the name 'de pth' holds a line end"),
                              ('self,depth,"0\n1",1', "'0 1' in column image is not a whole number"),
                              ('self,depth,0,"1\n2"', "'1 2' in column loss is not a finite number")):
            broken = self.write("broken.csv", "network,target,image,loss\n" + row + "\n")
            self.refuse(1, "taxonomy", "affinity", "--losses", broken, names=["broken.csv line 2", sentence])
        self.refuse(2, *affinity, "--draws", -1, names=["draws is -1"])
        self.refuse(2, *affinity, "--level", 1, names=["level", "1"])
        self.refuse(1, *affinity, "--unit", "buildings", "--buildings", self.write("b.csv", "image,building\n0,a\n"),
                    names=["image 1 has no building"])
        self.refuse(1, *affinity, "--buildings", self.write("c.csv", "image,house\n0,a\n"), names=["c.csv", "building"])
        self.refuse(1, "taxonomy", "affinity", "--run", self.folder, names=[self.folder])
        self.assertEqual(self.run_affinis("taxonomy", "affinity").returncode, 2)
        self.assertEqual(self.run_affinis(*affinity, "--win-rates", self.losses).returncode, 2)


if __name__ == "__main__":
    unittest.main()
