"""What a team has in the Config Service and the AI pipeline, made, kept and taken back by the operator."""

import json
import re

import pytest

from support.provisioning import ORG, SUBJECT, ServiceSide, annotate, held_token, operator_process
from support.status_oracle import StatusOracle
from support.teams import Teams, condition, dedicated, later, reason, scheduled
from support.waiting import eventually, throughout

URL = "http://agent-dedicated-{org}-{name}.{ns}.svc.cluster.local:8080"


@pytest.fixture(scope="module")
def operator(platform_cluster, services, state):
    oracle = StatusOracle(platform_cluster.kube)
    operator = operator_process(platform_cluster, state / "operator-platform", services, drift_interval="3s", deletion_give_up="6s")
    operator.expect_errors("a deletion gives up")
    operator.start()
    yield operator
    operator.close()
    oracle.stop()
    assert oracle.judged > 0


@pytest.fixture
def teams(platform_cluster, services, request):
    name = request.node.name.removeprefix("test_").replace("_", "-").replace("[", "-").replace("]", "").lower()[:50].rstrip("-")
    platform_cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    teams = Teams(platform_cluster.kube, name)
    yield teams
    services.config_service.faults()
    services.config_service.listen(True)
    teams.delete_all()
    eventually(lambda: not teams.all(), 60)


@pytest.fixture
def side(services, operator):
    return lambda name: ServiceSide(services, name)


def keys(calls):
    return {dict(c["headers"])["Idempotency-Key"] for c in calls}


def events(teams, why):
    return [e for e in teams.kube.list("Event", teams.namespace) if e["reason"] == why]


def test_a_team_gets_everything(teams, side):
    teams.apply("payments", routing={"slackChannelIds": ["C0PAY"], "githubRepositories": ["acme/payments"]},
                config={"entrance_agent": "investigation_agent", "limits": {"runs": 5}}, pipeline=scheduled(), runtime=dedicated(),
                governance={"writeTools": "Approved", "approvedBy": "jane@example.com"}, knowledgeBase={"seed": "Sources", "sources": ["https://wiki.example.com"]})
    (ready,) = eventually(lambda: teams.ready("payments"), 60)
    its = side("payments")
    url = URL.format(org=ORG, name="payments", ns=teams.namespace)
    # The URL comes last, when the agent is there.
    eventually(lambda: (its.config().get("agent") or {}).get("dedicated_service_url") == url)
    config = its.config()
    assert config["routing"] == {"slack_channel_ids": ["C0PAY"], "github_repos": ["acme/payments"], "team_id": "payments"}
    assert config["entrance_agent"] == "investigation_agent" and config["limits"] == {"runs": 5}
    assert config["governance"] == {"write_tools": "approved", "approved_by": "jane@example.com"}
    assert its.nodes()[0]["parent_id"] == ORG
    token_id, _ = held_token(teams, "payments")
    assert its.live_tokens() == {token_id}
    (bootstrap,) = its.bootstraps()
    assert bootstrap["body"]["knowledge_base"] == {"seed": "sources", "sources": ["https://wiki.example.com"]}
    for kind in ("ConfigSynced", "TokenReady", "PipelineBootstrapped", "PipelineScheduled", "AgentAvailable"):
        assert condition(ready, kind)["status"] == "True", ready["status"]
    run = ready["status"]["lastRun"]
    assert run["phase"] == "Succeeded" and {s["name"] for s in run["steps"]} == {"config", "token", "schedules", "agent", "bootstrap"}
    assert ready["metadata"]["finalizers"] == ["incidentfox.io/team-operator"]


def test_a_pass_is_known_by_its_trace(teams, operator, services):
    """In the Config Service's calls as in the operator's log."""
    teams.apply("traced", pipeline=scheduled())
    eventually(lambda: teams.ready("traced"))
    headers = [{k.lower(): v for k, v in c["headers"]} for c in services.config_service.calls("/nodes/traced")]
    parents = [re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-01", h.get("traceparent", "")) for h in headers]
    assert parents and all(parents), headers
    assert len({p[2] for p in parents}) == len(parents), "each request is a span of its own"
    lines = [json.loads(line) for line in operator.log.read_text().splitlines() if '"name":"traced"' in line]
    assert lines and all(line["controller"] == "teamprovisioning" and line["namespace"] == teams.namespace and line["reconcile_id"] for line in lines)
    assert parents[0][1] in {line["trace_id"] for line in lines}


def test_lists_that_are_absent_are_left_alone(teams, side, services):
    services.config_service.word("POST", "seed", {"orgs": {ORG: {"teams": {"kept": {"config": {"routing": {
        "slack_channel_ids": ["C0OLD"], "pagerduty_service_ids": ["P0OLD"]}, "notes": "theirs"}}}}}})
    teams.apply("kept", routing={"slackChannelIds": ["C0NEW"]})
    eventually(lambda: teams.ready("kept"))
    config = side("kept").config()
    assert config["routing"]["slack_channel_ids"] == ["C0NEW"] and config["routing"]["pagerduty_service_ids"] == ["P0OLD"]
    assert config["notes"] == "theirs"
    teams.change("kept", routing={"slackChannelIds": []})
    eventually(lambda: side("kept").config()["routing"]["slack_channel_ids"] == [])


def test_drift_in_the_config_service_is_repaired(teams, side):
    teams.apply("drifting", routing={"slackChannelIds": ["C0DRIFT"]}, config={"a": {"b": 1}})
    eventually(lambda: teams.ready("drifting"))
    side("drifting").change({"routing": {"slack_channel_ids": ["C0EVIL"]}, "a": {"b": 2, "c": 3}})
    eventually(lambda: side("drifting").config()["routing"]["slack_channel_ids"] == ["C0DRIFT"])
    assert side("drifting").config()["a"] == {"b": 1, "c": 3}  # what is not ours stays
    # The token too: somebody revokes it.
    (token,) = side("drifting").live_tokens()
    side("drifting").revoke(token)

    def issued_anew():
        held = held_token(teams, "drifting")
        assert held and held[0] != token and side("drifting").live_tokens() == {held[0]}, (held, side("drifting").live_tokens())
        return True

    eventually(issued_anew)


def test_a_released_key_keeps_its_value_and_an_event_says_so(teams, side):
    teams.apply("released", config={"keep": 1, "drop": {"this": True}})
    eventually(lambda: teams.ready("released"))
    teams.kube.kubectl("patch", "tprov", "released", "-n", teams.namespace, "--type=json", "-p", '[{"op":"remove","path":"/spec/config/drop"}]')
    (event,) = eventually(lambda: events(teams, "ConfigKeysReleased"))
    assert "drop.this" in event["note"]
    assert side("released").config()["drop"] == {"this": True}


def test_rotation_on_request_keeps_the_old_token_for_the_grace_period(teams, side):
    teams.apply("rotated", token={"gracePeriod": "4s"})
    eventually(lambda: teams.ready("rotated"))
    first, _ = held_token(teams, "rotated")
    annotate(teams, "rotated", rotate_token="now")
    eventually(lambda: held_token(teams, "rotated")[0] != first)
    second, _ = held_token(teams, "rotated")
    eventually(lambda: teams.get("rotated")["status"]["token"]["id"] == second)
    eventually(lambda: side("rotated").live_tokens() == {second})
    throughout(4, lambda: held_token(teams, "rotated")[0] == second or pytest.fail("rotated twice"))


@pytest.mark.parametrize("harm", ["deleted", "edited"])
def test_a_secret_that_is_harmed_gets_a_new_token(teams, side, harm):
    teams.apply(f"harmed-{harm}", token={"gracePeriod": "1s"})
    (ready,) = eventually(lambda: teams.ready(f"harmed-{harm}"))
    first, _ = held_token(teams, f"harmed-{harm}")
    name = ready["status"]["tokenSecretRef"]["name"]
    if harm == "deleted":
        teams.kube.delete("Secret", teams.namespace, name)
    else:
        teams.kube.merge("Secret", teams.namespace, name, {"stringData": {"token": "not.mine"}})

    def mended():
        held = teams.kube.get("Secret", teams.namespace, name) and held_token(teams, f"harmed-{harm}")
        assert held and held[0] != first and side(f"harmed-{harm}").live_tokens() == {held[0]}
        return True

    eventually(mended)


def test_a_strangers_secret_is_left_alone(teams, side):
    teams.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": teams.namespace, "name": "mine"}, "stringData": {"a": "b"}})
    teams.apply("stranger", token={"secretName": "mine"})
    eventually(lambda: reason(teams.get("stranger")) == "Conflict")
    assert teams.kube.get("Secret", teams.namespace, "mine")["data"].keys() == {"a"}
    assert side("stranger").live_tokens() == set()
    teams.change("stranger", token={"secretName": "other"})
    eventually(lambda: teams.ready("stranger"), 60)
    assert side("stranger").live_tokens() == {held_token(teams, "stranger")[0]}


def test_tokens_of_others_are_kept(teams, side, services):
    services.config_service.word("POST", "seed", {"orgs": {ORG: {"teams": {"adopted": {"tokens": ["theirs.secret"]}}}}})
    teams.apply("adopted")
    eventually(lambda: teams.ready("adopted"))
    assert side("adopted").live_tokens(None) == {"theirs", held_token(teams, "adopted")[0]}
    teams.delete("adopted")
    eventually(lambda: not teams.all())
    assert side("adopted").live_tokens(None) == {"theirs"}


def test_oidc_teams_get_no_token(teams, side):
    teams.apply("oidc", auth={"mode": "OIDC"})
    (ready,) = eventually(lambda: teams.ready("oidc"))
    assert side("oidc").live_tokens(None) == set() and "tokenSecretRef" not in ready["status"]
    assert condition(ready, "TokenReady") == {}


def test_one_identifier_belongs_to_the_older_team(teams, side):
    teams.apply("older", routing={"slackChannelIds": ["C0ONE"]})
    eventually(lambda: teams.ready("older"))
    later(teams.get("older"))
    teams.apply("younger", routing={"slackChannelIds": ["C0ONE", "C0TWO"]})
    eventually(lambda: reason(teams.get("younger")) == "RoutingConflict")
    assert "C0ONE" in condition(teams.get("younger"), "Ready")["message"] and "/older" in condition(teams.get("younger"), "Ready")["message"]
    eventually(lambda: side("younger").config()["routing"]["slack_channel_ids"] == ["C0TWO"])
    assert held_token(teams, "younger")  # all else goes on
    teams.change("older", routing={"slackChannelIds": []})
    eventually(lambda: teams.ready("younger"))
    assert side("younger").config()["routing"]["slack_channel_ids"] == ["C0ONE", "C0TWO"]


def test_a_change_that_waits_for_approval_is_sent_once(teams, side, services):
    services.config_service.faults({"match": {"method": "PUT", "path": "/nodes/pending/config"}, "status": 200,
                                 "body": {"status": "pending_approval", "id": "1"}})
    teams.apply("pending", config={"prompt": "new"})
    eventually(lambda: condition(teams.get("pending"), "ConfigSynced").get("reason") == "PendingApproval")
    throughout(7, lambda: None)  # two drift intervals
    puts = [c for c in services.config_service.calls("/nodes/pending/config") if c["method"] == "PUT"]
    assert len(puts) == 1
    services.config_service.faults()
    side("pending").change({"prompt": "new", "routing": {"team_id": "pending"}, "ai_pipeline": {"team_id": "pending"}})  # approved
    eventually(lambda: teams.ready("pending"))


def test_schedules_of_the_config_service(teams, side):
    teams.apply("scheduled", pipeline={"source": "ConfigService"})
    eventually(lambda: teams.ready("scheduled"))
    assert not teams.children("CronJob")
    side("scheduled").change({"ai_pipeline": {"enabled": True, "schedule": "5 4 * * *"}})
    annotate(teams, "scheduled", requested_at="now")
    (job,) = eventually(lambda: teams.children("CronJob").values())
    assert job["spec"]["schedule"] == "5 4 * * *"
    side("scheduled").change({"ai_pipeline": {"schedule": "when it rains"}})
    eventually(lambda: condition(teams.get("scheduled"), "PipelineScheduled").get("reason") == "InvalidSchedule")
    assert teams.children("CronJob")
    side("scheduled").change({"ai_pipeline": {"enabled": False}})
    eventually(lambda: not teams.children("CronJob"))


def test_back_to_shared_withdraws_the_url_first(teams, side, services, platform_cluster):
    teams.apply("back", runtime=dedicated())
    eventually(lambda: teams.ready("back"), 60)
    url = URL.format(org=ORG, name="back", ns=teams.namespace)
    eventually(lambda: (side("back").config().get("agent") or {}).get("dedicated_service_url") == url)
    services.config_service.faults({"match": {"path": "/nodes/back"}, "status": 503})
    teams.change("back", runtime={"mode": "Shared"})
    eventually(lambda: condition(teams.get("back"), "ConfigSynced").get("reason") == "DependencyUnavailable")
    assert ("Deployment", f"agent-dedicated-{ORG}-back") in teams.children()
    services.config_service.faults()
    eventually(lambda: not teams.children("Deployment") and not teams.children("Service"), 60)
    assert side("back").config()["agent"]["dedicated_service_url"] is None


@pytest.mark.parametrize("children", ["Delete", "Orphan"])
@pytest.mark.parametrize("config", ["Withdraw", "Retain", "Clear"])
def test_deletion_by_policy(teams, side, config, children):
    name = f"gone-{config}-{children}".lower()
    teams.apply(name, routing={"slackChannelIds": [f"C0{name}"]}, config={"a": {"b": 1}}, runtime=dedicated(), pipeline=scheduled(),
                deletionPolicy={"config": config, "children": children})
    (ready,) = eventually(lambda: teams.ready(name), 60)
    url = URL.format(org=ORG, name=name, ns=teams.namespace)
    eventually(lambda: (side(name).config().get("agent") or {}).get("dedicated_service_url") == url)
    secret, token = ready["status"]["tokenSecretRef"]["name"], held_token(teams, name)[0]
    teams.delete(name)
    eventually(lambda: not teams.all(), 60)

    its = side(name).config()
    retain, orphan = config == "Retain", children == "Orphan"
    assert its["routing"]["slack_channel_ids"] == ([f"C0{name}"] if retain else [])
    assert its["agent"]["dedicated_service_url"] == (url if retain and orphan else None)
    assert its["a"] == {"b": None if config == "Clear" else 1}
    assert side(name).live_tokens() == ({token} if retain else set())

    def held():
        return teams.kube.get("Secret", teams.namespace, secret)

    if orphan:
        assert len(teams.children()) == 3
        assert bool(held()) == retain
        for kind, its_name in list(teams.children()):
            teams.kube.delete(kind, teams.namespace, its_name)
        if retain:
            teams.kube.delete("Secret", teams.namespace, secret)
    else:
        eventually(lambda: not teams.children() and not held(), 75)


def test_deletion_gives_up_when_the_service_stays_away(teams, side, services):
    teams.apply("left", routing={"slackChannelIds": ["C0LEFT"]})
    eventually(lambda: teams.ready("left"))
    token, _ = held_token(teams, "left")
    services.config_service.listen(False)
    teams.delete("left")
    eventually(lambda: condition(teams.get("left"), "ConfigSynced").get("reason") == "DependencyUnavailable")
    eventually(lambda: not teams.all(), 60)
    (event,) = eventually(lambda: events(teams, "GaveUp"))
    assert event["type"] == "Warning" and token in event["note"] and "routing.slack_channel_ids" in event["note"]
    services.config_service.listen(True)


def test_the_cluster_part_does_not_wait_for_the_service(teams, side, services):
    """The service takes connections and never answers: teams that need it only partly, or not at all, keep their pace."""
    services.config_service.faults({"delay": 60})
    for i in range(12):
        teams.apply(f"slow-{i}", pipeline=scheduled())
    eventually(lambda: len(teams.children("CronJob")) == 12, 25)
    eventually(lambda: condition(teams.get("slow-0"), "ConfigSynced").get("reason") == "DependencyUnavailable", 60)
    services.config_service.faults()
    eventually(lambda: teams.ready(), 120)


def test_a_service_that_is_away_is_not_stormed(teams, side, services):
    before = len(services.config_service.calls(brief=True))
    services.config_service.faults({"status": 503})
    for i in range(20):
        teams.apply(f"storm-{i}")
    throughout(10, lambda: None)
    # 20 teams for 10 s: without a breaker each would have tried five times and more.
    assert len(services.config_service.calls(brief=True)) - before < 60
    services.config_service.faults()
    eventually(lambda: teams.ready(), 120)


def test_bootstrap_happens_once_and_again_on_request(teams, side, services):
    services.pipeline.faults({"status": 503, "times": 2})
    teams.apply("boot")
    eventually(lambda: teams.ready("boot"), 60)
    calls = side("boot").bootstraps()
    assert len(calls) == 3 and len(keys(calls)) == 1
    annotate(teams, "boot", requested_at="now")
    eventually(lambda: teams.get("boot")["status"].get("lastHandledReconcileAt") == "now")
    assert len(side("boot").bootstraps()) == 3
    annotate(teams, "boot", bootstrap="again")
    eventually(lambda: len(side("boot").bootstraps()) == 4)
    assert len(keys(side("boot").bootstraps())) == 2


def test_a_settled_team_makes_no_call(teams, side, services, operator, state):
    teams.apply("quiet", driftInterval="1h")
    eventually(lambda: teams.ready("quiet"))
    eventually(lambda: teams.get("quiet")["status"]["lastRun"]["phase"] == "Succeeded")
    before = len(services.config_service.calls("/quiet", brief=True))
    throughout(6, lambda: None)
    assert len(services.config_service.calls("/quiet", brief=True)) == before


def test_the_issuer_is_our_own_principal(teams, side):
    teams.apply("mine")
    eventually(lambda: teams.ready("mine"))
    assert len(side("mine").live_tokens(SUBJECT)) == 1
