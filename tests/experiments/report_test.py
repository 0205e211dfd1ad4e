"""What `report` writes: one file, graphs for other programs, numbers that agree with the other commands."""

import csv
import json
import os
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from cli import SOURCE, CliTest
from report_page import BARE, HEADER
from study_folder import write_folder

GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
YED = "{http://www.yworks.com/xml/graphml}"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float), "integer": int}


def complaints(value, schema, root, place=""):
    """What is wrong with a value by the part of JSON Schema that our schema uses."""
    if "$ref" in schema:
        found = root
        for step in schema["$ref"].split("/")[1:]:
            found = found[step]
        yield from complaints(value, found, root, place)
        return
    known = {"$schema", "$defs", "title", "description", "type", "required", "properties", "items", "minimum", "minLength", "minItems", "uniqueItems"}
    assert set(schema) <= known, "this check does not know " + str(set(schema) - known)
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds):
        yield place + ": not of type " + str(kinds)
        return
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        yield place + ": too small"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield place + ": too short"
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0) or (schema.get("uniqueItems") and len(set(value)) < len(value)):
            yield place + ": too few, or one twice"
        for i, item in enumerate(value):
            yield from complaints(item, schema.get("items", {}), root, place + "/" + str(i))
    if isinstance(value, dict):
        for key in schema.get("required", []):
            if key not in value:
                yield place + ": lacks " + key
        for key, part in schema.get("properties", {}).items():
            if key in value:
                yield from complaints(value[key], part, root, place + "/" + key)


def jsonschema_accepts(value, schema):
    """The same by the reference implementation; None where it is not installed."""
    try:
        import jsonschema
    except ImportError:
        return None
    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError:
        return False
    return True


class ReportFiles(CliTest):
    """What report writes and refuses; needs no browser."""

    def report(self, folder):
        answer = self.json("report", folder)
        self.assertEqual(answer["report"], os.path.join(folder, "report.html"))
        with open(answer["report"], encoding="utf-8") as file:
            return file.read()

    def embedded(self, page):
        text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1)
        return json.loads(text)

    def bare(self, text=BARE):
        folder = self.path("bare")
        os.makedirs(folder, exist_ok=True)
        self.write("bare/transfers.csv", text)
        return folder

    def test_no_name_is_declared_twice_in_the_pages_scripts(self):
        # The scripts share one scope: the later declaration would silently replace the earlier one.
        seen = {}
        folder = os.path.join(SOURCE, "experiments", "report", "page")
        for script in sorted(name for name in os.listdir(folder) if name.endswith(".js")):
            with open(os.path.join(folder, script), encoding="utf-8") as file:
                for name in re.findall(r"^(?:async )?(?:function|const|let|class) +(\w+)", file.read(), re.M):
                    self.assertNotIn(name, seen, name + " stands in " + script + " and in " + seen.get(name, ""))
                    seen[name] = script
        self.assertGreater(len(seen), 50)

    def test_a_bare_table_is_solved_for_every_budget_and_order(self):
        data = self.embedded(self.report(self.bare()))
        self.assertTrue(data["computed"])
        self.assertEqual([(cell["budget"], cell["max_order"]) for cell in data["cells"]], [(b, o) for o in (1, 2) for b in (1, 2, 3)])
        swept = self.json("taxonomy", "sweep", "--transfers", "bare/transfers.csv", "--budgets", "1-3", "--max-orders", "1,2")
        for ours, theirs in zip(data["cells"], swept["cells"]):
            self.assertEqual(ours["choices"], theirs["choices"])
        self.assertNotIn("summary", data)
        self.assertFalse(os.path.exists(self.path("bare/taxonomy.json")))

    def test_a_given_sweep_is_shown_as_it_is(self):
        folder = self.bare()
        swept = self.json("taxonomy", "sweep", "--transfers", "bare/transfers.csv", "--budgets", "2", "--max-orders", "1")
        self.write("bare/taxonomy.json", json.dumps(swept))
        data = self.embedded(self.report(folder))
        self.assertEqual(data["cells"], swept["cells"])
        self.assertNotIn("computed", data)
        self.assertEqual(sorted(os.listdir(os.path.join(folder, "graphs"))), ["taxonomies.json", "taxonomy-b2-o1.dot", "taxonomy-b2-o1.graphml"])

    def test_a_table_without_a_taxonomy_is_still_reported_and_says_so(self):
        folder = self.bare(HEADER + "a,b,1,,,\nself,a,1,0.5,0.5,0.5\n")
        done = self.succeed("report", folder)
        data = self.embedded(self.report(folder))
        self.assertNotIn("cells", data)
        self.assertIn("'b'", data["no_taxonomy"])
        self.assertIn(data["no_taxonomy"], done.stderr)

    def test_graph_files_hold_the_taxonomy(self):
        folder = self.bare()
        data = self.embedded(self.report(folder))
        found = set(os.listdir(os.path.join(folder, "graphs")))
        with_junctions = 0
        for cell in data["cells"]:
            if not cell["choices"]:
                continue
            stem = "taxonomy-b%d-o%d" % (cell["budget"], cell["max_order"])
            found -= {"taxonomies.json"}
            found -= {stem + ".graphml", stem + ".dot"}
            tasks = set(cell["sources"]) | {choice["target"] for choice in cell["choices"]}
            joint = [choice for choice in cell["choices"] if len(choice["sources"]) > 1]
            with_junctions += len(joint)
            edges = sum(1 if len(choice["sources"]) == 1 else len(choice["sources"]) + 1 for choice in cell["choices"])
            root = ElementTree.parse(os.path.join(folder, "graphs", stem + ".graphml")).getroot()
            names = {key.get("id"): key.get("attr.name") for key in root.iter(GRAPHML + "key")}
            nodes = [{names[d.get("key")]: d.text for d in node.iter(GRAPHML + "data")} for node in root.iter(GRAPHML + "node")]
            self.assertEqual({node["name"] for node in nodes if node["kind"] == "task"}, tasks)
            self.assertEqual({node["name"] for node in nodes if node["labelled"] == "true"}, set(cell["sources"]))
            self.assertEqual(sum(node["kind"] == "junction" for node in nodes), len(joint))
            self.assertEqual(len(list(root.iter(GRAPHML + "edge"))), edges)
            with open(os.path.join(folder, "graphs", stem + ".dot")) as file:
                dot = file.read()
            self.assertEqual(dot.count("->"), edges)
            self.assert_balanced(dot)
        self.assertEqual(found, set())
        self.assertGreater(with_junctions, 0)

    def assert_balanced(self, dot):
        depth, quoted, escaped = {"{": 0, "[": 0}, False, False
        for c in dot:
            if escaped:
                escaped = False
            elif c == "\\" and quoted:
                escaped = True
            elif c == '"':
                quoted = not quoted
            elif not quoted and c in "{[":
                depth[c] += 1
            elif not quoted and c in "}]":
                depth["{" if c == "}" else "["] -= 1
            self.assertGreaterEqual(min(depth.values()), 0)
        self.assertEqual((depth, quoted), ({"{": 0, "[": 0}, False))

    def test_graph_files_of_names_that_are_markup(self):
        names = {"normal": 'a"b\\', "edge": "<&>'", "depth": "line\\nend]"}
        table = [[names.get(cell, cell) for cell in line] for line in csv.reader(BARE.splitlines())]
        table = [["+".join(names.get(name, name) for name in line[0].split("+")), *line[1:]] for line in table]
        folder = self.bare("\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in table) + "\n")
        self.report(folder)
        for file in os.listdir(os.path.join(folder, "graphs")):
            with open(os.path.join(folder, "graphs", file)) as stream:
                text = stream.read()
            if file.endswith(".dot"):
                self.assert_balanced(text)
                self.assertIn('"a\\"b\\\\"', text)
            elif file.endswith(".graphml"):
                found = {d.text for d in ElementTree.fromstring(text).iter(GRAPHML + "data")}
                self.assertLessEqual(set(names.values()), found)

    def test_networkx_reads_the_graphs(self):
        try:
            import networkx
        except ImportError:
            self.skipTest("no networkx here: whether it reads the GraphML files is not tested")
        folder = self.bare()
        for cell in self.embedded(self.report(folder))["cells"]:
            if not cell["choices"]:
                continue
            graph = networkx.read_graphml(os.path.join(folder, "graphs", "taxonomy-b%d-o%d.graphml" % (cell["budget"], cell["max_order"])))
            self.assertTrue(graph.is_directed())
            named = {data["name"]: (node, data) for node, data in graph.nodes(data=True)}
            self.assertEqual({name for name, (_, data) in named.items() if data["labelled"]}, set(cell["sources"]))
            for choice in cell["choices"]:
                target = named[choice["target"]][0]
                sources = [choice["target"]] if choice["sources"] == ["self"] else choice["sources"]
                before = named["+".join(sources) + ">" + choice["target"]][0] if len(sources) > 1 else named[sources[0]][0]
                edge = graph.edges[before, target]
                self.assertEqual({key: edge.get(key) for key in ("affinity", "gain", "quality")}, {key: choice[key] for key in ("affinity", "gain", "quality")})
                if len(sources) > 1:
                    self.assertEqual(set(graph.predecessors(before)), {named[source][0] for source in sources})

    def test_yed_finds_places_labels_and_shapes(self):
        folder = self.bare()
        self.report(folder)
        root = ElementTree.parse(os.path.join(folder, "graphs", "taxonomy-b2-o2.graphml")).getroot()
        kinds = {key.get("id"): key.get("yfiles.type") for key in root.iter(GRAPHML + "key")}
        places = set()
        for node in root.iter(GRAPHML + "node"):
            (graphics,) = [d for d in node.iter(GRAPHML + "data") if kinds[d.get("key")] == "nodegraphics"]
            (shape,) = graphics
            self.assertEqual(shape.tag, YED + "ShapeNode")
            place = shape.find(YED + "Geometry")
            places.add((place.get("x"), place.get("y")))
            self.assertGreater(float(place.get("width")), 0)
            values = {d.get("key"): d.text for d in node.iter(GRAPHML + "data")}
            self.assertEqual(shape.findtext(YED + "NodeLabel"), values["label"] if values["kind"] == "task" else None)
        self.assertEqual(len(places), len(list(root.iter(GRAPHML + "node"))))
        for edge in root.iter(GRAPHML + "edge"):
            self.assertEqual(len(list(edge.iter(YED + "PolyLineEdge"))), 1)

    @unittest.skipUnless(shutil.which("dot"), "no graphviz here: whether it draws the DOT files is not tested")
    def test_graphviz_draws_the_graphs(self):
        folder = self.bare()
        self.report(folder)
        done = subprocess.run(["dot", "-Tsvg", os.path.join(folder, "graphs", "taxonomy-b2-o2.dot")], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("depth", done.stdout)

    def test_taxonomies_fit_the_schema(self):
        with open(os.path.join(SOURCE, "experiments/report/taxonomy.schema.json")) as file:
            schema = json.load(file)
        folder = self.bare()
        self.report(folder)
        with open(os.path.join(folder, "graphs", "taxonomies.json")) as file:
            written = json.load(file)
        swept = self.json("taxonomy", "sweep", "--transfers", "bare/transfers.csv", "--budgets", "0-3", "--max-orders", "1,2")
        self.assertTrue(any("infeasible" in cell for cell in swept["cells"]))
        for taxonomies in (written, swept):
            self.assertEqual(list(complaints(taxonomies, schema, schema)), [])
        # What the schema is for: it has to refuse what is wrong.
        for damage in (lambda cell: cell.pop("value"), lambda cell: cell.update(budget="2"), lambda cell: cell.update(budget=-1), lambda cell: cell.update(max_order=1.5),
                       lambda cell: cell.update(objective=""), lambda cell: cell["choices"][0].update(sources=[]), lambda cell: cell["choices"][0].update(sources=["a", "a"]),
                       lambda cell: cell["choices"][0].update(gain="high"), lambda cell: cell.update(proven=1), lambda cell: cell["sources"].append("")):
            damaged = json.loads(json.dumps(written))
            damage(damaged["cells"][1])
            self.assertNotEqual(list(complaints(damaged, schema, schema)), [])
            self.assertEqual(jsonschema_accepts(damaged, schema), False if jsonschema_accepts(written, schema) else None)

    def test_random_taxonomies_are_those_of_the_significance_command(self):
        data = self.embedded(self.report(self.bare()))
        self.assertEqual([(cell["budget"], cell["max_order"]) for cell in data["random"]], [(b, o) for o in (1, 2) for b in (1, 2, 3)])
        for cell in data["random"]:
            told = self.json("taxonomy", "significance", "--transfers", "bare/transfers.csv", "--budget", cell["budget"], "--max-order", cell["max_order"])
            self.assertEqual(cell["draws"], told["draws"])
            for key in ("gain", "quality"):
                place = told["mean_" + key]
                self.assertEqual(cell[key], {"mean": place["random_mean"], "low": place["random_low"], "high": place["random_high"], "p": place["p_value"]})

    def test_the_tree_is_that_of_the_tree_command(self):
        folder = str(write_folder(self.path("run"), pictures=False))
        data = self.embedded(self.report(folder))
        told = self.json("taxonomy", "tree", "--transfers", "run/transfers.csv")
        self.assertEqual(data["tree"]["newick"], told["newick"])
        self.assertEqual([node["name"] for node in data["tree"]["nodes"] if not node["children"]], told["sources"])
        self.assertEqual([node["height"] for node in data["tree"]["nodes"] if node["children"]], [merge["height"] for merge in told["merges"]])
        self.assertEqual(data["tree"]["families"]["clusters"], 3)

    def test_what_cannot_be_computed_is_left_out_with_a_sentence(self):
        data = self.embedded(self.report(self.bare(HEADER + "a,b,1,0.5,0.5,0.5\nself,b,1,0.5,0.5,0.5\n")))
        self.assertIsNone(data["tree"])
        self.assertRegex(data["left_out"][0], "^The task tree: .*at least two sources")

    def test_intervals_come_from_further_columns_and_damaged_ones_are_ignored(self):
        text = ("sources,target,order,affinity,gain,quality,gain_low,gain_high,quality_low,tied_with_best,note\n"
                "self,a,1,0.5,0.9,0.5,0.8,0.95,,no,x\n" "b,a,1,0.4,0.6,0.3,0.5,seven,0.25,yes,y\n" "self,b,1,0.5,0.9,0.5,,,,,\n")
        rows = self.embedded(self.report(self.bare(text)))["transfers"]
        common = {"sources", "target", "order", "affinity", "gain", "quality"}
        self.assertEqual([{key: value for key, value in row.items() if key not in common} for row in rows],
                         [{"gain_low": 0.8, "gain_high": 0.95}, {"gain_low": 0.5, "quality_low": 0.25, "tied_with_best": True}, {}])

    def test_graph_files_of_an_earlier_sweep_go_and_others_stay(self):
        folder = self.bare()
        os.makedirs(os.path.join(folder, "graphs"))
        for name in ("taxonomy-b99-o1.dot", "mine.dot"):
            self.write("bare/graphs/" + name, "digraph {}")
        self.report(folder)
        self.assertFalse(os.path.exists(self.path("bare/graphs/taxonomy-b99-o1.dot")))
        self.assertTrue(os.path.exists(self.path("bare/graphs/mine.dot")))

    def test_the_same_folder_gives_the_same_bytes_and_a_small_file(self):
        folder = str(write_folder(self.path("run")))
        first = self.report(folder)
        self.assertEqual(first, self.report(folder))
        self.assertLess(len(first.encode()), 5_000_000)
        self.assertNotRegex(re.sub(r'<script type="application/json".*?</script>', "", first, flags=re.S).replace("http://www.w3.org/2000/svg", ""), r"https?://")

    def test_a_lost_or_damaged_picture_is_left_out_with_a_warning(self):
        folder = str(write_folder(self.path("run")))
        os.remove(os.path.join(folder, "pictures/task1/self.0.png"))
        self.write("run/pictures/task2/self.0.png", "no picture")
        done = self.succeed("report", folder)
        self.assertIn("2 of ", done.stderr)
        self.assertIn("pictures/task1/self.0.png", done.stderr)
        shown = self.embedded(self.report(folder))["pictures"]
        self.assertNotIn("pictures/task2/self.0.png", shown)
        self.assertIn("pictures/task2/self.1.png", shown)

    def test_refusals(self):
        self.refuse(1, "report", self.path("nowhere"), names=["nowhere", "not a folder"])
        os.makedirs(self.path("empty"))
        self.refuse(1, "report", self.path("empty"), names=["empty", "transfers.csv", "summary.json"])
        self.assertEqual(os.listdir(self.path("empty")), [])
        self.refuse(2, "report")
        folder = self.bare(BARE + "edge,depth,1,zero,0.1,0.1\n")
        self.refuse(1, "report", folder, names=["transfers.csv"])
        self.assertEqual(os.listdir(folder), ["transfers.csv"])

    def test_damaged_summaries_and_sweeps_are_refused_by_name_and_place(self):
        damages = [
            ("summary.json", "{\"tasks\": [", "summary.json"),
            ("summary.json", "[]", "summary.json"),
            ("summary.json", '{"format": 2}', "format 2"),
            ("summary.json", '{"tasks": {"name": "a"}}', "/tasks"),
            ("summary.json", '{"tasks": [{"family": "2d"}]}', "/tasks/0/name"),
            ("summary.json", '{"tasks": [null]}', "/tasks/0"),
            ("summary.json", '{"tasks": [{"name": "a", "networks": {"self": {"curve": [{"step": "x"}]}}}]}', "/tasks/0/networks/self/curve/0/step"),
            ("summary.json", '{"tournaments": [{"target": "a", "networks": ["self", "b"], "wins": [[0.5, 1]]}]}', "2 x 2"),
            ("taxonomy.json", '{"cells": 3}', "/cells"),
            ("taxonomy.json", '{"cells": [{"budget": 1, "max_order": 1, "sources": ["a"], "choices": [{"target": "a", "sources": []}]}]}', "no source"),
        ]
        for name, text, place in damages:
            with self.subTest(text):
                folder = self.bare()
                self.write("bare/" + name, text)
                self.refuse(1, "report", folder, names=[name, place])
                self.assertFalse(os.path.exists(self.path("bare/report.html")))
                os.remove(self.path("bare/" + name))


if __name__ == "__main__":
    unittest.main()
