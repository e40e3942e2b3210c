"""One operator for all suites that break nothing, and the judge of every status that it writes."""

import pathlib

import pytest

from support.cluster import OwnCluster
from support.gateway_chart import GatewayPods
from support.operator_process import OperatorProcess
from support.provisioning import SEED, install
from support.status_oracle import StatusOracle
from support.stubs import StubServices


@pytest.fixture(scope="session")
def session_start(cluster):
    """Where the audit log stood before the first operator."""
    return cluster.audit.mark() if cluster.audit else None


@pytest.fixture(scope="session")
def operator(cluster, state, session_start):
    """Resyncs so rarely that everything it does, it does because of an event."""
    oracle = StatusOracle(cluster.kube)
    operator = OperatorProcess(cluster, state / "operator", resync_interval="10h").start()
    yield operator
    operator.close()
    oracle.stop()
    assert oracle.judged > 0


@pytest.fixture(scope="session")
def platform_cluster(state):
    """A control plane whose operator looks after teams in the Config Service too."""
    with OwnCluster(state / "platform-cluster") as cluster:
        install(cluster)
        yield cluster


@pytest.fixture(scope="session")
def platform_pods(platform_cluster, state, migrated):
    """What the chart gives the gateway's processes there."""
    return GatewayPods(platform_cluster, state / "platform-pods", migrated)


@pytest.fixture(scope="session")
def broken(state):
    """A control plane that tests may break, if they mend it again."""
    with OwnCluster(state / "fault-cluster") as cluster:
        cluster.install_chart()
        yield cluster


@pytest.fixture(scope="session")
def services(state):
    """What that operator talks to."""
    with StubServices(state / "platform-stubs", SEED) as stubs:
        yield stubs


@pytest.fixture
def audit(cluster):
    if cluster.audit is None:
        pytest.skip("needs the audit log of a cluster of its own")
    return cluster.audit


def group_of(item):
    """Tests that processes may not share out (pytest-xdist, --dist loadgroup): what one cluster's operator did is looked at as a whole
    by some of them. What has all to itself may run anywhere."""
    if "gateway" in item.path.parts or {"broken", "own_postgres"} & set(item.fixturenames):
        return item.module.__name__.rpartition(".")[2]
    return "platform" if "platform_cluster" in item.fixturenames else "cluster"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.module.__name__ == "test_rights")
    for item in items:
        if item.path.is_relative_to(pathlib.Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group(group_of(item)))


def pytest_collection_finish(session):
    """With some versions of pytest pytest-xdist groups nothing, and says nothing; tests would fail for what others left."""
    if session.config.getoption("loadgroup", False):
        assert all("@" in item.nodeid for item in session.items), "pytest-xdist has not grouped the tests"
