"""The admin API writes TeamProvisionings, and the operator makes the teams: both with their own rights, on a control plane."""

import concurrent.futures
import itertools
import json
import time

import pytest

from support import provisioning, webhooks
from support.admin_api import NAMESPACE, Api
from support.cluster import OwnCluster
from support.gateway import ROLES, GatewayProcess
from support.gateway_chart import GatewayPods
from support.kube import TEAM, Kube
from support.platform import states
from support.stubs import StubServices
from support.waiting import eventually

ORG = provisioning.ORG
CONFIG = """
endpoints:
- {name: teams, kind: provisioning, org: acme, eventType: /type}
secrets:
- {source: generic, endpoint: teams, file: SECRET}
"""
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def platform_services(state):
    with StubServices(state / "stubs-admin-provisioning", provisioning.SEED) as stubs:
        yield stubs


@pytest.fixture(scope="module")
def plane(state, platform_services):
    """A control plane of its own with an operator that serves the Config Service's part too."""
    with OwnCluster(state / "provisioning-cluster") as cluster:
        provisioning.install(cluster)
        cluster.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        operator = provisioning.operator_process(cluster, state / "operator-admin-provisioning", platform_services).start()
        yield cluster
        operator.close()


@pytest.fixture(scope="module")
def plane_pods(plane, state, migrated):
    return GatewayPods(plane, state / "plane-pods", migrated)


@pytest.fixture
def gateway(plane_pods, platform_services, database, state):
    directory = state / f"gateway-provisioning-{next(NUMBERS)}"
    directory.mkdir(parents=True)
    (directory / "secret").write_text(webhooks.SECRETS["generic"])
    (directory / "gateway.yaml").write_text(CONFIG.replace("SECRET", str(directory / "secret")))
    with GatewayProcess(directory, database, platform_services, pods=plane_pods, config=directory / "gateway.yaml") as gateway:
        eventually(lambda: gateway.fetch("health-probe", "/readyz") == (200, "ok\n"), 30, "the TeamProvisionings are listed")
        yield gateway


@pytest.fixture
def api(gateway):
    return Api(gateway)


@pytest.fixture
def team():
    return f"admin-team-{next(NUMBERS)}"


def resource(plane, team, org=ORG):
    found = [t for t in plane.kube.list(TEAM) if (t["spec"]["orgId"], t["spec"]["teamNodeId"]) == (org, team)]
    return found[0] if found else None


def provisioned(api, team, **body):
    status, answer = api.provision(team, **body)
    assert (status, answer["status"]) == (200, "succeeded"), answer
    return answer


def test_a_team_is_provisioned_and_its_token_is_shown_once(api, plane, team, platform_services):
    answer = provisioned(api, team, slack_channel_ids=[f"C-{team}"], pipeline_schedule="0 2 * * *", deployment_mode="dedicated")
    assert {"provisioning_run_id", "status", "team_node_id", "org_id", "team_id", "team_token", "pipeline_bootstrap", "pipeline_cronjob",
            "dedicated_deployment", "error"} <= set(answer)
    assert answer["pipeline_cronjob"]["schedule"] == "0 2 * * *" and answer["dedicated_deployment"]["service_url"]
    assert answer["pipeline_bootstrap"] and answer["error"] is None
    token = answer["team_token"]
    side = provisioning.ServiceSide(platform_services, team)
    assert side.live_tokens() == {token.partition(".")[0]}
    assert side.config()["routing"]["slack_channel_ids"] == [f"C-{team}"]
    assert provisioned(api, team)["team_token"] is None
    assert resource(plane, team)["metadata"]["name"] == f"team-{ORG}-{team}"

    status, run = api.call("GET", f"provision/runs/{answer['provisioning_run_id']}")
    assert status == 200 and run["status"] == "succeeded" and set(run) == {"provisioning_run_id", "status", "steps", "error"}
    status, deployment = api.call("GET", f"teams/{ORG}/{team}/deployment")
    assert status == 200 and deployment["mode"] == "dedicated" and deployment["ready_replicas"] == 1
    status, pipeline = api.call("GET", f"teams/{ORG}/{team}/pipeline")
    assert status == 200 and pipeline["configured"] is True and pipeline["schedule"] == "0 2 * * *"


def test_a_key_stands_for_one_request(api, team):
    first = provisioned(api, team, idempotency_key="k", pipeline_schedule="0 2 * * *")
    again = provisioned(api, team, idempotency_key="k", pipeline_schedule="0 2 * * *")
    assert again["provisioning_run_id"] == first["provisioning_run_id"]
    status, other = api.provision(team, idempotency_key="k", pipeline_schedule="0 3 * * *")
    assert status == 409 and other["provisioning_run_id"] == first["provisioning_run_id"]


def test_what_a_request_omits_stays(api, plane, team):
    provisioned(api, team, slack_channel_ids=[f"C-{team}"], pipeline_schedule="0 2 * * *", deployment_mode="dedicated")
    spec = resource(plane, team)["spec"]
    provisioned(api, team)
    assert resource(plane, team)["spec"] == spec
    provisioned(api, team, slack_channel_ids=[], pipeline_schedule=None, deployment_mode="shared")
    spec = resource(plane, team)["spec"]
    assert spec["routing"]["slackChannelIds"] == [] and "schedule" not in spec.get("pipeline", {}) and spec["runtime"]["mode"] == "Shared"


def test_a_channel_of_another_team_is_a_conflict(api, plane, team, platform_services):
    channel = f"C-{team}"
    provisioned(api, team, slack_channel_ids=[channel])
    status, answer = api.provision(f"{team}-rival", slack_channel_ids=[channel])
    assert status == 409 and team in answer["detail"]
    status, run = api.call("GET", f"provision/runs/{answer['provisioning_run_id']}")
    assert (status, run["status"]) == (200, "failed")
    assert resource(plane, f"{team}-rival") is None
    platform_services.config_service.word("POST", "seed", {"orgs": {"rival": {"admin_tokens": ["rival.secret"]}}})
    assert api.call("GET", f"provision/runs/{answer['provisioning_run_id']}", token="rival.secret")[0] in (403, 404)


def test_a_field_of_another_manager_is_a_conflict_and_nothing_changes(api, plane, team):
    """A7"""
    plane.kube.apply({"apiVersion": "incidentfox.io/v1alpha1", "kind": TEAM, "metadata": {"namespace": NAMESPACE, "name": f"gitops-{team}"},
                      "spec": {"orgId": ORG, "teamNodeId": team, "pipeline": {"schedule": "0 1 * * *"}}}, manager="argocd")
    eventually(lambda: api.schedules(team, wait=0)[0] != 404, 30, "the gateway has seen the resource")
    before = resource(plane, team)["spec"]
    for value in ("0 3 * * *", None):
        status, answer = api.provision(team, pipeline_schedule=value, deployment_mode="dedicated")
        assert status == 409 and "argocd" in answer["detail"] and "spec.pipeline.schedule" in answer["detail"], answer
    assert resource(plane, team)["spec"] == before
    # What nobody owns may be changed, and two calls on different fields hold both.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        calls = [pool.submit(api.provision, team, deployment_mode="dedicated"), pool.submit(api.provision, team, slack_channel_ids=[f"C-{team}"])]
        assert {call.result()[0] for call in calls} == {200}
    spec = resource(plane, team)["spec"]
    assert spec["runtime"]["mode"] == "Dedicated" and spec["routing"]["slackChannelIds"] == [f"C-{team}"]
    assert spec["pipeline"]["schedule"] == "0 1 * * *"


def test_schedules_are_set_and_removed(api, plane, team):
    assert api.schedules(team, pipeline_schedule="0 2 * * *")[0] == 404
    provisioned(api, team)
    status, answer = api.schedules(team, pipeline_schedule="0 4 * * *", time_zone="Europe/Berlin", dependency_discovery_schedule="0 5 * * *")
    assert status == 200 and answer["ok"] and answer["pipeline_cronjob"]["schedule"] == "0 4 * * *", answer
    assert answer["dependency_discovery_cronjob"]["schedule"] == "0 5 * * *"
    status, answer = api.schedules(team, pipeline_schedule=None, time_zone=None, dependency_discovery_schedule=None)
    assert status == 200 and answer["pipeline_cronjob"] is None and answer["dependency_discovery_cronjob"] is None, answer


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_team_is_deprovisioned(api, plane, team, method, platform_services):
    provisioned(api, team, slack_channel_ids=[f"C-{team}"], pipeline_schedule="0 2 * * *")
    status, dry = api.deprovision(team, dry_run=True)
    assert status == 200 and dry["dry_run"] and dry["deleted"]["CronJob"] and dry["deleted"]["token_secret"]
    assert resource(plane, team) is not None
    if method == "DELETE":
        status, answer = api.provision(team, method="DELETE", delete_team_config=True)
    else:
        status, answer = api.deprovision(team, delete_team_config=True)
    assert status == 200 and answer["ok"] and answer["errors"] == [], answer
    assert resource(plane, team) is None
    assert not provisioning.ServiceSide(platform_services, team).live_tokens()
    assert api.deprovision(team)[0] == 404


def test_what_stays_in_kubernetes_when_it_is_asked_for(api, plane, team):
    provisioned(api, team, pipeline_schedule="0 2 * * *")
    name = next(entry["name"] for entry in resource(plane, team)["status"]["inventory"] if entry["kind"] == "CronJob")
    status, answer = api.deprovision(team, delete_k8s_resources=False)
    assert status == 200 and answer["ok"], answer
    assert plane.kube.get("CronJob", NAMESPACE, name)


def test_bad_requests(api, team):
    assert api.provision(team, wait=61)[0] == 400
    assert api.provision(team, deployment_mode="banana")[0] == 422
    assert api.provision(team, pipeline_schedule="not cron")[0] == 422
    assert api.provision("../x")[0] == 422
    assert api.call("GET", "provision/runs/not-an-id")[0] == 404
    status, answer = api.provision(team, wait=0)
    assert status == 202 and answer["status"] == "running" and answer["team_token"] is None


def test_runs_go_on_after_a_restart_of_the_gateway(api, plane, team, gateway):
    _, answer = api.provision(team, wait=0, pipeline_schedule="0 2 * * *")
    gateway.kill()
    gateway.start()

    def ended():
        status, run = api.call("GET", f"provision/runs/{answer['provisioning_run_id']}")
        assert (status, run["status"]) == (200, "succeeded"), run
        return True

    eventually(ended, 60, "the run ends")


def test_many_at_once(api, plane, team, figure):
    """A4"""
    def one(name, **body):
        began = time.monotonic()
        status, answer = api.provision(name, **body)
        return status, answer, time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        same = list(pool.map(lambda i: one(team, pipeline_schedule=f"{i} 2 * * *"), range(20)))
        assert all(status in (200, 202) for status, _, _ in same), [answer for status, answer, _ in same if status not in (200, 202)]
        assert sum(1 for _, answer, _ in same if answer["team_token"]) == 1
        each = list(pool.map(lambda i: one(f"{team}-{i}"), range(200)))
    assert all(status in (200, 202) for status, _, _ in each), [answer for status, answer, _ in each if status not in (200, 202)]
    times = sorted(took for _, _, took in each)
    figure("provision of 200 teams, 40 at once: p50", times[100], "s")
    figure("provision of 200 teams, 40 at once: p99", times[198], "s")
    assert len([t for t in plane.kube.list(TEAM) if t["spec"]["teamNodeId"].startswith(f"{team}-")]) == 200


def test_another_org_is_out_of_reach(api, plane, team, platform_services):
    """A6"""
    provisioned(api, team)
    platform_services.config_service.word("POST", "seed", {"orgs": {"rival": {"admin_tokens": ["rival.secret"]}}})
    body = {"org_id": ORG, "team_node_id": team}
    before = resource(plane, team)
    for method, path in (("POST", "provision/team"), ("DELETE", "provision/team"), ("POST", "deprovision/team"), ("POST", "schedules/team"),
                         ("GET", f"teams/{ORG}/{team}/deployment"), ("GET", f"teams/{ORG}/{team}/pipeline")):
        status, answer = api.call(method, path, None if method == "GET" else body, token="rival.secret")
        assert status == 403 and team not in json.dumps(answer), (method, path, answer)
    assert resource(plane, team)["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_provisioning_events_become_teams(gateway, plane, team, database):
    def send(kind, **data):
        hook = webhooks.generic("teams", type=kind, data={"team_node_id": team} | data)
        assert webhooks.send(gateway.url, hook).accepted
        eventually(lambda: states(database)[hook.id] not in ("received", "ready"), 30, "the event ends")
        return states(database)[hook.id]

    assert send("provisioning.requested", pipeline_schedule="0 2 * * *") == "done"
    eventually(lambda: ((resource(plane, team) or {}).get("status") or {}).get("lastRun", {}).get("phase") == "Succeeded", 60)
    assert resource(plane, team)["spec"]["pipeline"]["schedule"] == "0 2 * * *"
    assert send("provisioning.requested", pipeline_schedule="not cron") == "dead"
    assert send("provisioning.requested", org_id="rival") == "unrouted"
    assert send("provisioning.other") == "ignored"
    assert send("provisioning.removed") == "done"
    eventually(lambda: resource(plane, team) is None, 60, "the team is gone")
    assert send("provisioning.removed") == "done"


def test_runs_are_in_the_audit(api, team):
    provisioned(api, team)
    status, page = api.call("GET", f"audit?org_id={ORG}&team_node_id={team}")
    assert status == 200, page
    text = json.dumps(page)
    assert "provision.team" in text and "run.provision" in text


def test_its_rights_end_where_they_should(plane_pods):
    client = Kube(plane_pods(ROLES).environment["KUBECONFIG"])
    assert client.request("GET", "api/v1/namespaces/default/secrets")[0] == 403
    assert client.request("GET", "apis/apps/v1/deployments")[0] == 403
    assert client.request("GET", client.path(TEAM))[0] == 200
    for role in ("webhooks", "worker"):  # those have no business there
        assert "KUBECONFIG" not in plane_pods((role,)).environment


def test_schedules_of_the_config_service_are_read_anew(api, plane, team, platform_services):
    plane.kube.apply({"apiVersion": "incidentfox.io/v1alpha1", "kind": TEAM, "metadata": {"namespace": NAMESPACE, "name": team},
                      "spec": {"orgId": ORG, "teamNodeId": team, "pipeline": {"source": "ConfigService"}, "driftInterval": "1h"}})
    side = provisioning.ServiceSide(platform_services, team)
    eventually(lambda: resource(plane, team)["status"].get("lastRun", {}).get("phase") == "Succeeded", 60)
    side.change({"ai_pipeline": {"enabled": True, "schedule": "7 3 * * *"}})
    status, answer = api.call("POST", "teams/sync-cronjobs", {"org_id": ORG, "team_node_id": team})
    assert (status, answer["ok"]) == (200, True), answer
    assert answer["ai_pipeline"]["schedule"] == "7 3 * * *" and answer["dependency_discovery"] is None or answer["dependency_discovery"].get("skipped")
    job = plane.kube.get("CronJob", NAMESPACE, answer["ai_pipeline"]["name"])
    assert job["spec"]["schedule"] == "7 3 * * *"
    provisioned(api, f"{team}-spec", pipeline_schedule="1 1 * * *")
    status, answer = api.call("POST", "teams/sync-cronjobs", {"org_id": ORG, "team_node_id": f"{team}-spec"})
    assert status == 200 and "spec_owned" in json.dumps(answer), answer
