"""The stub of the Config Service answers as the real one does, its oddities included: everything else is tested against it.

Each expectation was seen at the real service. Only its time between an answer and the commit is a switch here; in the real one it
is a few milliseconds, which a test cannot meet on purpose.
"""

import base64
import concurrent.futures
import itertools
import json
import re
import time

import pytest

from support.stubs import ADMIN_TOKEN, StubServices, request
from support.waiting import eventually

COUNTER = itertools.count(1)
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
INTERNAL = {"X-Internal-Service": "orchestrator"}
LOOKUP = "/api/v1/internal/routing/lookup"
RUNS = "/api/v1/internal/agent-runs"


@pytest.fixture(scope="module")
def stubs(state):
    with StubServices(state / "stubs-contract") as stubs:
        yield stubs


@pytest.fixture(scope="module")
def call(stubs):
    def ask(method, path, body=None, headers=ADMIN):
        return request(stubs.config_service.url + path, method, body, headers)

    return ask


class Org:
    """An org of the test's own with teams t1 and t2."""

    def __init__(self, call):
        self.id, self.call = f"org{next(COUNTER)}", call
        self.path = f"/api/v1/admin/orgs/{self.id}"
        self.channel = f"C{self.id.upper()}"
        assert self.node(self.id, "org", name="Org")[0] == self.node("t1", name="T")[0] == self.node("t2")[0] == 200

    def node(self, node_id, node_type="team", **more):
        parent = {} if node_type == "org" else {"parent_id": self.id}
        return self.call("POST", f"{self.path}/nodes", {"node_id": node_id, "node_type": node_type} | parent | more)

    def put(self, node, patch):
        return self.call("PUT", f"{self.path}/nodes/{node}/config", {"patch": patch})

    def raw(self, node="t1"):
        return self.call("GET", f"/api/v1/config/orgs/{self.id}/nodes/{node}/raw")[1]

    def token(self, node="t1"):
        return self.call("POST", f"{self.path}/teams/{node}/tokens")[1]["token"]

    def impersonation(self, node="t1"):
        return self.call("POST", f"{self.path}/teams/{node}/impersonation-token")[1]["token"]


@pytest.fixture
def org(call):
    return Org(call)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def refused(answer, status, detail=None):
    assert answer[0] == status, answer
    if detail is not None:
        assert answer[1] == {"detail": detail}
    return True


# ---------------------------------------------------------------- nodes


def test_health_needs_nobody(call):
    assert call("GET", "/health", headers={}) == (200, {"status": "ok"})


def test_nodes_are_made(call, org):
    status, node = org.node("t3", name="Three")
    assert status == 200
    assert node == {"org_id": org.id, "node_id": "t3", "parent_id": org.id, "node_type": "team", "name": "Three", "template_applied": False}
    assert org.node("t4")[1]["name"] is None
    refused(org.node("t3"), 400, "Node already exists: t3")
    refused(org.node("t9", parent_id="nope"), 400, "Parent not found: nope")
    status, answer = org.node("t9", "group")
    assert status == 422 and answer["detail"][0]["loc"] == ["body", "node_type"]
    refused(org.node("", "team"), 422)
    assert org.node("t5", parent_id=None)[0] == 200, "a parent is optional"


def test_nodes_are_found_and_changed(call, org):
    nodes = f"{org.path}/nodes"
    status, found = call("GET", nodes)
    assert status == 200 and [n["node_id"] for n in found] == sorted([org.id, "t1", "t2"])
    status, node = call("GET", f"{nodes}/t1")
    assert status == 200 and node["name"] == "T" and "template_applied" not in node
    refused(call("GET", f"{nodes}/zz"), 404, "Node not found: zz")
    assert call("GET", "/api/v1/admin/orgs/no-such-org/nodes") == (200, [])
    assert call("PATCH", f"{nodes}/t1", {"name": "T1"})[1]["name"] == "T1"
    refused(call("PATCH", f"{nodes}/zz", {"name": "x"}), 400, "Node not found: zz")
    refused(call("PATCH", f"{nodes}/t1", {"parent_id": "t1"}), 400)
    refused(call("DELETE", f"{nodes}/t1"), 405, "Method Not Allowed")


def test_texts_that_no_column_holds_break_it(call, org):
    refused(org.node("a\0b"), 500)
    refused(call("POST", f"/api/v1/admin/orgs/{'o' * 65}/nodes", {"node_id": "n", "node_type": "org"}), 500)
    refused(org.put("t1", {"x": "a\0b"}), 500)


# ---------------------------------------------------------------- who may


def test_administrators(call, org):
    nodes = f"{org.path}/nodes"
    refused(call("GET", nodes, headers={}), 401, "Missing admin token")
    refused(call("GET", nodes, headers=bearer("wrong")), 401, "Invalid admin token")
    refused(call("GET", nodes, headers=bearer(org.token())), 401)
    refused(call("GET", nodes, headers=INTERNAL), 401, "Missing admin token")
    assert call("GET", nodes, headers={"X-Admin-Token": ADMIN_TOKEN})[0] == 200
    assert call("GET", nodes, headers={"X-Internal-Service": "agent"})[0] == 200
    assert call("GET", nodes, headers={"Authorization": f"bEaReR {ADMIN_TOKEN}"})[0] == 200


def test_an_admin_of_one_org(call, org):
    status, issued = call("POST", f"{org.path}/admin-tokens")
    assert status == 200
    its = bearer(issued["token"])
    status, who = call("GET", "/api/v1/auth/me", headers=its)
    assert status == 200
    assert who == {"role": "admin", "auth_kind": "admin_token", "org_id": org.id, "team_node_id": None, "subject": None, "email": None,
                   "can_write": True, "permissions": ["admin:*"], "visitor_session_id": None}
    assert call("GET", f"{org.path}/nodes", headers=its)[0] == 200
    other = Org(call)
    refused(call("GET", f"{other.path}/nodes", headers=its), 403, f"Access denied: you can only access org '{org.id}'")
    # Only the routes of nodes look at the org.
    assert call("GET", f"{other.path}/teams/t1/tokens", headers=its)[0] == 200


def test_auth_me(call, org):
    me = "/api/v1/auth/me"
    assert call("GET", me) == (200, {
        "role": "admin", "auth_kind": "admin_token", "org_id": None, "team_node_id": None, "subject": "super_admin", "email": None,
        "can_write": True, "permissions": ["admin:*"], "visitor_session_id": None})
    status, who = call("GET", me, headers=bearer(org.token()))
    assert status == 200
    assert (who["role"], who["auth_kind"], who["org_id"], who["team_node_id"]) == ("team", "team_token", org.id, "t1")
    assert who["can_write"] is True and who["permissions"] == ["team:read", "team:write"]
    refused(call("GET", me, headers={}), 401, "Missing Bearer token")
    refused(call("GET", me, headers=bearer("x")), 401, "Invalid admin token")
    for token in ("x.y", "x.y.z"):
        refused(call("GET", me, headers=bearer(token)), 401, "Invalid token")


def test_impersonation(call, org):
    status, issued = call("POST", f"{org.path}/teams/t1/impersonation-token")
    assert status == 200 and set(issued) == {"token", "expires_at"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", issued["expires_at"])
    body = issued["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert set(claims) == {"iss", "aud", "sub", "email", "org_id", "team_node_id", "ifx_kind", "scope", "iat", "exp", "jti"}
    assert (claims["iss"], claims["aud"]) == ("incidentfox-config-service", "incidentfox-agent-runtime")
    assert (claims["org_id"], claims["team_node_id"], claims["ifx_kind"], claims["scope"]) == (org.id, "t1", "team_impersonation", ["team:read"])
    assert claims["exp"] - claims["iat"] == 900
    its = bearer(issued["token"])
    who = call("GET", "/api/v1/auth/me", headers=its)[1]
    assert (who["role"], who["auth_kind"], who["can_write"], who["permissions"]) == ("team", "impersonation", False, ["team:read"])
    assert who["subject"] == "super_admin"
    assert call("GET", "/api/v1/config/me", headers=its)[1]["node_id"] == "t1"
    refused(call("PATCH", "/api/v1/config/me", {"config": {}}, its), 403)
    assert call("POST", f"{org.path}/teams/no-such-team/impersonation-token")[0] == 200
    refused(call("POST", f"{org.path}/teams/t1/impersonation-token", headers=INTERNAL), 401)
    forged = issued["token"][:-2] + ("AA" if issued["token"][-2:] != "AA" else "BB")
    refused(call("GET", "/api/v1/auth/me", headers=bearer(forged)), 401, "Invalid token")


# ---------------------------------------------------------------- configuration


def test_configuration_merges_and_counts(call, org):
    its = f"{org.path}/nodes/t1/config"
    assert call("GET", its) == (200, {"config": {}})
    assert call("GET", f"{org.path}/nodes/zz/config") == (200, {"config": {}})
    assert org.raw()["version"] == 1
    assert org.put("t1", {"routing": {"slack_channel_ids": ["A"], "team_id": "t1"}})[1] == {
        "config": {"routing": {"slack_channel_ids": ["A"], "team_id": "t1"}}}
    assert org.put("t1", {"routing": {"slack_channel_ids": ["B", "C"]}})[1]["config"]["routing"] == {
        "slack_channel_ids": ["B", "C"], "team_id": "t1"}, "objects merge, lists replace"
    assert org.put("t1", {"agent": {"dedicated_service_url": None}})[1]["config"]["agent"] == {"dedicated_service_url": None}, "null stays"
    assert (org.raw()["version"], org.raw()["node_type"]) == (4, "team")
    assert org.put("t1", {})[0] == 200 and org.raw()["version"] == 5, "even if nothing changes"
    refused(org.put("zz", {"a": 1}), 400, f"Node configuration not found: {org.id}/zz")
    refused(org.put("t1", []), 422)
    refused(call("GET", f"/api/v1/config/orgs/{org.id}/nodes/zz/raw"), 404)


def test_what_a_team_sees(call, org):
    org.put(org.id, {"routing": {"slack_channel_ids": ["OF-ORG"]}, "x": {"a": 1, "b": 1}})
    org.put("t1", {"x": {"b": 2}})
    status, seen = call("GET", "/api/v1/config/me", headers=bearer(org.token()))
    assert status == 200 and set(seen) == {"node_id", "effective_config", "computed_at", "hierarchy"}
    assert (seen["node_id"], seen["hierarchy"], seen["computed_at"]) == ("t1", [org.id, "t1"], None)
    config = seen["effective_config"]
    assert config["x"] == {"a": 1, "b": 2} and config["entrance_agent"] == "planner" and "planner" in config["agents"]
    assert config["routing"] == {"slack_channel_ids": ["OF-ORG"]}
    assert 30_000 < len(json.dumps(seen)) < 45_000, "as long as the real one"
    assert call("GET", "/api/v1/config/me/effective", headers=bearer(org.token()))[1] == seen
    assert call("GET", f"/api/v1/config/orgs/{org.id}/nodes/t1/effective")[1] == seen
    status, nobody = call("GET", f"/api/v1/config/orgs/{org.id}/nodes/zz/effective")
    assert status == 200 and nobody["hierarchy"] == ["zz"] and "planner" in nobody["effective_config"]["agents"]


def test_a_team_changes_its_own(call, org):
    status, row = call("PATCH", "/api/v1/config/me", {"config": {"x": 1}, "reason": "r"}, bearer(org.token()))
    assert status == 200 and row["config"] == {"x": 1} and row["updated_by"] == "team" and row["version"] == 2
    # Its gap: two headers stand for a team, without any credential.
    status, row = call("PATCH", "/api/v1/config/me", {"config": {"y": 1}}, {"X-Org-Id": org.id, "X-Team-Node-Id": "t1"})
    assert status == 200 and row["config"] == {"x": 1, "y": 1}


def test_bodies_and_paths(stubs, call, org):
    url = f"{org.path}/nodes/t1/config"
    status, _ = request(stubs.config_service.url + url, "PUT", {"patch": {}}, ADMIN | {"Content-Type": "text/plain"})
    assert status == 422
    assert call("GET", f"{url}/")[0] == 200, "a trailing slash is a redirect, which was followed"
    assert any(c["path"] == f"{url}/" and c["status"] == 307 for c in stubs.config_service.calls(url))
    refused(call("GET", "/api/v1/nowhere"), 404, "Not Found")


# ---------------------------------------------------------------- tokens


def test_tokens(call, org):
    its = f"{org.path}/teams/t1/tokens"
    assert call("GET", its) == call("GET", f"{org.path}/teams/zz/tokens") == (200, [])
    status, issued = call("POST", its)
    assert status == 200 and set(issued) == {"token", "issued_at"}
    assert re.fullmatch(r"[0-9a-f]{32}\.[A-Za-z0-9_-]{43}", issued["token"]) and not issued["issued_at"].endswith("Z")
    token_id = issued["token"].split(".")[0]
    status, [row] = call("GET", its)
    assert set(row) == {"token_id", "issued_at", "revoked_at", "issued_by"}
    assert (row["token_id"], row["revoked_at"], row["issued_by"]) == (token_id, None, "admin") and row["issued_at"].endswith("Z")
    refused(call("POST", f"{org.path}/teams/zz/tokens"), 500)
    assert call("POST", f"{org.path}/teams/t2/tokens", headers={"X-Admin-Token": ADMIN_TOKEN})[0] == 200
    # Saying ok means nothing: the wrong team, an unknown id, the whole token.
    for path in (f"{org.path}/teams/t2/tokens/{token_id}/revoke", f"{its}/nope/revoke", f"{its}/{issued['token']}/revoke"):
        assert call("POST", path) == (200, {"status": "ok"})
    assert call("GET", "/api/v1/auth/me", headers=bearer(issued["token"]))[0] == 200
    assert call("POST", f"{its}/{token_id}/revoke") == (200, {"status": "ok"})
    refused(call("GET", "/api/v1/auth/me", headers=bearer(issued["token"])), 401, "Invalid token")
    refused(call("GET", "/api/v1/config/me", headers=bearer(issued["token"])), 401)
    assert call("GET", its)[1][0]["revoked_at"] is not None
    newer = org.token().split(".")[0]
    assert [t["token_id"] for t in call("GET", its)[1]] == [newer, token_id], "newest first"
    assert call("GET", f"{org.path}/tokens")[0] == 200
    refused(call("GET", "/api/v1/admin/orgs/no-such-org/tokens"), 404)


# ---------------------------------------------------------------- routing


def test_lookup(call, org):
    org.put("t1", {"routing": {"slack_channel_ids": [f" {org.channel} "], "github_repos": [f"acme/{org.id}"], "services": [f"S{org.id}"],
                               "pagerduty_service_ids": [f"P{org.id}"], "incidentio_alert_source_ids": [f"A{org.id}"]}})

    def look(headers=INTERNAL, org_id=None, **identifiers):
        return call("POST", LOOKUP, {"identifiers": identifiers} | ({"org_id": org_id} if org_id else {}), headers)

    assert look(slack_channel_id=org.channel) == (200, {
        "found": True, "org_id": org.id, "team_node_id": "t1", "team_token": None, "matched_by": "slack_channel_id",
        "matched_value": org.channel, "tried": ["slack_channel_id"]})
    for kind, value in {"github_repo": f"acme/{org.id}", "pagerduty_service_id": f"P{org.id}", "incidentio_alert_source_id": f"A{org.id}",
                        "service": f"S{org.id}"}.items():
        assert look(**{kind: value})[1]["matched_by"] == kind
    assert look(github_repo=f"ACME/{org.id}")[1]["found"] is False, "case counts"
    both = look(github_repo=f"acme/{org.id}", slack_channel_id="nope")[1]
    assert both["found"] and both["tried"] == ["slack_channel_id", "github_repo"]
    assert look(slack_channel_id="nope") == (200, {"found": False, "org_id": None, "team_node_id": None, "team_token": None,
                                                   "matched_by": None, "matched_value": None, "tried": ["slack_channel_id"]})
    assert look(slack_channel_id=org.channel, org_id="other")[1]["found"] is False
    assert look(slack_channel_id=org.channel, org_id=org.id)[1]["found"] is True
    assert look(email_domain="example.com")[1] == look(slack_channel_id="nope")[1] | {"tried": []}
    refused(look(slack_channel_id=None), 422)
    refused(look(headers=ADMIN, slack_channel_id=org.channel), 401, "Missing internal service header")
    assert look(headers={"X-Internal-Service": "whatever"}, slack_channel_id=org.channel)[0] == 200


def test_a_lookup_inherits_nothing(call, org):
    org.put(org.id, {"routing": {"slack_channel_ids": [org.channel]}})
    assert call("POST", LOOKUP, {"identifiers": {"slack_channel_id": org.channel}}, INTERNAL)[1]["found"] is False


@pytest.mark.parametrize("routing", ["a text", {"slack_channel_ids": ["C", 7]}, {"slack_channel_ids": 7}], ids=["text", "number-in-list", "number"])
def test_a_malformed_team_breaks_the_lookups_that_reach_it(call, org, routing):
    org.put("t1", {"routing": {"github_repos": [f"acme/{org.id}"]}})
    org.put("t2", {"routing": routing})

    def look(**identifiers):
        return call("POST", LOOKUP, {"identifiers": identifiers, "org_id": org.id}, INTERNAL)

    try:
        refused(look(slack_channel_id=org.channel), 500)
        assert look(github_repo=f"acme/{org.id}")[1]["found"] is True, "found before it was reached"
    finally:
        org.put("t2", {"routing": None})
    assert look(slack_channel_id=org.channel)[0] == 200


# ---------------------------------------------------------------- agent runs


def test_runs_that_services_record(call, org):
    run = {"run_id": f"i-{org.id}", "org_id": org.id, "team_node_id": "t1", "correlation_id": "c", "agent_name": "planner"}

    def finish(run_id, **body):
        return call("PATCH", f"{RUNS}/{run_id}", body, INTERNAL)

    status, row = call("POST", RUNS, run | {"trigger_source": "slack"}, INTERNAL)
    assert status == 200 and row["id"] == run["run_id"] and row["status"] == "running" and row["completed_at"] is None
    assert row["started_at"].endswith("Z") and row["trigger_source"] == "slack"
    refused(call("POST", RUNS, run, INTERNAL), 500)
    refused(call("POST", RUNS, {k: v for k, v in run.items() if k != "correlation_id"}, INTERNAL), 422)
    refused(call("POST", RUNS, run | {"run_id": "x", "correlation_id": "c" * 65}, INTERNAL), 500)
    refused(call("POST", RUNS, run, {}), 401)
    refused(finish(run["run_id"], status="completed"), 422)
    status, row = finish(run["run_id"], status="completed", duration_seconds=99, tool_calls_count=2, output_summary="s", confidence=0.9)
    assert status == 200 and row["status"] == "completed" and row["tool_calls_count"] == 2
    assert row["duration_seconds"] < 60, "computed, whatever the caller says"
    assert finish(run["run_id"], status="completed", duration_seconds=1)[1]["output_summary"] is None, "what is left out is overwritten"
    refused(finish("no-such-run", status="completed", duration_seconds=1), 404, "Agent run not found")
    assert call("GET", f"{RUNS}/{run['run_id']}/tool-calls", headers=INTERNAL) == (200, {"tool_calls": [], "total": 0})


def test_runs_that_the_audit_has(call, org):
    its = f"{org.path}/unified-audit/agent-runs"
    before = {"run_id": f"i-{org.id}", "org_id": org.id, "team_node_id": "t1", "correlation_id": "c1", "agent_name": "planner"}
    assert call("POST", RUNS, before, INTERNAL)[0] == 200
    run = {"run_id": f"a-{org.id}", "org_id": org.id, "team_node_id": "t1", "correlation_id": "c2", "trigger_source": "api",
           "trigger_actor": "admin", "trigger_message": "m", "trigger_channel_id": None, "agent_name": "planner", "metadata": {"context": {}}}
    status, row = call("POST", its, run)
    assert status == 200 and row["status"] == "running" and row["trigger_source"] == "api" and row["confidence"] is None

    def finish(**body):
        return call("PATCH", f"{its}/{run['run_id']}", body)

    refused(finish(status="completed"), 422)
    ok = {"run_id": run["run_id"], "status": "completed"}
    for wrong in ({"status": "success"}, {"output_json": "s"}, {"confidence": 0.9}):
        refused(finish(**(ok | wrong)), 422)
    status, row = finish(**ok, tool_calls_count=1, output_summary="s", output_json={"a": 1}, error_message=None, confidence=88)
    assert status == 200 and row["status"] == "completed" and row["confidence"] == 88
    refused(call("PATCH", f"{its}/nope", {"run_id": "x", "status": "failed"}), 404)
    status, rows = call("GET", f"{its}?limit=5")
    assert status == 200 and [r["id"] for r in rows] == [run["run_id"], before["run_id"]], "of both kinds, newest first"
    assert [r["id"] for r in call("GET", f"{its}?limit=1")[1]] == [run["run_id"]]


def test_the_audit_is_searched(call, org):
    its = f"{org.path}/unified-audit"
    for i, team in enumerate(("t1", "t2")):
        call("POST", RUNS, {"run_id": f"{org.id}-{i}", "org_id": org.id, "team_node_id": team, "correlation_id": f"c{i}",
                            "agent_name": "planner", "trigger_message": "why"}, INTERNAL)
    refused(call("GET", its), 500)
    status, found = call("GET", f"{its}?sources=agent")
    assert status == 200 and set(found) == {"events", "total", "limit", "offset", "has_more"}
    assert [e["correlation_id"] for e in found["events"]] == ["c1", "c0"] and (found["total"], found["has_more"]) == (2, False)
    assert found["events"][0]["event_type"] == "agent_running" and found["events"][0]["details"]["status"] == "running"
    assert [e["correlation_id"] for e in call("GET", f"{its}?sources=agent&team_node_id=t1")[1]["events"]] == ["c0"]
    page = call("GET", f"{its}?sources=agent&limit=1")[1]
    assert [e["correlation_id"] for e in page["events"]] == ["c1"] and page["has_more"] is True
    between = found["events"][0]["timestamp"]
    assert [e["correlation_id"] for e in call("GET", f"{its}?sources=agent&since={between}")[1]["events"]] == ["c1"]
    assert call("GET", f"{its}?sources=agent&until=2020-01-01T00:00:00Z")[1]["events"] == []
    org.token()
    assert [e["event_type"] for e in call("GET", f"{its}?sources=token")[1]["events"]] == ["issued"]
    refused(call("GET", f"{its}?sources=agent&since=yesterday"), 422)
    refused(call("GET", f"{its}?sources=agent&limit=501"), 422)


def test_feedback_meetings_and_documents(call, org):
    feedback = {"run_id": "r", "correlation_id": "c", "feedback": "positive", "user_id": "U1", "source": "slack"}
    status, row = call("POST", "/api/v1/internal/feedback", feedback, INTERNAL)
    assert status == 200 and row["feedback_type"] == "positive"
    refused(call("POST", "/api/v1/internal/feedback", feedback), 401)
    refused(call("POST", "/api/v1/internal/feedback", feedback | {"feedback": "so so"}, INTERNAL), 422)
    meeting = {"org_id": org.id, "team_node_id": "t1", "meeting_id": "7", "duration": 1800}
    assert call("POST", "/api/v1/internal/meetings", meeting, INTERNAL)[0] == 200
    for wrong in ({"meeting_id": 7}, {"duration": 1800.5}):
        refused(call("POST", "/api/v1/internal/meetings", meeting | wrong, INTERNAL), 422)
    documents = [{"doc_id": "d", "title": "t", "content": "c"}]
    assert call("POST", f"{org.path}/teams/t1/knowledge/docs", documents) == (200, {"status": "ok", "upserted": 1})


# ---------------------------------------------------------------- what goes wrong there


@pytest.fixture
def faults(stubs):
    yield stubs.config_service.faults
    stubs.config_service.faults()


def test_it_answers_before_it_commits(call, org, faults):
    faults({"match": {"method": "POST"}, "commit_delay": 1.0})
    assert org.node("late")[0] == 200
    refused(call("GET", f"{org.path}/nodes/late"), 404)
    refused(org.put("late", {"a": 1}), 400)
    refused(call("POST", f"{org.path}/teams/late/tokens"), 500)
    refused(org.node("late"), 500)
    token = org.token()
    refused(call("GET", "/api/v1/auth/me", headers=bearer(token)), 401)
    eventually(lambda: call("GET", f"{org.path}/nodes/late")[0] == 200)
    eventually(lambda: call("GET", "/api/v1/auth/me", headers=bearer(token))[0] == 200)


def test_a_commit_that_fails_is_not_said(call, org, faults):
    faults({"commit_fails": True})
    assert org.node("lost")[0] == 200
    token = org.token()
    faults()
    refused(call("GET", f"{org.path}/nodes/lost"), 404)
    refused(call("GET", "/api/v1/auth/me", headers=bearer(token)), 401)
    assert org.node("lost")[0] == 200, "and it may be made again"


def test_two_writers_lose_an_update(call, org, faults):
    faults({"match": {"method": "PUT"}, "race": 0.5})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda key: org.put("t1", {key: 1}), ("a", "b")))
    assert [status for status, _ in answers] == [200, 200]
    faults()
    assert len(call("GET", f"{org.path}/nodes/t1/config")[1]["config"]) == 1


# ---------------------------------------------------------------- the agent, and faults of any service


def run_of(stubs, org, message="look", correlation="c", agent="planner", **body):
    headers = {"X-IncidentFox-Team-Token": org.impersonation(), "X-Correlation-ID": correlation}
    return request(f"{stubs.agent.url}/agents/{agent}/run", "POST", {"message": message} | body, headers)


def test_the_agent_runs_for_those_it_believes(stubs, org):
    stubs.agent.reset()
    refused(request(f"{stubs.agent.url}/agents/planner/run", "POST", {"message": "x"}, {}), 401)
    refused(request(f"{stubs.agent.url}/agents/planner/run", "POST", {"message": "x"}, {"X-IncidentFox-Team-Token": ADMIN_TOKEN}), 401)
    status, answer = run_of(stubs, org, correlation="c1")
    assert status == 200 and answer["success"] is True and answer["correlation_id"] == "c1" and answer["run_id"] and answer["output"]
    status, answer = run_of(stubs, org, correlation="c1", output_destinations=[{"type": "slack"}], trigger_source="slack")
    assert answer["output_mode"] == "destinations" and answer["destinations_posted"] == ["slack"] and "run_id" not in answer
    status, answer = run_of(stubs, org, agent="nobody")
    assert status == 404 and "planner" in answer["available_agents"]
    assert stubs.agent.state()["repeated"]["c1"] == 2, "it counts, and de-duplicates nothing"
    rows = [r for r in stubs.config_service.state()["runs"] if r["org_id"] == org.id]
    assert {(r["correlation_id"], r["status"]) for r in rows} == {("c1", "completed")} and len({r["id"] for r in rows}) == 2


def test_the_agent_fails_as_it_is_told(stubs, org):
    stubs.agent.reset()
    stubs.agent.faults({"match": {"message": "^broken$"}, "outcome": "failure"}, {"match": {"message": "^slow$"}, "seconds": 30},
                       {"match": {"correlation_id": "^busy$", "attempt": "^[12]$"}, "status": 503, "headers": {"Retry-After": "1"}},
                       {"match": {"message": "^cut$"}, "do": "cut", "seconds": 0.1}, {"match": {"message": "^dropped$"}, "do": "drop"},
                       {"match": {"message": "^odd$"}, "do": "garbage"})
    status, answer = run_of(stubs, org, "broken")
    assert status == 200 and answer["success"] is False and answer["error"]
    status, answer = run_of(stubs, org, "slow", timeout=1)
    assert status == 200 and answer["success"] is False and answer["duration_seconds"] < 10
    assert [run_of(stubs, org, correlation="busy")[0] for _ in range(3)] == [503, 503, 200]
    for message in ("cut", "dropped"):
        with pytest.raises(OSError):
            run_of(stubs, org, message)
    assert isinstance(run_of(stubs, org, "odd")[1], str)
    statuses = {c["message"]: c["status"] for c in stubs.agent.calls("/agents/", brief=True)}
    assert statuses["cut"] == "cut" and statuses["dropped"] == "dropped"
    outcomes = {c["message"]: c["outcome"] for c in stubs.agent.calls("/agents/", brief=True)}
    assert outcomes["cut"] == "success" and outcomes["dropped"] is None, "a run that is cut goes on; one that is dropped never began"


def test_nobody_listens(stubs, org):
    stubs.agent.listen(False)
    try:
        with pytest.raises(OSError):
            run_of(stubs, org)
    finally:
        stubs.agent.listen(True)
    assert run_of(stubs, org)[0] == 200


def test_slack_github_and_the_pipeline(stubs):
    bot = bearer("xoxb-token")
    assert request(f"{stubs.slack.url}/api/auth.test", "POST", {}, bot)[1]["ok"] is True
    assert request(f"{stubs.slack.url}/api/chat.postMessage", "POST", {"channel": "C", "text": "t"}, {})[1] == {"ok": False, "error": "not_authed"}
    assert request(f"{stubs.slack.url}/api/chat.postMessage", "POST", {"channel": "C", "text": "t"}, bot)[1]["channel"] == "C"
    assert request(f"{stubs.slack.url}/response/1", "POST", {"text": "t"})[0] == 200
    assert [c["body"] for c in stubs.slack.calls("/response/1")] == [{"text": "t"}]
    stubs.github.word("POST", "seed", {"acme/shop#7": [{"id": i, "body": str(i), "user": {"login": "a"}} for i in range(40)]})
    status, comments = request(f"{stubs.github.url}/repos/acme/shop/issues/7/comments?per_page=30")
    assert status == 200 and len(comments) == 30
    bootstrap = f"{stubs.pipeline.url}/api/v1/teams/t1/bootstrap"
    assert request(bootstrap, "POST")[0] == 401
    assert request(bootstrap, "POST", headers=bearer("x"))[1]["status"] == "queued"


def test_expired_tokens(state):
    with StubServices(state / "stubs-short", seed={"orgs": {"o": {"teams": {"t": {"tokens": ["id.secret"]}}}}}, args=("--token-ttl", "1")) as stubs:
        url = stubs.config_service.url
        assert request(f"{url}/api/v1/auth/me", headers=bearer("id.secret"))[1]["team_node_id"] == "t", "seeded"
        token = request(f"{url}/api/v1/admin/orgs/o/teams/t/impersonation-token", "POST", headers=ADMIN)[1]["token"]
        issued = time.monotonic()
        eventually(lambda: request(f"{url}/api/v1/auth/me", headers=bearer(token))[0] == 401)
        assert time.monotonic() - issued < 20
