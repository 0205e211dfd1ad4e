"""taxonomy robustness from outside."""
import random
import unittest

from cli import CliTest

TASKS = ["a", "b", "c"]


class TaxonomyRobustness(CliTest):
    def setUp(self):
        super().setUp()
        self.losses = self.study("losses.csv", 1)

    def study(self, name, noise):
        """Losses by which a serves the others well and c badly, more or less."""
        generator = random.Random(5)
        rows = ["network,target,image,loss,building"]
        for t, target in enumerate(TASKS):
            levels = {"self": 0.9, "scratch": 2.5, **{source: 1 + 0.5 * s for s, source in enumerate(TASKS) if s != t}}
            for network, level in levels.items():
                rows += [f"{network},{target},{i},{level + noise * generator.random()!r},house {i % 12}" for i in range(60)]
        return self.write(name, "\n".join(rows) + "\n")

    def robustness(self, *arguments, losses=None, splits=10):
        return self.json("taxonomy", "robustness", "--losses", losses or self.losses, "--budget", 1, "--draws", 40, "--splits", splits,
                         *arguments)

    def test_json(self):
        found = self.robustness()
        self.assertEqual(set(found), {"budget", "max_order", "unit", "units", "draws", "unsolved", "seed", "level", "taxonomy", "value",
                                      "value_kept", "same_sources", "sources", "targets", "halves"})
        self.assertEqual((found["unit"], found["units"], found["draws"], found["unsolved"]), ("buildings", 12, 40, 0))
        table = self.path("table.csv")
        self.succeed("taxonomy", "affinity", "--losses", self.losses, "--draws", 0, "--out", table)
        solved = self.json("taxonomy", "solve", "--transfers", table, "--budget", 1)
        for key in ("value", "sources", "choices"):
            self.assertEqual(found["taxonomy"][key], solved[key])
        self.assertEqual([one["source"] for one in found["sources"]][0], solved["sources"][0])
        self.assertAlmostEqual(sum(one["share"] for one in found["sources"]), 1)
        self.assertLessEqual(found["value"]["low"], found["value"]["value"])
        for target, choice in zip(found["targets"], solved["choices"], strict=True):
            self.assertEqual((target["target"], target["sources"]), (choice["target"], choice["sources"]))
            self.assertAlmostEqual(sum(one["share"] for one in target["choices"]), 1)
        self.assertEqual(found["halves"]["splits"], 10)
        again = self.robustness()
        found["taxonomy"]["seconds"] = again["taxonomy"]["seconds"] = None
        self.assertEqual(found, again)
        self.assertIsNone(self.robustness(splits=0)["halves"])
        self.assertEqual(self.robustness("--unit", "images")["units"], 60)

    def test_noise_weakens_a_taxonomy(self):
        clear = self.robustness("--objective", "quality")
        noisy = self.robustness("--objective", "quality", losses=self.study("noisy.csv", 300))
        self.assertLess(noisy["same_sources"], clear["same_sources"])
        self.assertLess(noisy["halves"]["source_overlap"]["mean"], clear["halves"]["source_overlap"]["mean"])
        self.assertLess(noisy["halves"]["rank_correlation"], clear["halves"]["rank_correlation"])

    def test_text(self):
        done = self.succeed("taxonomy", "robustness", "--losses", self.losses, "--budget", 1, "--draws", 20, "--splits", 5, "--exclude", "c")
        for words in ("label ", "of 20 draws of 12 buildings", "rank correlation of halves", "5 random halves of the buildings"):
            self.assertIn(words, done.stdout)
        self.assertNotIn("\nc ", done.stdout)

    def test_sentences(self):
        robustness = ("taxonomy", "robustness", "--losses", self.losses)
        self.refuse(2, *robustness, "--budget", "much", names=["--budget", "much"])
        self.refuse(2, *robustness, "--budget", 1, "--draws", 0, names=["draws is 0"])
        self.refuse(2, *robustness, "--budget", 1, "--splits", -1, names=["halves is -1"])
        self.refuse(2, *robustness, "--budget", 1, "--exclude", "d", names=["'d'"])
        self.refuse(2, *robustness, "--budget", 1, "--level", 2, names=["level", "2"])
        self.refuse(1, *robustness, "--budget", 0, names=["budget"])
        self.refuse(1, "taxonomy", "robustness", "--losses", self.path("none.csv"), "--budget", 1, names=["none.csv"])
        self.refuse(1, "taxonomy", "robustness", "--run", self.path("none"), "--budget", 1, names=["none"])
        self.assertEqual(self.run_affinis("taxonomy", "robustness", "--budget", 1).returncode, 2)


if __name__ == "__main__":
    unittest.main()
