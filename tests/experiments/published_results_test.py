"""What experiments/results publishes: tables that anyone's tools read, and whose taxonomies are proven."""
import csv
import json
import os
import unittest

from cli import SOURCE, CliTest

RESULTS = os.path.join(SOURCE, "experiments", "results")
TABLE = os.path.join(RESULTS, "taxonomy26-desk.csv")


class PublishedResults(CliTest):
    def rows(self, name="taxonomy26-desk.csv"):
        with open(os.path.join(RESULTS, name), newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def test_the_transfer_table_has_its_columns_and_every_first_order_transfer(self):
        rows = self.rows()
        self.assertEqual(list(rows[0])[:6], ["sources", "target", "order", "affinity", "gain", "quality"])
        targets = {row["target"] for row in rows}
        sources = {row["sources"] for row in rows if row["order"] == "1"} - {"self"}
        self.assertEqual((len(targets), len(sources), len(rows)), (22, 26, 22 + 1342))
        self.assertEqual(len({(row["sources"], row["target"]) for row in rows if row["order"] == "1"}), 22 * 27)
        for row in rows:
            self.assertEqual(int(row["order"]), row["sources"].count("+") + 1)
            for name in ("affinity", "gain", "quality"):
                low, value, high = (float(row[name + part]) for part in ("_low", "", "_high"))
                self.assertTrue(0 <= low <= high <= 1 and 0 <= value <= 1, row)
        for target in targets:
            self.assertAlmostEqual(sum(float(row["affinity"]) for row in rows if row["target"] == target), 1, delta=1e-9)

    def test_every_cell_of_the_sweep_is_proven_and_the_one_published(self):
        swept = self.json("taxonomy", "sweep", "--transfers", TABLE, "--budgets", "1-26", "--max-orders", "1,2,3,4")["cells"]
        with open(os.path.join(RESULTS, "taxonomy26-desk-taxonomies.json"), encoding="utf-8") as file:
            published = json.load(file)["cells"]
        self.assertEqual(len(swept), 104)
        for ours, theirs in zip(swept, published):
            self.assertTrue(ours["proven"])
            self.assertEqual((ours["budget"], ours["max_order"]), (theirs["budget"], theirs["max_order"]))
            self.assertAlmostEqual(ours["value"], theirs["value"], delta=1e-9)

    def test_the_forecast_ranks_as_the_page_says(self):
        found = self.json("taxonomy", "compare", TABLE, os.path.join(RESULTS, "taxonomy26-desk-forecast.csv"), "--budgets", "4")
        self.assertAlmostEqual(found["mean"]["spearman"], 0.76, delta=0.005)

    def test_all_of_it_is_small(self):
        self.assertLess(sum(os.path.getsize(os.path.join(RESULTS, name)) for name in os.listdir(RESULTS)), 2 << 20)


if __name__ == "__main__":
    unittest.main()
