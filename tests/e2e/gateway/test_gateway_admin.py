"""The admin API: who may do what to whom, and that it can be looked up afterwards."""

import pytest

from support import platform
from support.stubs import ADMIN_TOKEN, StubServices, request
from support.waiting import eventually

ADMIN = "/api/v1/admin"
RUN = {"team_node_id": platform.team(0), "agent_name": "planner", "message": "why is checkout slow?"}
PIPELINE_TOKEN = "token-of-the-pipeline"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def gateway(database, stubs, gateways, tmp_path):
    """The role admin, on a platform of two orgs with an administrator each, and a team's own token."""
    stubs.config_service.word("POST", "seed", {"orgs": {
        platform.ORG: {"admin_tokens": ["acme.secret"], "teams": {platform.team(0): {"tokens": ["team.secret"]}}},
        "rival": {"admin_tokens": ["rival.secret"], "teams": {"their-team": {}}}}})
    token = tmp_path / "pipeline-token"
    token.write_text(PIPELINE_TOKEN + "\n")
    return gateways(database, roles="admin", ai_pipeline_url=stubs.pipeline.url, ai_pipeline_token_file=token)


def call(gateway, method, path, body=None, token=ADMIN_TOKEN, **headers):
    return request(gateway.admin_url + path, method, body, (bearer(token) if token else {}) | headers)


def requests_about(team):
    """What changes or starts something, for a team: (method, path, body)."""
    org_and_team = {"org_id": platform.ORG, "team_node_id": team}
    return [("POST", f"{ADMIN}/agents/run", RUN | org_and_team), ("POST", f"{ADMIN}/pipeline/trigger", org_and_team),
            ("PUT", f"{ADMIN}/controls", org_and_team | {"paused": True})]


def test_an_administrator_of_another_org_does_nothing_here(database, stubs, gateway):
    for method, path, body in requests_about(platform.team(0)):
        status, answer = call(gateway, method, path, body, "rival.secret")
        assert (status, answer) == (403, {"detail": "Insufficient permissions"}), path
    assert not stubs.agent.calls() and not stubs.pipeline.calls()
    assert not database.query("SELECT 1 FROM orchestrator.controls")
    # Whose attempt it was can be looked up by them, and not by those whom it was aimed at.
    seen = {org: call(gateway, "GET", f"{ADMIN}/audit", token=f"{org}.secret")[1]["entries"] for org in (platform.ORG, "rival")}
    assert [entry["result"] for entry in seen["rival"]] == ["403"] * 3 and seen[platform.ORG] == []
    assert all(call(gateway, method, path, body, "acme.secret")[0] == 200 for method, path, body in requests_about(platform.team(0)))


def test_a_team_token_reaches_no_route_of_administrators(gateway):
    _, document = call(gateway, "GET", "/openapi.json", token=None)
    tried = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not any("adminToken" in way for way in operation["security"]):
                continue
            concrete = path.replace("{id}", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f").replace("{org_id}", platform.ORG)
            concrete = concrete.replace("{team_node_id}", platform.team(0))
            status, answer = call(gateway, method.upper(), concrete, {} if "requestBody" in operation else None, "team.secret")
            assert status == 403 and answer["detail"] in ("Admin role required", "Insufficient permissions"), (method, path, status)
            assert call(gateway, method.upper(), concrete, token="no.body")[0] == 401
            assert call(gateway, method.upper(), concrete, token=None) == (401, {"detail": "Missing admin token"})
            tried += 1
    assert tried >= 8


def test_a_run_of_an_administrator_and_what_is_left_of_it(database, stubs, gateway):
    status, answer = call(gateway, "POST", f"{ADMIN}/agents/run", RUN | {"org_id": platform.ORG, "context": {"ticket": 7}}, "acme.secret",
                          **{"X-Request-Id": "mine"})
    assert status == 200, answer
    assert answer["team_node_id"] == platform.team(0) and answer["agent_name"] == "planner" and answer["agent_result"]["success"] is True
    (sent,) = stubs.agent.calls()
    headers = {name.lower(): value for name, value in sent["headers"]}
    assert "authorization" not in headers and "acme.secret" not in str(sent)
    # The gateway's record of the run, beside the agent's own.
    run = headers["x-correlation-id"]

    def recorded():
        path = f"/api/v1/admin/orgs/{platform.ORG}/unified-audit/agent-runs?trigger_source=api"
        status, rows = request(stubs.config_service.url + path, headers=bearer(ADMIN_TOKEN))
        assert status == 200 and [row["status"] for row in rows if row["id"] == run] == ["completed"], rows
        return True

    eventually(recorded)
    _, audit = call(gateway, "GET", f"{ADMIN}/audit?team_node_id={platform.team(0)}&action=agents.run&from=2020-01-01T00:00:00Z")
    (entry,) = audit["entries"]
    assert (entry["org_id"], entry["result"], entry["request_id"], entry["target"]) == (platform.ORG, "200", "mine", "agent planner")
    assert call(gateway, "GET", f"{ADMIN}/audit?to=2020-01-01T00:00:00Z")[1]["entries"] == []


def test_a_name_cannot_leave_its_path(stubs, gateway):
    for name, path in (("../x", "/agents/..%2Fx/run"), ("a/../../b", "/agents/a%2F..%2F..%2Fb/run"), ("x?y#z", "/agents/x%3Fy%23z/run")):
        since = max((c["seq"] for c in stubs.agent.calls()), default=0)
        status, answer = call(gateway, "POST", f"{ADMIN}/agents/run", RUN | {"org_id": platform.ORG, "agent_name": name})
        assert (status, answer) == (502, {"detail": "agent_upstream_error: http_404"})
        assert all(c["path"].startswith("/agents/") or path in str(c) for c in stubs.agent.calls(since=since))
    for name in (".", ".."):
        assert call(gateway, "POST", f"{ADMIN}/agents/run", RUN | {"org_id": platform.ORG, "agent_name": name})[0] == 422
    for team in ("../../other", "..", "a/b"):
        status, _ = call(gateway, "POST", f"{ADMIN}/agents/run", RUN | {"org_id": platform.ORG, "team_node_id": team})
        assert status in (200, 400, 422, 502)
    assert all(f"/orgs/{platform.ORG}/teams/" in c["path"] for c in stubs.config_service.calls() if c["path"].endswith("impersonation-token"))


def test_a_run_does_not_go_where_only_the_team_says(database, stubs, gateway, state):
    """A team writes its own configuration; another tenant's Service is not its agent for that."""
    with StubServices(state / "stubs-foreign", platform.seed()) as foreign:
        status, _ = request(f"{stubs.config_service.url}/api/v1/config/me", "PATCH",
                            {"config": {"agent": {"dedicated_service_url": foreign.agent.url}}}, bearer("team.secret"))
        assert status == 200
        database.query("INSERT INTO orchestrator.team_runtimes (org_id, team_node_id, service_url, ready, mode) "
                       "VALUES ('rival', 'their-team', %s, true, 'dedicated')", foreign.agent.url)
        assert call(gateway, "POST", f"{ADMIN}/agents/run", RUN | {"org_id": platform.ORG})[0] == 200
        assert len(stubs.agent.calls()) == 1 and not foreign.agent.calls()


def test_the_pipeline_gets_its_own_token_and_no_other(stubs, gateway):
    status, answer = call(gateway, "POST", f"{ADMIN}/pipeline/trigger", {"org_id": platform.ORG, "team_node_id": platform.team(0)}, "acme.secret")
    assert status == 200 and answer["ok"] is True and answer["job_name"], answer
    (sent,) = stubs.pipeline.calls()
    headers = {name.lower(): value for name, value in sent["headers"]}
    assert headers["authorization"] == f"Bearer {PIPELINE_TOKEN}" and headers["idempotency-key"]
    stubs.pipeline.faults({"status": 500})
    status, answer = call(gateway, "POST", f"{ADMIN}/pipeline/trigger", {"org_id": platform.ORG, "team_node_id": platform.team(0)})
    assert status == 200 and answer["ok"] is False and answer["job_name"] is None
    assert stubs.pipeline.url not in answer["message"] and "127.0.0.1" not in answer["message"]


def test_no_secret_is_in_a_log_or_an_answer(stubs, gateway):
    secrets = ("acme.secret", "team.secret", ADMIN_TOKEN, PIPELINE_TOKEN, "wrong-token-of-somebody")
    answers = [call(gateway, method, path, body, token)
               for token in ("acme.secret", "team.secret", ADMIN_TOKEN, "wrong-token-of-somebody")
               for method, path, body in [*requests_about(platform.team(0)), ("GET", f"{ADMIN}/audit", None)]]
    stubs.config_service.listen(False)
    answers.append(call(gateway, "GET", f"{ADMIN}/audit", token="another.token"))
    assert answers[-1] == (502, {"detail": "config_service_unavailable"})
    texts = [*map(str, answers), gateway.log.read_text(), request(f"http://{gateway.address('metrics')}/metrics")[1]]
    for secret in secrets:
        assert not any(secret in str(text) for text in texts), secret
