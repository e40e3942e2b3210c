"""Collects rows for docs/benchmarks.md. What a run has not measured stays as it was, with its own date."""

import os
import pathlib
import re
import subprocess
import time

import pytest

from support.cluster import ROOT

FILE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `./dev bench`: everything of a section on one machine at once. Shared machines are noisy: compare figures of one run, not of two.
"""


class Report:
    """One section: `./dev bench TITLE`."""

    def __init__(self, title, what_ran):
        self.title, self.what_ran, self.rows = title, what_ran, []
        self.load = os.getloadavg()[0]  # of others

    def add(self, what, value):
        self.rows.append(f"| {what} | {value} |\n")
        print(f"{what}: {value}", flush=True)

    def text(self):
        model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                      if line.startswith("model name")), "unknown processor")
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        return (f"## {self.title}\n\n`./dev bench {self.title}`, {time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit or 'unknown'}: "
                f"{os.cpu_count()} cores ({model}), load average before it {self.load:.1f}. {self.what_ran}\n\n| what | figure |\n|---|---|\n{''.join(self.rows)}")

    def write(self):
        old = FILE.read_text() if FILE.exists() else ""
        sections = {part.split("\n", 1)[0]: f"## {part}" for part in re.split(r"^## ", old, flags=re.M)[1:]}
        sections[self.title] = self.text()
        FILE.write_text(HEAD + "".join(f"\n{sections[title].rstrip()}\n" for title in sorted(sections)))


@pytest.fixture(scope="module")
def report(request):
    """A module is a section: its TITLE, and WHAT_RAN beside the load."""
    report = Report(request.module.TITLE, request.module.WHAT_RAN)
    yield report
    if report.rows:
        report.write()
