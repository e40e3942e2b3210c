"""An API server that has just begun: the operator waits for it, says for what, and is ready by itself."""

import itertools
import json

import pytest

from support.access import Access
from support.api_proxy import ApiProxy
from support.operator_process import OperatorProcess
from support.teams import Teams, scheduled
from support.waiting import eventually

pytestmark = pytest.mark.fault

RETRY_AFTER = 3  # seconds; left alone the operator would try again within 1.2


def test_refused_and_kept_waiting_at_the_start(broken, state, figure):
    broken.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "slow-start"}})
    teams = Teams(broken.kube, "slow-start")
    with ApiProxy(broken) as proxy:
        proxy.refuse("teamprovisionings", RETRY_AFTER)
        proxy.hold("cronjobs")
        access = Access(broken, state / "slow-start", proxy.url)
        operator = OperatorProcess(broken, state / "operator-slow-start", resync_interval="10h", kubeconfig=access.kubeconfig)
        operator.start(wait=False)
        try:
            def waits_for_both():
                code, text = operator.fetch("health-probe", "/readyz")
                assert code == 503 and len(text.splitlines()) == 2, text
                assert "not synced: teamprovisionings (" in text and "not synced: cronjobs (" in text, text
                return True

            eventually(waits_for_both)
            teams.apply("team", pipeline=scheduled())
            eventually(lambda: len(proxy.asked["teamprovisionings"]) >= 3)
            assert all(after - before >= RETRY_AFTER for before, after in itertools.pairwise(proxy.asked["teamprovisionings"][:3]))
            assert waits_for_both() and operator.probe("/healthz") == operator.probe("/livez") == 200
            operator.assert_running()
            said = [json.loads(line) for line in operator.log.read_text().splitlines() if "test: not yet" in line]
            assert [(entry["level"], entry["resource"]) for entry in said] == [("warn", "teamprovisionings.incidentfox.io")], said
            proxy.behave()
            operator.wait_until_ready()
            eventually(lambda: teams.ready("team"))
            assert len(proxy.asked["cronjobs"]) > 0
        finally:
            operator.close()
            teams.delete_all()
