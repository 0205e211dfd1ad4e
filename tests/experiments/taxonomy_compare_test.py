"""taxonomy compare from outside."""
import os
import unittest

from cli import SOURCE, CliTest

PUBLISHED = os.path.join(SOURCE, "..", "shared", "published")
HEADER = "sources,target,order,affinity,gain,quality\n"
A = HEADER + "self,normal,1,0.5,,\na,normal,1,0.4,,\nb,normal,1,0.1,,\nc,normal,1,0.2,,\n"
B = HEADER + "self,rgb2sfnorm,1,0.6,,\na,rgb2sfnorm,1,0.3,,\nb,rgb2sfnorm,1,0.1,,\ncc,rgb2sfnorm,1,0.2,,\n"


class TaxonomyCompare(CliTest):
    def compare(self, *arguments):
        return self.json("taxonomy", "compare", self.write("a.csv", A), self.write("b.csv", B), "--budgets", "1-2", *arguments)

    def test_aliases_and_given_names(self):
        found = self.compare()
        self.assertEqual(set(found), {"a", "b", "objective", "common", "targets", "mean", "matrix_pearson", "budgets", "trees",
                                      "no_trees", "only_a", "only_b", "intervals"})
        self.assertIsNone(found["intervals"])
        self.assertEqual(found["common"]["targets"], ["rgb2sfnorm"])
        self.assertEqual(found["only_a"]["tasks"], ["c"])
        self.assertEqual(found["targets"][0]["sources"], 2)
        self.assertIsNone(found["trees"])
        given = self.compare("--names", self.write("names.csv", "alias,name\ncc,c\n"))
        self.assertEqual(given["only_a"], {"tasks": [], "transfers": []})
        self.assertAlmostEqual(given["targets"][0]["spearman"], 1.0)
        self.assertEqual(given["budgets"][0]["shared"], ["rgb2sfnorm"])
        self.assertEqual(given["budgets"][0]["under_b"]["choices_of_other"], 0.6)
        self.assertIn("Spearman", self.succeed("taxonomy", "compare", self.path("a.csv"), self.path("b.csv")).stdout)

    @unittest.skipUnless(os.path.exists(PUBLISHED), "no released tables")
    def test_the_released_tables(self):
        found = self.json("taxonomy", "compare", os.path.join(PUBLISHED, "transfers_1k.csv"),
                          os.path.join(PUBLISHED, "first_and_second_order.csv"), "--budgets", "8")
        self.assertEqual(len(found["common"]["targets"]), 21)
        self.assertEqual(found["only_a"]["tasks"], ["class_places"])
        self.assertGreater(found["mean"]["spearman"], 0.5)
        for side in ("under_a", "under_b"):
            self.assertLessEqual(found["budgets"][0][side]["sources_of_other"], found["budgets"][0][side]["optimum"] + 1e-9)

    def test_a_table_without_a_tree_is_compared_all_the_same(self):
        zero = HEADER + "".join("%s,t,1,%g,0,0\n" % pair for pair in (("a", 3), ("b", 2), ("c", 1)))
        one = self.write("zero.csv", zero)
        found = self.json("taxonomy", "compare", one, one, "--objective", "quality", "--budgets", "1")
        self.assertIsNone(found["trees"])
        self.assertIn("no source has a positive value", found["no_trees"])
        self.assertEqual(found["targets"][0]["sources"], 3)
        self.assertIn("no task trees", self.succeed("taxonomy", "compare", one, one, "--objective", "quality", "--budgets", "1").stdout)

    def test_sentences(self):
        a = self.write("a.csv", A)
        self.refuse(1, "taxonomy", "compare", a, self.write("c.csv", HEADER + "x,y,1,1,,\n"), names=["have no target in common"])
        self.refuse(1, "taxonomy", "compare", a, self.path("absent.csv"), names=["absent.csv"])
        both = self.write("both.csv", HEADER + "normal,x,1,1,,\nrgb2sfnorm,x,1,1,,\n")
        self.refuse(1, "taxonomy", "compare", a, both, names=["both.csv", "both names of the task 'rgb2sfnorm'"])


if __name__ == "__main__":
    unittest.main()
