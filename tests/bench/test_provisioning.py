"""How fast teams come by the admin API. Nothing here asserts a duration; outcomes are asserted."""

import concurrent.futures
import time

import pytest

from support import provisioning
from support.admin_api import NAMESPACE, Api
from support.cluster import OwnCluster
from support.gateway import GatewayProcess
from support.gateway_chart import GatewayPods
from support.stubs import StubServices
from support.waiting import eventually

TITLE = "provisioning"
WHAT_RAN = ("POST /api/v1/admin/provision/team, which answers when the team is Ready: its node, routing and token in the (stub) Config "
            "Service, its bootstrap, and what it has in the cluster. Beside it ran all that, a control plane and PostgreSQL.")
CLIENTS = 20

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def api(state, database, migrated):
    with OwnCluster(state / "bench-provisioning") as cluster, StubServices(state / "bench-services", provisioning.SEED) as services:
        provisioning.install(cluster)
        cluster.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        operator = provisioning.operator_process(cluster, state / "operator-bench", services).start()
        with GatewayProcess(state / "gateway-bench", database, services, "admin", GatewayPods(cluster, state, migrated)) as gateway:
            eventually(lambda: gateway.fetch("health-probe", "/readyz") == (200, "ok\n"), 30)
            yield Api(gateway)
        operator.close()


def measured(api, report, what, requests):
    def one(team_and_body):
        team, body = team_and_body
        began = time.monotonic()
        status, answer = api.provision(team, **body)
        assert status in (200, 202), answer
        return time.monotonic() - began

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        times = sorted(pool.map(one, requests))
    took = time.monotonic() - began
    report.add(what, f"p50 {times[len(times) // 2]:.2f} s, p99 {times[int(len(times) * 0.99)]:.2f} s, {len(times) / took:.0f} a second")


def test_provisions(api, report):
    measured(api, report, "200 different teams, shared, 20 clients", [(f"shared-{i}", {}) for i in range(200)])
    measured(api, report, "100 different teams, dedicated and scheduled, 20 clients",
             [(f"dedicated-{i}", {"pipeline_schedule": "0 2 * * *", "deployment_mode": "dedicated"}) for i in range(100)])
    measured(api, report, "20 provisions of one team at once", [("one", {"pipeline_schedule": f"{i} 2 * * *"}) for i in range(20)])
    measured(api, report, "200 teams once more, which changes nothing, 20 clients", [(f"shared-{i}", {}) for i in range(200)])
