#!/usr/bin/env python3
"""Refuses includes that go upward or sideways between the folders of the tree.

    python3 tests/layering_test.py

Needs nothing but Python 3. The linker would notice only calls; this also notices types, templates and constants.
"""

import os
import re
import tempfile
import textwrap
import unittest

EVERYTHING = None

# Folder: (short name, short names of the folders that it may include). The same lists stand behind DEPENDS in each CMakeLists.txt.
FOLDERS = {
    "framework/core": ("core", set()),
    "framework/data": ("data", {"core"}),
    "framework/scenes": ("scenes", {"core"}),
    "framework/nn": ("nn", {"core"}),
    "framework/task": ("task", {"nn", "data", "core"}),
    "framework/train": ("train", {"task", "nn", "data", "core"}),
    "framework/run": ("run", {"core"}),
    "tasks": ("tasks", {"task", "nn", "data", "core"}),
    "transfer": ("transfer", {"tasks", "run", "train", "task", "nn", "data", "core"}),
    "taxonomy": ("taxonomy", {"core"}),
    "experiments": ("experiments", EVERYTHING),
}

# LibTorch's headers start with these; taxonomy builds and is tested without LibTorch.
TORCH = ("torch/", "ATen/", "c10/", "caffe2/")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.DOTALL)
LIBRARY = re.compile(r"affinis_library\s*\(([^)]*)\)", re.DOTALL)
TOP_FOLDERS = sorted({folder.split("/")[0] for folder in FOLDERS})


def without_comments(text):
    """The text with comments and raw strings blanked, every line where it was; plain strings stay (includes are some)."""

    def blank(match):
        found = match.group(0)
        return re.sub(r"[^\n]", " ", found) if found[0] in "/R" else found

    return COMMENT.sub(blank, text)


def folder_of(path):
    """The entry of FOLDERS that a path relative to the root lies in, or None."""
    for folder in FOLDERS:
        if path.startswith(folder + "/"):
            return folder
    return None


def sources(root):
    """Paths, relative to the root, of every header and source below the folders that have layers."""
    for top in TOP_FOLDERS:
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith((".h", ".cpp")):
                    yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def includes(root, path):
    """(line, name, whether it is quoted) of each include in the file."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = without_comments(file.read())
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) or match.group(2), match.group(1) is not None


def include_problem(root, path, name, quoted):
    """Why `path` may not include `name`, or None."""
    folder = folder_of(path)
    if folder is None:
        return "the file lies in no folder of the table in tests/layering_test.py"
    short, allowed = FOLDERS[folder]
    if name.startswith("torch/") and not name.startswith("torch/headeronly/") and path.endswith(".h") and "/detail/" not in path:
        return f"'{name}' in a header costs every file that includes it ten seconds; forward-declare, or use ATen/core/Tensor.h"
    if short == "taxonomy" and name.startswith(TORCH):
        return f"taxonomy is built without LibTorch, but this is '{name}'"
    if not quoted:
        if name.split("/")[0] in TOP_FOLDERS and os.path.exists(os.path.join(root, name)):
            return f'a header of the project is included with quotes: "{name}"'
        return None
    target = folder_of(name)
    if target is None:
        if os.path.exists(os.path.join(root, os.path.dirname(path), name)):
            return f'the path must start at the root of the project: "{os.path.dirname(path)}/{name}"'
        return None
    target_short = FOLDERS[target][0]
    if target == folder or allowed is EVERYTHING or target_short in allowed:
        return None
    below = ", ".join(sorted(allowed)) or "nothing"
    return f"{short} may include {below}, but this is '{name}' of {target_short}"


def include_problems(root):
    """One sentence for each include that is not allowed."""
    problems = []
    for path in sorted(sources(root)):
        if folder_of(path) is None:
            problems.append(f"{path}: the file lies in no folder of the table in tests/layering_test.py")
            continue
        for line, name, quoted in includes(root, path):
            problem = include_problem(root, path, name, quoted)
            if problem:
                problems.append(f"{path}:{line}: {problem}")
    return problems


def declared_depends(text):
    """(short name, set of DEPENDS) of the affinis_library call in a CMakeLists.txt, or None."""
    match = LIBRARY.search(re.sub(r"#[^\n]*", "", text))
    if not match:
        return None
    words = match.group(1).split()
    depends = set()
    reading = False
    for word in words[1:]:
        if word in ("DEPENDS", "LINK", "SUBFOLDERS"):
            reading = word == "DEPENDS"
        elif reading:
            depends.add(word)
    return words[0], depends


def cmake_problems(root):
    """One sentence for each folder whose CMakeLists.txt does not say what the table says."""
    problems = []
    for folder, (short, allowed) in FOLDERS.items():
        path = f"{folder}/CMakeLists.txt"
        if allowed is EVERYTHING:
            continue
        if not os.path.exists(os.path.join(root, path)):
            problems.append(f"{path}: the file is missing")
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            declared = declared_depends(file.read())
        if declared is None:
            problems.append(f"{path}: there is no affinis_library call")
        elif declared != (short, allowed):
            problems.append(
                f"{path}: affinis_library({declared[0]} DEPENDS {' '.join(sorted(declared[1]))}) but the table in "
                f"tests/layering_test.py has {short}: {' '.join(sorted(allowed))}"
            )
    return problems


class TheTree(unittest.TestCase):
    root = os.environ.get("AFFINIS_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

    def test_has_every_folder(self):
        found = {folder_of(path) for path in sources(self.root)}
        self.assertEqual(set(FOLDERS) - found, set(), "folders without sources: is the root right?")

    def test_includes_go_downward(self):
        problems = include_problems(self.root)
        self.assertEqual(problems, [], "\n" + "\n".join(problems))

    def test_cmake_says_the_same(self):
        problems = cmake_problems(self.root)
        self.assertEqual(problems, [], "\n" + "\n".join(problems))


class TheTable(unittest.TestCase):
    def test_has_no_circle_and_leaves_nothing_out(self):
        allowed = {short: below for short, below in FOLDERS.values() if below is not EVERYTHING}
        for short, below in allowed.items():
            self.assertNotIn(short, below)
            for each in below:
                self.assertNotIn(short, allowed[each], f"{short} and {each} include each other")
                self.assertLessEqual(allowed[each], below, f"{short} includes {each} but not what that includes")


class TheCheck(unittest.TestCase):
    """The check itself, on made-up trees."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = self.folder.name

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def problems(self, path, text):
        self.write(path, text)
        return include_problems(self.root)

    def test_downward_is_fine(self):
        self.assertEqual(self.problems("tasks/a.cpp", '#include "framework/core/error.h"\n#include "tasks/b.h"\n'), [])
        self.assertEqual(self.problems("experiments/x/a.cpp", '#include "taxonomy/a.h"\n#include "transfer/a.h"\n'), [])

    def test_upward_is_caught(self):
        self.assertEqual(
            self.problems("framework/core/a.cpp", '#include <vector>\n\n#include "framework/data/store.h"\n'),
            ["framework/core/a.cpp:3: core may include nothing, but this is 'framework/data/store.h' of data"],
        )

    def test_sideways_is_caught(self):
        self.assertEqual(
            self.problems("framework/run/deep/a.h", '#  include "tasks/depth.h" // why\n'),
            ["framework/run/deep/a.h:1: run may include core, but this is 'tasks/depth.h' of tasks"],
        )
        self.assertEqual(len(self.problems("framework/scenes/a.h", '#include "framework/data/store.h"\n')), 2)
        self.assertEqual(len(self.problems("taxonomy/a.h", '#include "transfer/spec.h"\n')), 3)

    def test_comments_and_raw_strings_are_not_includes(self):
        text = """\
            // #include "framework/data/a.h"
            /* a "quote
            #include "framework/data/b.h"
            */
            const char* url = "https://example.org/*";
            const char* raw = R"x(
            #include "framework/data/c.h"
            )x";
            #include "framework/data/d.h"
            """
        self.assertEqual(
            self.problems("framework/core/a.cpp", text),
            ["framework/core/a.cpp:9: core may include nothing, but this is 'framework/data/d.h' of data"],
        )

    def test_torch_in_a_header_is_caught(self):
        self.assertEqual(len(self.problems("framework/nn/a.h", "#include <torch/nn.h>\n")), 1)
        self.assertEqual(len(self.problems("framework/nn/b.h", '#include "torch/nn.h"\n')), 2)

    def test_torch_in_detail_and_in_sources_is_fine(self):
        self.assertEqual(self.problems("framework/nn/detail/a.h", "#include <torch/nn.h>\n"), [])
        self.assertEqual(self.problems("framework/nn/a.cpp", "#include <torch/nn.h>\n"), [])
        self.assertEqual(self.problems("framework/nn/a.h", "#include <ATen/core/Tensor.h>\n"), [])

    def test_taxonomy_without_torch(self):
        for number, name in enumerate(["torch/nn.h", "ATen/ATen.h", "c10/core/Device.h"]):
            self.assertEqual(len(self.problems(f"taxonomy/{number}.cpp", f"#include <{name}>\n")), number + 1)

    def test_relative_and_angled_paths_are_caught(self):
        self.write("framework/data/store.h", "")
        self.assertIn("start at the root", self.problems("framework/core/a.cpp", '#include "../data/store.h"\n')[0])
        self.assertIn("with quotes", self.problems("framework/core/a.cpp", "#include <framework/data/store.h>\n")[0])

    def test_files_outside_the_table_are_caught(self):
        self.assertIn("no folder of the table", self.problems("framework/new/a.cpp", "")[0])

    def test_cmake_that_differs_is_caught(self):
        for folder, (short, allowed) in FOLDERS.items():
            if allowed is not EVERYTHING:
                self.write(f"{folder}/CMakeLists.txt", f"affinis_library({short} DEPENDS {' '.join(allowed)} LINK fmt::fmt)\n")
        self.assertEqual(cmake_problems(self.root), [])
        self.write("framework/data/CMakeLists.txt", "affinis_library(data\n  DEPENDS core scenes # sideways\n  LINK a)\n")
        self.assertEqual(len(cmake_problems(self.root)), 1)
        self.write("framework/core/CMakeLists.txt", "# affinis_library(core)\n")
        self.assertEqual(len(cmake_problems(self.root)), 2)
        os.remove(os.path.join(self.root, "tasks/CMakeLists.txt"))
        self.assertEqual(len(cmake_problems(self.root)), 3)


if __name__ == "__main__":
    unittest.main()
