"""Fixtures that all suites share. See support/ for what is behind them."""

import contextlib
import itertools
import os
import pathlib
import re

import pytest

from support import platform
from support.cluster import Cluster, OwnCluster
from support.gateway import GatewayProcess, migrate
from support.gateway_chart import GatewayPods
from support.postgres import INGEST_ROLE, WORKER_ROLE, OwnServer, Server
from support.provisioning import HELM_ALONE
from support.stubs import StubServices
from support.teams import Teams

FIGURES = []
COUNTER = itertools.count(1)
# With `-n 3` (pytest-xdist) three processes share the files of a suite. The first has the servers that `./dev` has started, any
# other starts its own: a test may look at all that is in its cluster.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")


@pytest.fixture(scope="session")
def state():
    """A directory for logs and other leavings, kept after the run."""
    path = pathlib.Path(os.environ["TP_STATE"]) / WORKER
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="session")
def cluster(state):
    """The cluster of the run, with the chart installed. Nothing may break it."""
    with contextlib.ExitStack() as stack:
        cluster = Cluster.of_environment() if WORKER == "gw0" else stack.enter_context(OwnCluster(state / "cluster"))
        cluster.install_chart(*HELM_ALONE)
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


# ---------------------------------------------------------------- the gateway and what is around it


@pytest.fixture(scope="session")
def postgres(state):
    """The database server of the run. Nothing may break it."""
    with contextlib.ExitStack() as stack:
        server = Server.of_environment() if WORKER == "gw0" else stack.enter_context(OwnServer(state / "postgres"))
        server.make_roles()
        yield server


@pytest.fixture(scope="session")
def migrated(postgres):
    """A database with the gateway's tables, to copy; nobody connects to it."""
    database = postgres.create()
    migrate(database, f"--ingest-role={INGEST_ROLE}", f"--worker-role={WORKER_ROLE}")
    yield database
    database.drop()


@pytest.fixture
def database(postgres, migrated):
    """One of the test's own, with the gateway's tables."""
    database = postgres.create(template=migrated)
    yield database
    database.drop()


@pytest.fixture
def own_postgres(state, request):
    """A server of the test's own to break: (server, database with the gateway's tables)."""
    with OwnServer(state / f"postgres-{request.node.name}") as server:
        server.make_roles()
        database = server.create()
        migrate(database, f"--ingest-role={INGEST_ROLE}", f"--worker-role={WORKER_ROLE}")
        yield server, database


@pytest.fixture
def stubs(state, request):
    """The platform's services, with the ten teams of support/platform.py."""
    with StubServices(state / f"stubs-{request.node.name}", platform.seed()) as stubs:
        yield stubs


@pytest.fixture(scope="session")
def pods(cluster, state, migrated):
    """What the chart gives the gateway's processes on the cluster of the run."""
    pods = GatewayPods(cluster, state, migrated)
    yield pods
    pods.close()


@pytest.fixture
def gateways(state, stubs, pods, request):
    """gateways(database, roles=("webhooks",), claim_lease="2s") starts one; all are stopped, and their logs judged, at the end."""
    with contextlib.ExitStack() as stack:
        def make(database, start=True, **settings):
            directory = state / f"gateway-{request.node.name}-{next(COUNTER)}"
            gateway = GatewayProcess(directory, database, stubs, pods=pods, **settings)
            stack.callback(gateway.close)
            return gateway.start() if start else gateway

        yield make


@pytest.fixture(scope="session")
def figure():
    """figure("what", 0.123, "s"): shown at the end of the run. A figure is never asserted but with a generous bound."""

    def note(what, value, unit=""):
        FIGURES.append(f"{what}: {value:.3f} {unit}" if isinstance(value, float) else f"{what}: {value} {unit}")

    return note


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = FIGURES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Figures of another process (pytest-xdist)."""
    FIGURES.extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        for text in FIGURES:
            terminalreporter.write_line(text.rstrip())
