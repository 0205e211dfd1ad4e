"""group solve and group gains from outside: the documented flags and JSON, sentences."""
import unittest

from cli import CliTest

HEADER = "network,task,cost,validation_loss,early_validation_loss,test_loss\n"
TABLE = HEADER + ("a,a,0.5,3,1,30\nb,b,0.5,3,1,30\na,a,1,2.5,1,25\n"
                  "a+b,a,1,2,4,20\na+b,b,1,2,4,10\n")


class GroupCommands(CliTest):
    def solve(self, *arguments):
        return self.json("group", "solve", "--networks", self.write("networks.csv", TABLE), *arguments)["cells"]

    def test_documented_keys(self):
        cells = self.solve("--budgets", "0.5,1,1.5", "--method", "optimal")
        self.assertTrue({"budget", "validation_loss", "test_loss", "networks", "proven"} <= set(cells[1]))
        self.assertIn("infeasible", cells[0])
        self.assertIsNone(cells[0]["validation_loss"])
        self.assertFalse(cells[0]["proven"])
        self.assertEqual((cells[1]["networks"], cells[1]["validation_loss"], cells[1]["test_loss"]), (["a+b"], 4.0, 30.0))
        self.assertTrue(cells[1]["proven"])
        self.assertEqual(cells[2]["cost"], 1.0)

    def test_methods(self):
        cell, = self.solve("--budgets", "1", "--method", "esa")
        self.assertEqual((cell["networks"], cell["score"], cell["validation_loss"], cell["test_loss"]), (["a", "b"], 2.0, 6.0, 60.0))
        self.assertEqual(self.solve("--budgets", "1", "--method", "hoa")[0]["networks"], ["a+b"])

    def test_affinities_and_pair_losses(self):
        values = {("a", "b"): 3, ("b", "a"): 3, ("a", "c"): 1, ("c", "a"): 2, ("b", "c"): 0, ("c", "b"): 0}
        rows = "".join(f"{t},{h},{v}\n" for (t, h), v in values.items())
        affinities = self.write("affinities.csv", "task,helper,affinity\n" + rows)
        cells = self.json("group", "solve", "--affinities", affinities, "--budgets", "1-2")["cells"]
        self.assertEqual(cells[0]["networks"], ["a+b+c"])
        self.assertEqual(sorted(cells[1]["networks"]), ["a+b", "a+c"])
        self.assertAlmostEqual(cells[1]["score"], (3 + 3 + 2) / 3)
        losses = self.write("losses.csv", "task,helper,loss\n" + rows + "c,c,-1\n")
        self.assertEqual(sorted(self.json("group", "solve", "--pair-losses", losses, "--budgets", "3")["cells"][0]["networks"]),
                         ["a+c", "b+c", "c"])
        self.refuse(1, "group", "solve", "--affinities", self.write("bad.csv", "task,helper,affinity\na,b,1\n"), "--budgets", 1,
                    names=["bad.csv: there is no affinity of task 'b' with helper 'a'"])

    def test_gains(self):
        gains = self.json("group", "gains", "--networks", self.write("networks.csv", TABLE))["gains"]
        self.assertEqual([(g["task"], g["partner"], round(g["percent"], 6)) for g in gains], [("a", "b", 50.0), ("b", "a", 200.0)])

    def test_people_get_a_table(self):
        text = self.succeed("group", "solve", "--networks", self.write("networks.csv", TABLE), "--budgets", "1").stdout
        self.assertIn("a+b (1)", text)
        self.assertIn("a", self.succeed("group", "gains", "--networks", self.path("networks.csv")).stdout)

    def test_sentences(self):
        networks = self.write("networks.csv", TABLE)
        solve = ("group", "solve", "--networks", networks)
        self.refuse(2, *solve, "--budgets", "1", "--method", "best", names=["there is no grouping method 'best'"])
        self.refuse(2, *solve, "--budgets", "-1", names=["-1"])
        self.refuse(2, "group", "solve", "--budgets", "1", names=["exactly one of --networks"])
        self.refuse(1, *solve, "--budgets", "0.5", names=["no budget of --budgets 0.5 is enough"])
        self.refuse(1, "group", "solve", "--networks", self.path("absent.csv"), "--budgets", "1", names=["absent.csv"])
        self.refuse(1, "group", "solve", "--networks", self.write("bad.csv", HEADER + "a,x,one,1,1,1\n"), "--budgets", "1",
                    names=["bad.csv line 2: 'one' in column cost"])


if __name__ == "__main__":
    unittest.main()
