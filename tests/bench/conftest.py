"""Collects rows for docs/benchmarks.md and writes it anew at the end of a run."""

import os
import pathlib
import subprocess
import time

import pytest

from support.cluster import ROOT

HEAD = """# Benchmarks

Written by `./dev bench` on {date}, commit {commit}: {cpus} cores ({model}), everything on one machine: kube-apiserver, etcd, the controllers, kwok,
the load and the operator (release build). Shared machines are noisy: compare figures of one run, not of two.

| what | figure |
|---|---|
"""


class Report:
    def __init__(self):
        self.rows = []

    def add(self, what, value):
        self.rows.append(f"| {what} | {value} |")
        print(f"{what}: {value}")

    def write(self):
        model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                      if line.startswith("model name")), "unknown processor")
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        head = HEAD.format(date=time.strftime("%Y-%m-%d", time.gmtime()), commit=commit or "unknown", cpus=os.cpu_count(), model=model)
        (ROOT / "docs" / "benchmarks.md").write_text(head + "\n".join(self.rows) + "\n")


@pytest.fixture(scope="session")
def report():
    report = Report()
    yield report
    report.write()
