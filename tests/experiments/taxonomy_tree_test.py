"""taxonomy tree from outside: JSON, files, comparison with a reference, sentences."""
import os
import unittest
import xml.dom.minidom

from cli import SOURCE, CliTest

PUBLISHED = os.path.join(SOURCE, "..", "shared", "published", "transfers_1k.csv")
VALUES = {"a": (1, 4, 1), "b": (2, 4, 1), "c": (4, 1, 1), "<d&>": (4, 1, 2)}


def table():
    rows = ["sources,target,order,affinity,gain,quality"]
    for source, values in VALUES.items():
        rows += [f"{source},t{i},1,{value / 10},,0.5" for i, value in enumerate(values)]
    return "\n".join(rows) + "\n"


class TaxonomyTree(CliTest):
    def setUp(self):
        super().setUp()
        self.table = self.write("transfers.csv", table())

    def tree(self, *arguments):
        return self.json("taxonomy", "tree", "--transfers", self.table, *arguments)

    def test_json_and_defaults(self):
        found = self.tree()
        self.assertEqual(set(found), {"value", "distance", "linkage", "normalise", "sources", "targets", "newick", "merges", "clades"})
        self.assertEqual((found["distance"], found["linkage"], found["normalise"]), ("cityblock", "average", "per-target-max"))
        self.assertEqual([clade["tasks"] for clade in found["clades"]], [["a", "b"], ["<d&>", "c"]])
        self.assertTrue(found["newick"].endswith(";"))
        self.assertEqual(found["merges"][-1]["size"], 4)
        self.assertEqual(found, self.tree())

    def test_files(self):
        self.tree("--out", self.path("out"))
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["clades.csv", "tree.json", "tree.nwk", "tree.svg"])
        picture = xml.dom.minidom.parse(self.path("out/tree.svg"))
        words = [node.firstChild.data for node in picture.getElementsByTagName("text")]
        self.assertIn("<d&>", words)

    def test_reference_groups_and_cut(self):
        reference = self.write("reference.nwk", "((a,c),(b,'<d&>'),e);")
        groups = self.write("groups.csv", "task,group\na,one\nb,one\nc,two\n<d&>,two\n")
        found = self.tree("--reference", reference, "--groups", groups)
        self.assertEqual(found["reference"]["clades"], 2)
        self.assertEqual(found["reference"]["found"], [])
        self.assertEqual(found["reference"]["only_reference"], ["e"])
        self.assertEqual(found["cut"], {"clusters": [["<d&>", "c"], ["a", "b"]], "adjusted_rand": 1.0})
        self.assertEqual(len(self.tree("--cut", 3)["cut"]["clusters"]), 3)
        text = self.succeed("taxonomy", "tree", "--transfers", self.table, "--reference", reference, "--cut", 2).stdout
        self.assertIn("0 of the 2 clades of", text)

    def test_names_match_a_reference(self):
        reference = self.write("reference.nwk", "((first,b),(c,'<d&>'));")
        names = self.write("names.csv", "alias,name\na,first\n")
        found = self.tree("--reference", reference, "--names", names)
        self.assertEqual(len(found["reference"]["found"]), 2)
        self.assertIn("a", found["sources"])

    @unittest.skipUnless(os.path.exists(PUBLISHED), "no released table")
    def test_the_released_table_beside_the_published_tree(self):
        self.table = PUBLISHED
        found = self.tree("--reference", "published", "--groups", "published", "--exclude", "class_selected")
        self.assertEqual(found["reference"]["clades"], 24)
        self.assertEqual(len(found["reference"]["found"]), 13)
        self.assertIn(["class_1000", "class_places"], found["reference"]["found"])

    def test_sentences(self):
        tree = ("taxonomy", "tree", "--transfers", self.table)
        self.refuse(2, *tree, "--distance", "far", names=["there is no distance 'far'"])
        self.refuse(2, *tree, "--linkage", "ward", names=["ward", "euclidean"])
        self.refuse(2, *tree, "--exclude", "aa", names=["there is no source 'aa'"])
        self.refuse(2, *tree, "--cut", 9, names=["a tree of 4 tasks cannot be cut into 9 clusters"])
        self.refuse(1, *tree, "--value", "gain", names=["no transfer from a single source has a value in column gain"])
        self.refuse(1, *tree, "--reference", self.write("bad.nwk", "(a,b"), names=["bad.nwk", "still open"])
        self.refuse(1, *tree, "--groups", self.write("bad.csv", "task,group\na,x\na,y\n"), names=["bad.csv line 3"])


if __name__ == "__main__":
    unittest.main()
