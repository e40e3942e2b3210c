"""Programs and files that are built from pinned Go modules when a test first wants them."""

import functools
import pathlib
import subprocess

from support.cluster import ROOT

BUILD = str(ROOT / "tools" / "controlplane" / "build")


@functools.cache
def built(module, name):
    """The path of what tools/controlplane/build makes of a module, as built("monitoring", "monitoring-crds.yaml")."""
    for words in ((module,), ("--path", name)):
        done = subprocess.run([BUILD, *words], capture_output=True, text=True, check=False, timeout=1200)
        assert done.returncode == 0, f"{BUILD} {' '.join(words)}: {done.stderr}"
    return pathlib.Path(done.stdout.strip())
