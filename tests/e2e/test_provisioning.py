"""From `kubectl apply` to Ready, with the names that the platform knows, and nothing left after deletion."""

import pytest
import yaml

from support.cluster import ROOT
from support.status_oracle import kstatus
from support.teams import LABELS, condition, dedicated, everything, is_ready, scheduled
from support.waiting import eventually

pytestmark = pytest.mark.minor
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def examples(kube, operator):
    """All examples, applied as their README says, in the namespace that they name."""
    kube.kubectl("create", "namespace", "incidentfox")
    kube.kubectl("apply", "-f", str(ROOT / "examples"))
    yield "incidentfox"
    kube.delete("Namespace", None, "incidentfox")
    for release in kube.list("AgentRelease"):  # teams of other tests would follow it
        kube.delete("AgentRelease", None, release["metadata"]["name"])


def test_the_examples_become_ready(kube, examples):
    kube.kubectl("wait", "-n", examples, "--for=condition=Ready", "tprov", "--all", "--timeout=60s")
    kube.kubectl("wait", "-n", examples, "--for=condition=Ready", "tprov/extend-platform-sre", "--timeout=60s")
    teams = kube.list("TeamProvisioning", examples)
    applied = [doc for file in EXAMPLES for doc in yaml.safe_load_all(file.read_text())]
    assert len(teams) == sum(doc["kind"] == "TeamProvisioning" for doc in applied)
    assert {kstatus(team) for team in teams} == {"Current"}


def test_names_are_the_ones_that_the_platform_knows(kube, examples):
    kube.kubectl("wait", "-n", examples, "--for=condition=Ready", "tprov", "--all", "--timeout=60s")
    made = {(kind, o["metadata"]["name"]) for kind in ("CronJob", "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget")
            for o in kube.list(kind, examples, LABELS)}
    agent = "agent-dedicated-extend-platform-sre"
    assert made >= {("CronJob", "ai-pipeline-extend-platform-sre"), ("CronJob", "dep-discovery-extend-platform-sre"),
                    ("Deployment", agent), ("Service", agent), ("NetworkPolicy", agent), ("PodDisruptionBudget", agent)}
    assert made >= {("CronJob", "ai-pipeline-acme-checkout"), ("Deployment", "agent-dedicated-acme-payments")}
    full = kube.get("TeamProvisioning", examples, "extend-platform-sre")
    assert full["status"]["serviceUrl"] == f"http://{agent}.{examples}.svc.cluster.local:8080"
    listed = {(entry["kind"], entry["name"]) for entry in full["status"]["inventory"]}
    assert listed == {(kind, name) for kind, name in made if name.endswith("extend-platform-sre")}


def test_get_reads_well(kube, examples):
    kube.kubectl("wait", "-n", examples, "--for=condition=Ready", "tprov", "--all", "--timeout=60s")
    text = kube.kubectl("get", "tprov", "-n", examples, "-o", "wide")
    (row,) = [line for line in text.splitlines() if line.startswith("extend-platform-sre")]
    assert row.split()[:7] == ["extend-platform-sre", "extend", "platform-sre", "Dedicated", "2026.11", "True", "Provisioned"]
    assert "30 2 * * MON-FRI" in row and row.endswith("everything that the team asked for is in place")


def test_applying_again_changes_nothing(kube, examples):
    kube.kubectl("wait", "-n", examples, "--for=condition=Ready", "tprov", "--all", "--timeout=60s")
    before = {t["metadata"]["uid"]: t["metadata"]["resourceVersion"] for t in kube.list("TeamProvisioning", examples)}
    said = kube.kubectl("apply", "-f", str(ROOT / "examples"))
    assert all(line.endswith("unchanged") for line in said.splitlines()), said
    assert before == {t["metadata"]["uid"]: t["metadata"]["resourceVersion"] for t in kube.list("TeamProvisioning", examples)}


def test_pods_run_with_what_the_team_asked_for(kube, operator, teams):
    teams.apply("sized", runtime=dedicated(
        resources={"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "3", "memory": "6Gi"}},
        env=[{"name": "LOG_LEVEL", "value": "debug"}], image="registry.example.com/agent:1.2.3", containerPort=9000))
    (team,) = eventually(lambda: teams.ready("sized"))
    (pod,) = kube.list("Pod", teams.namespace)
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "registry.example.com/agent:1.2.3"
    assert container["resources"]["limits"] == {"cpu": "3", "memory": "6Gi"}
    assert {"name": "LOG_LEVEL", "value": "debug"} in container["env"]
    assert pod["spec"]["automountServiceAccountToken"] is False and pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert team["status"]["serviceUrl"].endswith(":9000")
    (service,) = teams.children("Service").values()
    assert [(p["port"], p["targetPort"]) for p in service["spec"]["ports"]] == [(9000, 9000)]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_service_accounts_are_made_where_they_are_missing_and_left_where_they_are(kube, operator, teams):
    own = {"apiVersion": "v1", "kind": "ServiceAccount",
           "metadata": {"namespace": teams.namespace, "name": "ai-pipeline", "annotations": {"example.com/role": "kept"}}}
    uid = kube.create(own)["metadata"]["uid"]
    teams.apply("accounts", **everything())
    eventually(lambda: teams.ready("accounts"))
    accounts = {a["metadata"]["name"]: a for a in kube.list("ServiceAccount", teams.namespace)}
    assert accounts.keys() >= {"ai-pipeline", "dependency-discovery", "incidentfox-agent"}
    assert accounts["ai-pipeline"]["metadata"]["uid"] == uid
    assert accounts["ai-pipeline"]["metadata"]["annotations"] == {"example.com/role": "kept"}
    assert not any(m["manager"] == "team-operator" for m in accounts["ai-pipeline"]["metadata"]["managedFields"])
    for account in ("dependency-discovery", "incidentfox-agent"):
        assert accounts[account]["automountServiceAccountToken"] is False
        assert "ownerReferences" not in accounts[account]["metadata"], "it would go with the first team of the namespace"


def test_url_is_published_only_when_the_agent_can_answer(kube, operator, teams):
    teams.apply("nowhere", runtime=dedicated(nodeSelector={"no-such": "node"}))

    def waiting():
        team = teams.get("nowhere")
        assert condition(team, "AgentAvailable").get("status") == "False"
        assert condition(team, "Ready")["status"] == "False" and condition(team, "Reconciling")["status"] == "True"
        assert "serviceUrl" not in team["status"]
        return team

    assert kstatus(eventually(waiting)) == "InProgress"
    teams.change("nowhere", runtime={"dedicated": {"nodeSelector": None}})
    (team,) = eventually(lambda: teams.ready("nowhere"))
    assert team["status"]["serviceUrl"] == f"http://agent-dedicated-acme-nowhere.{teams.namespace}.svc.cluster.local:8080"


def test_a_roll_out_that_fails_is_stalled_and_recovers(kube, operator, teams):
    """The deadline of a roll-out is ten minutes; the controller's verdict is written in its place."""
    teams.apply("slow", runtime=dedicated(nodeSelector={"no-such": "node"}))
    deployment = ("Deployment", teams.namespace, "agent-dedicated-acme-slow")
    eventually(lambda: (kube.get(*deployment) or {}).get("status", {}).get("observedGeneration"))

    def stalled():
        verdict = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out",
                   "lastUpdateTime": "2024-01-01T00:00:00Z", "lastTransitionTime": "2024-01-01T00:00:00Z"}
        live = kube.get(*deployment)
        others = [c for c in live["status"].get("conditions", []) if c["type"] != "Progressing"]
        kube.merge(*deployment, {"status": {"conditions": [*others, verdict]}}, subresource="status")
        team = teams.get("slow")
        assert condition(team, "Stalled").get("reason") == "ProgressDeadlineExceeded", team.get("status")
        return team

    assert kstatus(eventually(stalled)) == "Failed"
    teams.change("slow", runtime={"dedicated": {"nodeSelector": None}})
    eventually(lambda: teams.ready("slow"))


def test_requests_are_answered_in_the_status(kube, operator, teams):
    teams.apply("asked", pipeline=scheduled())
    eventually(lambda: teams.ready("asked"))
    kube.merge("TeamProvisioning", teams.namespace, "asked", {"metadata": {"annotations": {"incidentfox.io/requestedAt": "now"}}})
    eventually(lambda: teams.get("asked")["status"].get("lastHandledReconcileAt") == "now")
    assert is_ready(teams.get("asked"))


def test_nothing_is_left_after_deletion(kube, operator, teams):
    teams.apply("gone", **everything())
    eventually(lambda: teams.ready("gone"))
    assert len(teams.children()) == 6
    kube.kubectl("delete", "-n", teams.namespace, "tprov/gone", "--timeout=90s")
    eventually(lambda: not teams.children() and not kube.list("Pod", teams.namespace))


def test_a_namespace_goes_with_its_teams(kube, operator, teams):
    teams.apply("one", **everything())
    teams.apply("two", pipeline=scheduled(), deletionPolicy={"children": "Orphan"})
    eventually(teams.ready)
    kube.delete("Namespace", None, teams.namespace)
    eventually(lambda: kube.get("Namespace", None, teams.namespace) is None, 120)
