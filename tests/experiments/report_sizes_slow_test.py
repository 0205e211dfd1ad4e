"""The page's sections on data sizes, chains of transfers and several seeds, in a browser, from made-up numbers."""
import csv
import json
import math
import os
import unittest

from report_page import BARE, PageTest

SIZES = [100, 400, 1600]
SOURCES = ["edge", "depth", "normal", "segment", "reshade", "code", "noise", "corner", "points", "room"]
TARGETS = ["depth", "room"]
TASKS = [{"name": name, "display_name": name.capitalize(), "family": "3d" if name in ("depth", "normal") else "2d", "source": True, "target": name in TARGETS} for name in SOURCES]


def size_rows(settings=("",), intervals=True):
    """The first source of each target is best with few images, the second one with many."""
    rows, best = [], []
    blank = {measure + end: None for measure in ("affinity", "gain", "quality", "loss") for end in ("", "_low", "_high")}
    for setting in settings:
        for size in SIZES:
            for target in TARGETS:
                base = {"setting": setting, "images": size, "target": target}
                rows.append(blank | base | {"sources": "self", "order": 1, "kind": "self", "affinity": 0.5, "gain": 0.9, "quality": 0.5, "loss": 0.05})
                rows.append(blank | base | {"sources": "scratch", "order": 0, "kind": "baseline", "loss": 0.9 - 0.08 * math.log(size)})
                others = [source for source in SOURCES if source != target]
                for i, source in enumerate(others):
                    value = 0.1 + 0.05 * math.log(size) * (1.3 if i == 1 else 1) - 0.01 * i - (0.1 if i == 1 else 0)
                    row = blank | base | {"sources": source, "order": 1, "kind": "transfer", "affinity": value / 10, "gain": 0.3 + value, "quality": value, "loss": 0.8 - value}
                    if intervals:
                        for measure in ("affinity", "gain", "quality", "loss"):
                            row |= {measure + "_low": row[measure] * 0.9, measure + "_high": row[measure] * 1.1}
                    rows.append(row)
                winner = others[0] if size < 1000 else others[1]
                best.append({"setting": setting, "target": target, "images": size, "sources": winner, "gain": 0.7, "quality": 0.4, "intervals": intervals, "tied": 2 if intervals else 0})
    return rows, best


def sizes(settings=("",), intervals=True):
    rows, best = size_rows(settings, intervals)
    studies = [{"folder": "transfer_images=%d" % size, "setting": setting, "images": size, "finished": size != 400} for setting in settings for size in SIZES]
    return {"format": 1, "name": "sizes", "finished": False, "tasks": TASKS, "data_size": {"rows": rows, "best": best, "seeds": 3, "combinations": studies}}


def chain(first, through, target, over_direct, over_through):
    row = {"first": first, "through": through, "target": target}
    for i, way in enumerate(("direct", "through", "chain")):
        row |= {"loss_" + way: 0.1 + 0.01 * i, "gain_" + way: 0.8 - 0.1 * i, "quality_" + way: 0.4 - 0.1 * i}
    for key, (low, value, high) in (("win_over_direct", over_direct), ("win_over_through", over_through)):
        row |= {key: value, key + "_low": low, key + "_high": high}
    return row


class SizesPageTest(PageTest):
    def open_summary(self, summary, **view):
        os.makedirs(self.path("sizes"), exist_ok=True)
        self.write("sizes/summary.json", json.dumps(summary))
        self.open(self.path("sizes"), **view)

    def test_curves_winners_and_links(self):
        self.open_summary(sizes())
        self.assertEqual(self.sections()[0], "data-size")
        self.assertEqual(self.count("#size-curves .panel svg"), len(TARGETS))
        # Of nine other sources the eight best are drawn, with a whisker a point.
        self.assertEqual(self.count("#size-curves .panel:first-child polyline"), 8)
        self.assertEqual(self.count("#size-curves .panel:first-child .whisker"), 8 * len(SIZES))
        self.assertIn("intervals over 3 seeds", self.text("#size-curves"))
        said = self.text("#data-size .say")
        self.assertIn("2 targets at 3 sizes of the transfer set, 100 to 1600 images", said)
        self.assertIn("The best source is the same at every size for 0 of 2", said)
        cells = self.texts("#size-best tbody tr:first-child td")
        self.assertEqual([cell.split("quality")[0].strip() for cell in cells], ["Room", "Edge ≈2", "Edge ≈2", "Depth ≈2"])
        self.assertIn("transfer_images=400", self.text("#data-size .note.bad"))
        links = self.browser.evaluate("[...document.querySelectorAll('#data-size a')].map(a => a.getAttribute('href'))")
        self.assertEqual(links, ["transfer_images%%3D%d/report.html" % size for size in SIZES])

    def test_measures(self):
        self.open_summary(sizes())
        self.assertEqual(self.text("#data-size [aria-pressed=true]"), "quality")
        self.browser.click("#data-size [data-measure=loss]")
        self.assertEqual(self.text("#data-size [aria-pressed=true]"), "test loss")
        # Scratch is a curve more.
        self.assertEqual(self.count("#size-curves .panel:first-child polyline"), 9)
        self.assertIn("from scratch on the same images", self.text("#size-curves"))
        heights = self.browser.evaluate("[...document.querySelectorAll('#size-curves .panel:first-child polyline')].map(p => p.getAttribute('points').split(' ').map(q => Number(q.split(',')[1])))")
        for height in heights:
            self.assertGreater(height[-1], height[0], "losses fall with more images, which is further down")

    def test_other_settings_and_no_intervals(self):
        self.open_summary(sizes(settings=("network.steps=10", "network.steps=20"), intervals=False))
        self.assertEqual(self.texts("#size-setting option"), ["network.steps=10", "network.steps=20"])
        self.set("#size-setting", 1)
        self.assertEqual(self.count("#size-curves .whisker"), 0)
        self.assertNotIn("≈", self.text("#size-winners"))
        self.assertIn("no intervals", self.text("#data-size"))

    def test_the_csv_has_every_row(self):
        self.open_summary(sizes())
        with open(self.browser.download("[data-csv='data_size.csv']", self.folder), newline="") as file:
            rows = list(csv.DictReader(file))
        expected, _ = size_rows()
        self.assertEqual(len(rows), len(expected))
        for row, made in zip(rows, expected):
            self.assertEqual(row["sources"], made["sources"])
            self.assertEqual(float(row["loss"]), made["loss"])

    def test_narrow_windows(self):
        self.open_summary(sizes(), width=390, height=800, touch=True)
        self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), 390)

    def test_chains(self):
        rows = [chain("edge", "depth", "room", (0.55, 0.6, 0.65), (0.2, 0.3, 0.4)), chain("depth", "edge", "room", (0.4, 0.45, 0.52), (0.1, 0.2, 0.3)),
                chain("room", "edge", "depth", (0.1, 0.2, 0.3), (0.45, 0.5, 0.55))]
        self.open_summary({"format": 1, "tasks": TASKS, "chains": {"asked": "all", "rows": rows}})
        said = self.text("#chains .say")
        self.assertIn("Of 3 chains", said)
        self.assertIn("1 is better than the direct transfer from A, 1 worse, 1 not told apart from it", said)
        self.assertIn("0 are better than the one from B's own encoder, 2 worse, 1 not told apart", said)
        self.assertIn("Edge → Depth → Room, wins against it on 60% of test images", said)
        self.assertEqual(self.texts("#chain-table tbody tr td:first-child"), ["Edge", "Depth", "Room"])
        self.assertEqual(self.count("#chain-table td.good"), 1)
        self.assertEqual(self.count("#chain-table td.bad"), 3)
        with open(self.browser.download("[data-csv='chains.csv']", self.folder), newline="") as file:
            self.assertEqual([float(row["win_over_direct_high"]) for row in csv.DictReader(file)], [0.65, 0.52, 0.3])

    def test_intervals_over_seeds_are_called_so(self):
        lines = BARE.splitlines()
        table = [lines[0] + ",gain_low,gain_high"] + [line + ",0.1,0.95" for line in lines[1:]]
        os.makedirs(self.path("sizes"), exist_ok=True)
        self.write("sizes/transfers.csv", "\n".join(table) + "\n")
        tournament = {"target": "depth", "images": 10, "networks": ["self"], "wins": [[0.5]], "seeds": {"seeds": 3, "level": 0.95}}
        self.open_summary({"format": 1, "tasks": [], "seeds": 3, "tournaments": [tournament]})
        self.assertIn("95% intervals over 3 seeds", self.text("#reading"))
        self.assertIn("each trained with 3 seeds", self.text("#top"))


if __name__ == "__main__":
    unittest.main()
