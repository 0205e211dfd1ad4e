"""Drives the affinis program from outside: what every script test shares."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

AFFINIS = os.environ.get("AFFINIS", "build/release/affinis")
WITH_TORCH = os.environ.get("AFFINIS_WITH_TORCH", "1") not in ("0", "", "OFF", "FALSE")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class CliTest(unittest.TestCase):
    """A test with a temporary folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="affinis-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", newline="") as file:
            file.write(text)
        return self.path(name)

    def run_affinis(self, *arguments, timeout=900):
        return subprocess.run([AFFINIS, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, cwd=self.folder)

    def succeed(self, *arguments, **options):
        done = self.run_affinis(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done

    def json(self, *arguments, **options):
        return json.loads(self.succeed(*arguments, "--json", **options).stdout)

    def refuse(self, code, *arguments, names=()):
        """Expects exit code `code` and one sentence on stderr that holds every word of `names`; returns it."""
        done = self.run_affinis(*arguments)
        lines = [line for line in done.stderr.splitlines() if line.startswith("affinis: ")]
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(lines), 1, done.stderr)
        for name in names:
            self.assertIn(name, lines[0])
        self.assertEqual(done.stdout, "")
        return lines[0]
