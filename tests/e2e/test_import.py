"""`team-operator import` takes over what the service before this operator left of twenty teams, and the way back."""

import collections
import json
import secrets
import types

import pytest
import yaml

from support import legacy
from support.admin_api import Api
from support.gateway import GatewayProcess
from support.kube import TEAM, Follower
from support.operator_process import run_operator
from support.provisioning import PRINCIPAL, ServiceSide, operator_process
from support.teams import CHILD_KINDS, Teams
from support.waiting import eventually

NAMESPACE = "former"
STRATEGIC = "application/strategic-merge-patch+json"
OFF = {"enabled": False}


def former(org, node, *parts, replicas=1, config=None, tokens=1, edit=None):
    """A team as that service had it: which objects, and what the Config Service says of it."""
    return types.SimpleNamespace(org=org, node=node, parts=parts, replicas=replicas, config=config or {}, tokens=tokens,
                                 edit=edit or (lambda made: None))


def suspended(made):
    made[0]["spec"]["suspend"] = True


def another_image(made):
    container(made[0])["image"] = "registry.example.com/ai-pipeline:7"


def annotated(made):
    made[0]["metadata"]["annotations"] = {"contact": "ops@example.com"}


def larger(made):
    container(made[0])["resources"] = legacy.resources("1", "2Gi", "4", "8Gi")
    container(made[0])["env"].append({"name": "LOG_LEVEL", "value": "debug"})


def container(obj):
    spec = obj["spec"].get("jobTemplate", obj)["spec"]["template"]["spec"]
    return spec["containers"][0]


ALL = ("pipeline", "discovery", "agent")
# Names to that service: lower case, dashes, 20 and 30 characters.
FORMER = [
    former("initech", "platform-sre", *ALL),
    former("initech", "Payments_EU", *ALL, replicas=2),
    former("Acme_Corp", "payments", *ALL, replicas=3),
    former("acme.corp", "payments"),  # had the same names, and lost what it had
    former("acme.corp", "Check.Out_1", *ALL),
    former("umbra", "a" * 28, "pipeline"),
    former("umbra", "a" * 30 + "-the-longer-one", "pipeline", "agent"),
    former("umbra", "a" * 30),  # the same
    former("global-organisation1", "incident-response-emea-eu1", "agent"),  # too long for its CronJobs
    former("a", "b-c", "pipeline", "agent"),
    former("a-b", "c"),  # the same
    former("UPPER", "CASE", *ALL),
    former("upper", "case"),  # the same
    former("hooli", "sre", "pipeline", config={"ai_pipeline": {"enabled": True, "schedule": "0 2 * * *"}}),
    former("hooli", "ops", "discovery", config={"dependency_discovery": {"enabled": True, "schedule": "0 3 * * *"}},
           edit=annotated),
    former("hooli", "web", "pipeline", edit=suspended),
    former("hooli", "shared", tokens=2),
    former("hooli", "data", "pipeline", edit=another_image, tokens=0),
    former("hooli", "edge", "agent", edit=larger),
    former("hooli", "Mixed.Case_id", *ALL, replicas=2),
]
ORGS = sorted({team.org for team in FORMER})


def manifests(team):
    made = []
    for part in team.parts:
        built = getattr(legacy, part)(NAMESPACE, team.org, team.node)
        made += built if part == "agent" else [built]
    for obj in made:
        if obj["kind"] == "Deployment":
            obj["spec"]["replicas"] = team.replicas
    team.edit(made)
    return made


def in_service(team):
    routing = {"slack_channel_ids": [f"C0-{team.org}-{team.node}"], "team_id": team.node}
    config = {"routing": routing, "ai_pipeline": {"team_id": team.node}} | team.config
    if "agent" in team.parts:
        name = legacy.name_of("agent-dedicated", team.org, team.node)
        config["agent"] = {"dedicated_service_url": f"http://{name}.{NAMESPACE}.svc.cluster.local:8000"}
    return {"config": config, "tokens": [f"{secrets.token_hex(16)}.{secrets.token_urlsafe(16)}" for _ in range(team.tokens)]}


def seed():
    orgs = collections.defaultdict(lambda: {"config": {}, "teams": {}})
    for team in FORMER:
        orgs[team.org]["teams"][team.node] = in_service(team)
    return {"orgs": orgs}


class Availability:
    """The fewest available replicas that each Deployment had while this watched."""

    def __init__(self, kube):
        self.least = {}
        self.follower = Follower(kube, "Deployment", self.see, NAMESPACE)

    def see(self, event, obj):
        assert event != "DELETED", obj["metadata"]["name"]
        name = obj["metadata"]["name"]
        available = obj["status"].get("availableReplicas", 0)
        self.least[name] = min(self.least.get(name, available), available)

    def stop(self):
        self.follower.stop()
        return self.least


@pytest.fixture(scope="module")
def operator(platform_cluster, services, state):
    operator = operator_process(platform_cluster, state / "operator-import", services, drift_interval="1h").start()
    yield operator
    operator.close()


@pytest.fixture
def import_(platform_cluster, services, tmp_path):
    (tmp_path / "token").write_text(PRINCIPAL)

    def run(*args):
        done = run_operator("import", f"--kubeconfig={platform_cluster.kubeconfig}", f"--namespace={NAMESPACE}",
                            f"--config-service-token-file={tmp_path / 'token'}",
                            f"--connect-to=config-service:8080=127.0.0.1:{services.config_service.port}", *args, timeout=100)
        assert PRINCIPAL not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def kube(platform_cluster, services):
    kube = platform_cluster.kube
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for account in legacy.accounts(NAMESPACE):
        kube.apply(account)
    services.config_service.word("POST", "seed", seed())
    yield kube
    kube.delete("Namespace", None, NAMESPACE)


def objects(kube):
    """{(kind, name): object} of all that teams have, whoever made it."""
    return {(kind, o["metadata"]["name"]): o for kind in CHILD_KINDS for o in kube.list(kind, NAMESPACE, "incidentfox.io/org-id")}


def uids(kube):
    return {key: o["metadata"]["uid"] for key, o in objects(kube).items()}


def blocks(report):
    """{"org/node": its lines}"""
    found = {}
    for line in report.splitlines():
        if not line.startswith(" "):
            lines = found[line.split(":")[0]] = []
        lines.append(line)
    return found


def test_twenty_teams_are_adopted_and_given_back(platform_cluster, platform_pods, kube, operator, import_, services, database, state, tmp_path):
    made = {id(team): legacy.create(kube, *manifests(team)) for team in FORMER}
    replicas = {o["metadata"]["name"]: team.replicas for team in FORMER for o in made[id(team)] if o["kind"] == "Deployment"}
    assert len(replicas) == 10 and len(FORMER) == 20

    def available():
        return {o["metadata"]["name"]: o["status"].get("availableReplicas") for o in kube.list("Deployment", NAMESPACE)}

    eventually(lambda: available() == replicas)
    before = uids(kube)
    (tmp_path / "wrong").write_text("nobodys.token")
    refused = import_(f"--config-service-token-file={tmp_path / 'wrong'}")
    assert refused.returncode == 2 and refused.stdout == "" and "401" in refused.stderr and "nobodys" not in refused.stderr
    assert import_("--team=hooli/nobody").returncode == 2
    # ---------------------------------------------------------------- what would be done
    shown = import_(f"--org={','.join(ORGS)}")
    assert shown.returncode == 1, shown.stderr
    drafts = {(d["spec"]["orgId"], d["spec"]["teamNodeId"]): d for d in yaml.safe_load_all(shown.stdout)}
    assert set(drafts) == {(team.org, team.node) for team in FORMER}, shown.stderr
    kube.kubectl("apply", "--dry-run=server", "-f", "-", stdin=shown.stdout)
    assert not kube.list(TEAM, NAMESPACE) and uids(kube) == before
    report = blocks(shown.stderr)
    assert shown.stderr.splitlines()[-1] == "20 teams: 20 to import, 0 created, 0 exist already, 0 left out"
    for org, node in (("acme.corp", "payments"), ("umbra", "a" * 30), ("a-b", "c"), ("upper", "case")):
        assert any("would have been its name too" in line for line in report[f"{org}/{node}"]), report
    assert not any(" problem " in line or "would delete" in line for line in shown.stderr.splitlines()), shown.stderr
    lost = f"CronJob {NAMESPACE}/dep-discovery-hooli-ops loses metadata.annotations.contact, which a TeamProvisioning does not say"
    assert [line for line in shown.stderr.splitlines() if " loses " in line] == [f"  warning  {lost}"]
    assert "    @@ spec.template.spec.containers[agent].ports[http].containerPort" in report["UPPER/CASE"] or \
        any("with the changes of" in line for line in report["UPPER/CASE"])

    def spec(org, node):
        return drafts[org, node]["spec"]

    assert spec("hooli", "sre")["pipeline"] == {"source": "ConfigService", "bootstrap": "Never"}
    assert spec("hooli", "web")["pipeline"] == {"source": "Spec", "schedule": "0 2 * * *", "suspend": True, "bootstrap": "Never"}
    assert spec("hooli", "data")["pipeline"]["image"] == "registry.example.com/ai-pipeline:7"
    assert spec("hooli", "data")["auth"] == {"mode": "OIDC"} and "auth" not in spec("hooli", "shared")
    assert spec("hooli", "edge")["runtime"]["dedicated"] == {
        "resources": legacy.resources("1", "2Gi", "4", "8Gi"), "env": [{"name": "LOG_LEVEL", "value": "debug"}]}
    assert spec("Acme_Corp", "payments")["runtime"] == {"mode": "Dedicated", "dedicated": {"replicas": 3}}
    one = json.loads(import_("--output=json", "--team=hooli/sre", "--own-routing").stdout)
    assert [item["spec"]["routing"] for item in one["items"]] == [{"slackChannelIds": ["C0-hooli-sre"]}]

    # ---------------------------------------------------------------- and is done
    availability = Availability(kube)
    done = import_("--apply", f"--org={','.join(ORGS)}")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 20 and all(line.endswith(" created") for line in done.stdout.splitlines())
    teams = Teams(kube, NAMESPACE)
    ready = eventually(lambda: len(teams.ready()) == 20 and teams.ready(), 120)
    # The last roll-outs end, and the URLs follow them.
    eventually(lambda: available() == replicas)
    assert availability.stop() == replicas, "there were fewer agents than before"
    adopted = uids(kube)
    assert adopted.items() >= before.items(), "all is kept"
    # What comes with several replicas, as the report has said.
    budgets = {name for kind, name in adopted.keys() - before.keys() if kind == "PodDisruptionBudget"}
    assert len(budgets) == len(adopted) - len(before) == sum(count > 1 for count in replicas.values()), "something was made twice"
    assert all(f"  then     apply PodDisruptionBudget {NAMESPACE}/{name} (create)" in shown.stderr.splitlines() for name in budgets)
    for obj in objects(kube).values():
        assert len(obj["metadata"]["ownerReferences"]) == 1
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "team-operator"
    assert "contact" not in objects(kube)["CronJob", "dep-discovery-hooli-ops"]["metadata"]["annotations"], "as foreseen"
    revisions = collections.Counter(s["metadata"]["ownerReferences"][0]["name"] for s in kube.list("ReplicaSet", NAMESPACE))
    assert revisions == dict.fromkeys(replicas, 2), "more than one roll-out"
    by_key = {(t["spec"]["orgId"], t["spec"]["teamNodeId"]): t for t in ready}

    def service_side(team):
        return ServiceSide(services, team.node, team.org)

    def check_services():
        for team in FORMER:
            its = service_side(team)
            assert its.config()["routing"]["slack_channel_ids"] == [f"C0-{team.org}-{team.node}"]
            assert len(its.live_tokens("seed")) == team.tokens, "its tokens stay"
            assert len(its.live_tokens()) == (1 if team.tokens else 0)
            assert not its.bootstraps()
            url = (its.config().get("agent") or {}).get("dedicated_service_url")
            assert url == (by_key[team.org, team.node]["status"].get("serviceUrl") or None)
            assert (url is not None and url.endswith(":8080")) == ("agent" in team.parts)
        return True

    eventually(check_services)
    again = import_("--apply", f"--org={','.join(ORGS)}")
    assert (again.returncode, again.stdout) == (0, "") and "20 exist already" in again.stderr, again.stderr

    # The admin API goes on as if it had made them.
    with GatewayProcess(state / "gateway-import", database, services, "admin", platform_pods, team_namespace=NAMESPACE) as gateway:
        eventually(lambda: gateway.fetch("health-probe", "/readyz") == (200, "ok\n"), what="the TeamProvisionings are listed")
        was = teams.get("team-hooli-web")["spec"]
        status, answer = Api(gateway).call("POST", "schedules/team?wait=60", {
            "org_id": "hooli", "team_node_id": "web", "pipeline_schedule": "5 5 * * *", "suspend": False})
        assert status == 200, answer
    assert teams.get("team-hooli-web")["spec"] == was | {"pipeline": was["pipeline"] | {"schedule": "5 5 * * *", "suspend": False}}

    # ---------------------------------------------------------------- and back
    availability = Availability(kube)
    teams.delete_all()
    eventually(lambda: not teams.all())
    assert uids(kube) == adopted, "all is left"
    for obj in objects(kube).values():
        assert "ownerReferences" not in obj["metadata"]
    check_services()
    assert availability.stop() == replicas
    found = import_(f"--org={','.join(ORGS)}")
    assert found.returncode == 1 and " 20 to import" in found.stderr, "it could be taken over again"
    assert "and changes nothing but its labels" in found.stderr and "roll-out" not in found.stderr
    teams.apply("team-hooli-sre", org="hooli", node="another")
    taken = import_("--team=hooli/sre", "--apply")
    assert taken.returncode == 1 and "is that of hooli/another" in taken.stderr and taken.stdout == ""
    teams.delete("team-hooli-sre")
    # The service before finds its objects by their names, and writes over what it finds.
    for team in FORMER:
        for obj in manifests(team):
            if obj["kind"] == "Service":
                # Its patch would add a second port of the same name to that of the operator: docs/migration.md.
                kube.json_patch("Service", NAMESPACE, obj["metadata"]["name"],
                                [{"op": "replace", "path": "/spec/ports", "value": obj["spec"]["ports"]}])
                after = kube.call("PATCH", kube.path_of(obj), obj, STRATEGIC)
            else:
                after = kube.call("PUT", kube.path_of(obj), obj)
            assert after["metadata"]["uid"] == before[obj["kind"], obj["metadata"]["name"]]
            assert after["metadata"]["labels"].items() >= obj["metadata"]["labels"].items()
    assert uids(kube) == adopted
    eventually(lambda: available() == replicas)
