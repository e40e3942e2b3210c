"""The operator's role is exactly what it does: nothing that it asks for is refused, and nothing that it may do is unused.

What this module makes happens once more all that needs a right, so that it can be run alone. It looks at everything that
the operator has asked for since the first of these tests, though, and so it comes last (see conftest.py).
"""

import pytest

from support import rights
from support.kube import TEAM_API
from support.provisioning import annotate
from support.teams import everything, reason, scheduled
from support.waiting import eventually


def told_twice(kube, teams, name):
    """Something to tell of that happens again: a name that is taken, and looked at once more."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": teams.namespace, "name": f"agent-dedicated-acme-{name}"},
               "spec": {"ports": [{"port": 1}]}}
    kube.create(service)
    teams.change(name, runtime={"mode": "Dedicated"})
    eventually(lambda: reason(teams.get(name)) == "Conflict")
    annotate(teams, name, requested_at="again")
    eventually(lambda: any("series" in e for e in kube.list("Event", teams.namespace)))
    teams.change(name, runtime={"mode": "Shared"})
    eventually(lambda: not teams.children())
    kube.delete("Service", teams.namespace, service["metadata"]["name"])


@pytest.fixture
def all_done(kube, operator, teams):
    kube.apply({"apiVersion": TEAM_API, "kind": "AgentRelease", "metadata": {"name": "rights"}, "spec": {"agentImage": "agent:1"}})
    teams.apply("rights", release="rights", **everything(deletionPolicy={"children": "Orphan"}))
    eventually(lambda: teams.ready("rights"))
    eventually(lambda: kube.get("AgentRelease", None, "rights")["status"]["teams"] == 1)
    for (kind, name), before in teams.children().items():  # a look at what has our name, to see whose it is: get
        labels = before["metadata"]["labels"]
        kube.merge(kind, teams.namespace, name, {"metadata": {"labels": None}})
        eventually(lambda k=kind, n=name, wanted=labels: kube.get(k, teams.namespace, n)["metadata"].get("labels") == wanted)
    teams.change("rights", runtime={"mode": "Shared"}, dependencyDiscovery=None)
    eventually(lambda: len(teams.children()) == 1)
    teams.change("rights", pipeline=None)
    eventually(lambda: not teams.children())
    told_twice(kube, teams, "rights")
    teams.change("rights", pipeline=scheduled())
    eventually(lambda: teams.ready("rights"))
    teams.delete("rights")
    eventually(lambda: not teams.all())
    kube.delete("AgentRelease", None, "rights")


def test_no_request_is_refused_and_no_right_unused(all_done, audit, session_start):
    audit.quiet(audit.mark())
    requests = audit.requests(session_start)
    assert [str(r) for r in requests if r.forbidden] == []
    used = rights.used(requests)
    unused = rights.granted() - used
    assert sorted(right for right in unused if right[2] != rights.FALL_BACK) == []
    assert sorted(used - rights.granted()) == []
