"""A Python with what a bench's peer needs: AFFINIS_PYTHON, or an environment of its own in Affinis' cache."""

import os
import subprocess
import sys


def peer_python(bench, packages, say):
    named = os.environ.get("AFFINIS_PYTHON")
    if named:
        return named
    cache = os.environ.get("AFFINIS_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "affinis")
    folder = os.path.join(cache, f"bench-{bench}-python")
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(os.path.join(folder, ".complete")):
        say(f"setting up the peer's Python in {folder}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, stdout=sys.stderr)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True, stdout=sys.stderr)
        open(os.path.join(folder, ".complete"), "w").close()
    return python
