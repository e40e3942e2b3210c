"""Fixtures that all suites share. See support/ for what is behind them."""

import itertools
import os
import pathlib
import re

import pytest

from support.cluster import Cluster
from support.teams import Teams

FIGURES = []
COUNTER = itertools.count(1)


@pytest.fixture(scope="session")
def state():
    """A directory for logs and other leavings, kept after the run."""
    path = pathlib.Path(os.environ["TP_STATE"])
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="session")
def cluster():
    """The cluster of the run, with the chart installed. Nothing may break it."""
    cluster = Cluster.of_environment()
    cluster.install_chart()
    yield cluster
    cluster.uninstall_chart()


@pytest.fixture(scope="session")
def kube(cluster):
    return cluster.kube


@pytest.fixture
def namespaces(kube, request):
    """Makes namespaces of the test's own; they are deleted afterwards, without waiting for it."""
    made = []
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-")

    def make():
        name = f"{test}-{next(COUNTER)}"
        kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        made.append(name)
        return name

    yield make
    for name in made:
        Teams(kube, name).delete_all()
        kube.delete("Namespace", None, name)


@pytest.fixture
def namespace(namespaces):
    return namespaces()


@pytest.fixture
def teams(kube, namespace):
    return Teams(kube, namespace)


@pytest.fixture(scope="session")
def figure():
    """figure("what", 0.123, "s"): shown at the end of the run. A figure is never asserted but with a generous bound."""

    def note(what, value, unit=""):
        FIGURES.append(f"{what}: {value:.3f} {unit}" if isinstance(value, float) else f"{what}: {value} {unit}")

    return note


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        for text in FIGURES:
            terminalreporter.write_line(text.rstrip())
