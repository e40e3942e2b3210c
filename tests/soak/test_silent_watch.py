"""A watch whose connection lives and which shows nothing more, as behind a proxy or a load balancer that lies."""

import pytest

from support.access import Access
from support.api_proxy import ApiProxy
from support.cluster import OwnCluster
from support.operator_process import OperatorProcess
from support.teams import Teams, scheduled
from support.waiting import Stopwatch, eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

REPLACED = 240  # seconds: the longest stream and its grace


def test_a_silent_watch_is_replaced(state, figure):
    with OwnCluster(state / "silent-cluster") as cluster, ApiProxy(cluster) as proxy:
        cluster.install_chart()
        cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "silent"}})
        teams = Teams(cluster.kube, "silent")
        operator = OperatorProcess(cluster, state / "operator-silent", resync_interval="10h",
                                   kubeconfig=Access(cluster, state / "silent", proxy.url).kubeconfig)
        operator.start()
        try:
            teams.apply("team", pipeline=scheduled("1 0 * * *"))
            eventually(lambda: teams.ready("team"), 60)
            proxy.mute("teamprovisionings")
            watch = Stopwatch()
            teams.change("team", pipeline={"schedule": "2 0 * * *"})
            eventually(lambda: any(job["spec"]["schedule"] == "2 0 * * *" for job in teams.children("CronJob").values()), REPLACED)
            figure("an edit followed after its watch fell silent", float(watch), "s")
            eventually(lambda: teams.ready("team"), 60)
            assert operator.probe("/livez") == operator.probe("/readyz") == 200
        finally:
            operator.close()
