"""Who may see and reach what: database roles, orgs, and the addresses that runs go to."""

import psycopg
import pytest

from support import platform, webhooks
from support.gateway import UNLIMITED
from support.postgres import INGEST_ROLE, WORKER_ROLE
from support.stubs import ADMIN_TOKEN, StubServices, request

EVENTS = "/api/v1/admin/events"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_the_internet_facing_role_cannot_read_what_it_stores(database, stubs, gateways):
    gateway = gateways(database, roles="webhooks")
    hook = webhooks.slack(platform.channel(0))
    assert webhooks.send(gateway.url, hook).accepted
    assert hook.body in [bytes(row["body"]) for row in database.query("SELECT body FROM orchestrator.payloads")]
    for statement in ("SELECT body FROM orchestrator.payloads", "SELECT * FROM orchestrator.inbox", "SELECT * FROM orchestrator.events",
                      "SELECT * FROM orchestrator.dedupe_keys", "UPDATE orchestrator.inbox SET state = 'done'",
                      "DELETE FROM orchestrator.inbox", "DELETE FROM orchestrator.dedupe_keys", "TRUNCATE orchestrator.payloads",
                      "CREATE TABLE orchestrator.mine ()", "SELECT * FROM orchestrator.admin_audit",
                      "INSERT INTO orchestrator.controls (changed_by) VALUES ('me')", "SELECT orchestrator.maintain(1, 1)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.query(statement, role=INGEST_ROLE)


def test_the_worker_owns_nothing(database):
    for statement in ("DROP TABLE orchestrator.payloads", "ALTER TABLE orchestrator.inbox ADD x int", "DROP SCHEMA orchestrator CASCADE"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.query(statement, role=WORKER_ROLE)


def test_a_run_goes_only_where_the_platform_says(database, stubs, gateways, state):
    """A team writes its own configuration, so what that says of an agent's address is believed only if the platform says the same."""
    gateway = gateways(database, **UNLIMITED)

    def runs(i):
        hook = webhooks.slack(platform.channel(i))
        assert webhooks.send(gateway.url, hook).accepted
        assert platform.wait_until_settled(database)[hook.id] == "done"
        return hook.key

    with StubServices(state / "stubs-dedicated", platform.seed()) as other:
        def configure(i, url):
            status, _ = request(f"{stubs.config_service.url}/api/v1/admin/orgs/{platform.ORG}/nodes/{platform.team(i)}/config", "PUT",
                                {"patch": {"agent": {"dedicated_service_url": url}}}, bearer(ADMIN_TOKEN))
            assert status == 200

        def declare(i, url):
            database.query("INSERT INTO orchestrator.team_runtimes (org_id, team_node_id, service_url, ready, mode) "
                           "VALUES (%s, %s, %s, true, 'dedicated')", platform.ORG, platform.team(i), url)

        configure(0, other.agent.url)
        declare(1, other.agent.url)
        configure(1, f"{other.agent.url}/")
        configure(2, other.slack.url)
        declare(2, other.agent.url)
        keys = [runs(i) for i in range(3)]
        shared, dedicated = platform.Runs(stubs.agent), platform.Runs(other.agent)
        assert shared.started(keys[0]) and shared.started(keys[2])
        assert dedicated.started(keys[1]) and list(dedicated.by_key) == [keys[1]]
        assert not other.slack.calls()


@pytest.fixture
def two_orgs(stubs):
    """A second org with a team, and an administrator's token of each."""
    stubs.config_service.word("POST", "seed", {"orgs": {
        platform.ORG: {"admin_tokens": ["acme.secret"]},
        "rival": {"admin_tokens": ["rival.secret"], "teams": {"their-team": {"config": {"routing": {"slack_channel_ids": ["C0RIVAL"]}}}}}}})
    return {platform.ORG: bearer("acme.secret"), "rival": bearer("rival.secret")}


def test_an_org_sees_and_replays_only_its_own_events(database, stubs, gateways, two_orgs):
    gateway = gateways(database, require_admin_star=1, **UNLIMITED)
    ours, theirs = webhooks.slack(platform.channel(0)), webhooks.slack("C0RIVAL")
    assert all(a.accepted for a in webhooks.send_all(gateway.url, [ours, theirs]))
    platform.wait_until_settled(database)
    seen = {}
    for org, token in two_orgs.items():
        status, answer = request(gateway.admin_url + EVENTS, headers=token)
        assert status == 200
        seen[org] = answer["events"]
        assert {event["org_id"] for event in seen[org]} == {org}
    mine, other = two_orgs[platform.ORG], seen["rival"][0]["id"]
    assert request(f"{gateway.admin_url}{EVENTS}?org_id=rival", headers=mine)[0] in (200, 403)
    assert request(f"{gateway.admin_url}{EVENTS}/{other}/replay", "POST", headers=mine)[0] in (403, 404)
    assert len(platform.Runs(stubs.agent).by_key[theirs.key]) == 1
    everything = request(gateway.admin_url + EVENTS, headers=bearer(ADMIN_TOKEN))[1]["events"]
    assert {event["org_id"] for event in everything} == {platform.ORG, "rival"}
    for headers, status in (({}, 401), (bearer("wrong"), 401), (bearer("x.y"), 401)):
        assert request(gateway.admin_url + EVENTS, headers=headers)[0] == status
