"""A platform of numbered teams for the gateway's tests, and the judge of what became of each webhook."""

import itertools
from collections import Counter, defaultdict

from support import webhooks
from support.waiting import eventually

ORG = "acme"


def channel(i):
    return f"C0TEAM{i}"


def repo(i):
    return f"acme/team-{i}"


def service(i):
    return f"PTEAM{i}"


def alert_source(i):
    return f"01SOURCE{i}"


def team(i):
    return f"team-{i}"


def seed(count=10, **config):
    """What the Config Service knows: `count` teams of one org, each with a channel, a repository, a service and an alert source."""
    return {"orgs": {ORG: {"config": config, "teams": {team(i): {"config": {"routing": {
        "slack_channel_ids": [channel(i)], "github_repos": [repo(i)], "pagerduty_service_ids": [service(i)],
        "incidentio_alert_source_ids": [alert_source(i)]}}} for i in range(count)}}}}


def mixed(count, teams=10):
    """Webhooks that each start a run, of four sources and all teams in turn."""
    makers = itertools.cycle([lambda i: webhooks.slack(channel(i)), lambda i: webhooks.github(repo(i)),
                              lambda i: webhooks.pagerduty(service(i)), lambda i: webhooks.incidentio(alert_source(i))])
    for n, maker in zip(range(count), makers, strict=False):
        yield maker(n // 4 % teams)


# ---------------------------------------------------------------- what became of them

PENDING = ("received", "ready", "held", "running", "retrying", "unknown")


def states(database):
    """The sender's id of each stored event -> its state. The one place that knows the gateway's tables."""
    rows = database.query("SELECT provider_id, state FROM orchestrator.inbox UNION ALL SELECT provider_id, state FROM orchestrator.events")
    found = {row["provider_id"]: row["state"] for row in rows}
    assert len(found) == len(rows), "one delivery is stored as two events"
    return found


def wait_until_settled(database, timeout=120):
    """Until every event has come to its end; the states."""
    def settled():
        found = states(database)
        left = Counter(state for state in found.values() if state in PENDING)
        assert not left, f"still pending: {dict(left)}"
        return found

    return eventually(settled, timeout)


class Runs:
    """The agent's side: each POST that it got, by the key that its webhook carried."""

    def __init__(self, *agents):
        self.posts = [call for agent in agents for call in agent.calls("/agents/", brief=True)]
        self.by_key = defaultdict(list)
        for post in self.posts:
            self.by_key[(post["message"] or "").rpartition("[")[2].partition("]")[0]].append(post)

    def started(self, key):
        """POSTs that began a run."""
        return [post for post in self.by_key.get(key, ()) if post["run_id"]]

    def of_team(self, i):
        return [post for post in self.posts if post["team"] == team(i)]


def judge(answers, database, *agents):
    """Nothing that was accepted is lost, and nothing ran twice: for an agent that records its runs and refuses none.

    A lost answer makes a vendor send again, and a killed worker leaves runs whose end it does not know. Neither excuses a second
    POST: the first is told by its id, the second by the record that the agent keeps.
    """
    found, runs = states(database), Runs(*agents)
    lost = [a.webhook for a in answers if a.accepted and not runs.started(a.webhook.key) and found.get(a.webhook.id) not in PENDING]
    assert not lost, f"{len(lost)} accepted events never ran, states: {Counter(found.get(w.id) for w in lost)}; first: {lost[0].id}"
    twice = {key: posts for key, posts in runs.by_key.items() if len(posts) > 1}
    assert not twice, f"{len(twice)} events were POSTed more than once, first: {next(iter(twice.values()))}"
    foreign = set(runs.by_key) - {a.webhook.key for a in answers}
    assert not foreign, f"runs that no webhook asked for: {foreign}"
    return runs
