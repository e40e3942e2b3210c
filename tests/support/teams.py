"""TeamProvisionings, and what the operator makes of them."""

import datetime
import time

from support.kube import TEAM, TEAM_API
from support.waiting import eventually

LABELS = "app.kubernetes.io/managed-by=team-operator"
CHILD_KINDS = ("CronJob", "NetworkPolicy", "PodDisruptionBudget", "Deployment", "HorizontalPodAutoscaler", "Service")


def team(namespace, name, org="acme", node=None, **spec):
    """A team whose node has the resource's name unless it is given."""
    return {
        "apiVersion": TEAM_API, "kind": TEAM, "metadata": {"namespace": namespace, "name": name},
        "spec": {"orgId": org, "teamNodeId": node or name} | spec,
    }


def dedicated(**settings):
    return {"mode": "Dedicated"} | ({"dedicated": settings} if settings else {})


def scheduled(schedule="0 2 * * *", **more):
    return {"schedule": schedule} | more


def everything(**more):
    """A spec with which the team has one child of each kind but an autoscaler, and two CronJobs."""
    return {
        "pipeline": scheduled(), "dependencyDiscovery": {"schedule": "0 3 * * *"},
        "runtime": dedicated(replicas=2, networkIsolation="Enabled"),
    } | more


def condition(obj, kind):
    """The condition of this type, or an empty dict."""
    conditions = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def is_ready(obj):
    """Ready, and about the present spec."""
    if not obj or (obj.get("status") or {}).get("observedGeneration") != obj["metadata"]["generation"]:
        return False
    return condition(obj, "Ready").get("status") == "True"


def reason(obj):
    return condition(obj, "Ready").get("reason")


def later(obj):
    """After the second in which it was made: what is made then is younger, whatever its uid."""
    made = datetime.datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
    eventually(lambda: time.time() > made.timestamp() + 1)


class Teams:
    """The teams of one namespace."""

    def __init__(self, kube, namespace):
        self.kube, self.namespace = kube, namespace

    def make(self, name, **spec):
        return team(self.namespace, name, **spec)

    def apply(self, name, **spec):
        return self.kube.apply(self.make(name, **spec))

    def get(self, name):
        return self.kube.get(TEAM, self.namespace, name)

    def change(self, name, **spec):
        """Merges into the spec; None removes a field."""
        return self.kube.merge(TEAM, self.namespace, name, {"spec": spec})

    def delete(self, name):
        return self.kube.delete(TEAM, self.namespace, name)

    def delete_all(self):
        """What a test leaves must not be the older resource for a team of the next test."""
        return self.kube.call("DELETE", self.kube.path(TEAM, self.namespace))

    def all(self):
        return self.kube.list(TEAM, self.namespace)

    def children(self, kind=None):
        """{(kind, name): object} of everything that carries the operator's label."""
        kinds = (kind,) if kind else CHILD_KINDS
        return {(k, o["metadata"]["name"]): o for k in kinds for o in self.kube.list(k, self.namespace, LABELS)}

    def ready(self, *names):
        """Asserts that these are Ready (for eventually()); returns them."""
        found = {t["metadata"]["name"]: t for t in self.all()}
        wanted = names or tuple(found)
        for name in wanted:
            assert name in found, f"there is no team {name}"
            assert is_ready(found[name]), f"team {name}: {found[name].get('status')}"
        return [found[name] for name in wanted]
