"""Every payload that GitHub publishes as an example, through all roles of the gateway to the agent: as it is, and as if it meant us."""

import copy
import json
import pathlib
import subprocess
import uuid

import pytest

from support import platform, webhooks
from support.cluster import ROOT
from support.gateway import UNLIMITED
from support.stubs import StubServices

TEAMS = {"hello": "Codertocat/Hello-World", "octo": "octo-org/octo-repo"}  # the repositories of the examples
NOBODYS = "Codertocat/Nobodys"
BOT = "incidentfox"
PEOPLE = {"issue_comment": ("comment", "created"), "pull_request_review_comment": ("comment", "created"), "issues": ("issue", "opened"),
          "pull_request": ("pull_request", "opened")}
CHECKS = {"workflow_run": "workflow_run", "check_suite": "check_suite"}


@pytest.fixture(scope="module")
def examples():
    """(name of the event, payload), of @octokit/webhooks-examples."""
    node = subprocess.run([ROOT / "tools" / "deps", "--node"], check=True, capture_output=True, text=True).stdout.strip()
    index = pathlib.Path(node, "node_modules", "@octokit", "webhooks-examples", "api.github.com", "index.json")
    return [(event["name"], example) for event in json.loads(index.read_text()) for example in event["examples"]]


@pytest.fixture
def stubs(state):
    teams = {team: {"config": {"routing": {"github_repos": [repo]}}} for team, repo in TEAMS.items()}
    with StubServices(state / "stubs-examples", {"orgs": {"acme": {"config": {}, "teams": teams}}}) as stubs:
        yield stubs


def delivery(event, payload):
    guid = str(uuid.uuid4())
    return webhooks.Webhook("github", "/webhooks/github", webhooks.encoded(payload), guid, "", webhooks.JSON | {
        "X-GitHub-Event": event, "X-GitHub-Delivery": guid, "User-Agent": "GitHub-Hookshot/tests"})


def meant_for_us(event, payload):
    """The same, but what people say is said to the bot, and what was checked has failed where it hurts. None: there is no such thing.
    Those of one kind are of a repository that belongs to no team."""
    payload = copy.deepcopy(payload)
    if event == "pull_request_review_comment":
        payload["repository"]["full_name"] = NOBODYS
    if event in PEOPLE:
        subject = payload[PEOPLE[event][0]]
        subject["body"] = f"{subject['body'] or ''} @{BOT} what do you think?"
    elif event in CHECKS:
        payload[CHECKS[event]] |= {"conclusion": "failure", "head_branch": payload["repository"]["default_branch"],
                                   "head_sha": uuid.uuid4().hex}
        if event == "check_suite":
            payload[event]["app"].setdefault("slug", "some-ci")  # examples of former years have none
    else:
        return None
    return payload


def starts_a_run(event, payload):
    """The policy of the config file's defaults, told once more."""
    if event in PEOPLE:
        member, action = PEOPLE[event]
        subject = payload[member]
        text = f"{subject.get('title', '')} {subject['body'] or ''}"
        return (payload["action"] == action and f"@{BOT}" in text and subject["author_association"] in ("OWNER", "MEMBER", "COLLABORATOR")
                and "Bot" not in (payload["sender"]["type"], subject["user"]["type"]))
    if event in CHECKS:
        check, repository = payload[CHECKS[event]], payload["repository"]
        at_home = (check["head_repository"]["full_name"] == repository["full_name"] if event == "workflow_run" else
                   all(pull["head"]["repo"]["id"] == repository["id"] for pull in check["pull_requests"]
                       if pull["head"]["ref"] == check["head_branch"]))
        return (payload["action"] == "completed" and check["conclusion"] in ("failure", "timed_out") and at_home
                and check["head_branch"] == repository["default_branch"]
                and (event == "workflow_run" or check["app"].get("slug") not in (None, "github-actions")))
    return False


@pytest.mark.timeout(240)
def test_every_example_of_github_ends_as_the_policy_says(database, stubs, gateways, examples, figure):
    assert len(examples) == 329
    deliveries = [(event, payload, delivery(event, payload)) for event, payload in examples]
    for event, payload in examples:
        if (changed := meant_for_us(event, payload)) is not None:
            deliveries.append((event, changed, delivery(event, changed)))
    # Only the body is signed: one that was seen before is a repetition, whatever else came with it.
    firsts = {}
    for event, payload, hook in deliveries:
        firsts.setdefault(hook.body, (event, payload, hook))
    expected = {hook.id: (event, payload) for event, payload, hook in firsts.values()}
    run = {guid for guid, (event, payload) in expected.items() if starts_a_run(event, payload)}
    assert {expected[guid][0] for guid in run} == {*PEOPLE, *CHECKS}, "the examples show all that starts a run"
    figure("examples of GitHub, as they are and as if they meant us", len(deliveries))

    gateway = gateways(database, **UNLIMITED)

    def send(hooks):
        answers = webhooks.send_all(gateway.url, hooks, concurrency=1)  # in order: of two equal bodies the first one counts
        assert {answer.status for answer in answers} == {202}, [(a.webhook.id, a.status, a.body) for a in answers if a.status != 202][:5]

    send([hook for _, _, hook in deliveries])
    states = platform.wait_until_settled(database)
    assert states.keys() == expected.keys()
    for guid, (event, payload) in expected.items():
        wanted = "ignored" if guid not in run else "unrouted" if payload["repository"]["full_name"] == NOBODYS else "done"
        assert states[guid] == wanted, (event, payload.get("action"))
    reasons = database.query("SELECT state, reason, count(*) FROM orchestrator.events GROUP BY 1, 2 ORDER BY 1, 2")
    assert all(row["reason"] for row in reasons if row["state"] != "done"), reasons

    def runs():
        bodies = (call["body"] for call in stubs.agent.calls("/agents/"))
        return sorted(body["context"]["metadata"]["github"]["delivery_id"] for body in bodies)

    started = sorted(guid for guid in run if states[guid] == "done")
    assert runs() == started, "each has run once, and nothing else has"

    # All of them again: as GitHub's button does it, and under other ids, as somebody else would.
    send([hook for _, _, hook in deliveries])
    send([delivery(event, payload) for event, payload, _ in deliveries])
    assert platform.wait_until_settled(database) == states
    assert runs() == started
