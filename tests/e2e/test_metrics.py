"""/metrics is what docs/metrics.md says, and neither more nor less."""

import urllib.request

from support import platform, webhooks
from support.metrics import documented, served
from support.waiting import eventually


def test_every_metric_of_the_operator_is_documented_and_the_other_way_round(operator):
    with urllib.request.urlopen(f"http://{operator.address('metrics')}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    assert served(text) == documented("team-operator")


def test_every_metric_of_the_gateway_is_documented_and_the_other_way_round(database, gateways):
    gateway = gateways(database)
    # Those of a secret come with its first use, those of the inbox with the worker's first look at it.
    assert webhooks.send(gateway.url, webhooks.slack(platform.channel(0))).accepted

    def everything():
        found = served(gateway.fetch("metrics", "/metrics")[1])
        assert not set(found) - set(documented("webhook-gateway"))
        return set(found) == set(documented("webhook-gateway"))

    eventually(everything, 30, "all metrics of docs/metrics.md are served")
    assert served(gateway.fetch("metrics", "/metrics")[1]) == documented("webhook-gateway")
