"""Judges every version of every TeamProvisioning by what readers of conditions rely on.

Those readers are kubectl wait, kstatus (sigs.k8s.io/cli-utils/pkg/kstatus), Argo CD's health checks and Flux, whose own
condition checker (fluxcd/pkg, runtime/conditions/check) the rules follow.
"""

import collections
import re

from support.kube import TEAM, Follower

NEGATIVE = ("Stalled", "Reconciling")  # true is bad; in order of weight
PRESENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


def kstatus(obj):
    """What kstatus makes of an object: Terminating, InProgress, Failed or Current."""
    status = obj.get("status") or {}
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != obj["metadata"]["generation"]:
        return "InProgress"
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "Current" if conditions.get("Ready", "True") == "True" else "InProgress"


def breaches(obj, former=None):
    """What is wrong with a status that the operator wrote; `former` is the version before it."""
    status = obj.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    generation, observed = obj["metadata"]["generation"], status.get("observedGeneration")
    if observed == -1 and not conditions:
        return  # untouched: the schema's default
    if observed is None or observed < 0:
        yield "a status without observedGeneration"
        return
    if observed > generation:
        yield f"observedGeneration {observed} is ahead of generation {generation}"
    ready = conditions.get("Ready")
    if ready is None:
        yield "no Ready"
        return
    negatives = [kind for kind in NEGATIVE if kind in conditions]
    for kind in negatives:
        if conditions[kind]["status"] != "True":
            yield f"{kind} is kept although it is {conditions[kind]['status']}"
        if ready["status"] != "False":
            yield f"Ready is {ready['status']} beside {kind}"
    if len(negatives) > 1:
        yield "Reconciling and Stalled at once"
    if negatives and any(ready[key] != conditions[negatives[0]][key] for key in ("reason", "message")):
        yield f"Ready does not say what {negatives[0]} says"
    if not negatives and ready["status"] != "True":
        yield f"Ready is {ready['status']}, yet neither Reconciling nor Stalled says why"
    for kind, condition in conditions.items():
        if condition.get("observedGeneration") != observed:
            yield f"{kind} speaks about generation {condition.get('observedGeneration')}, the status about {observed}"
        if not PRESENT.match(condition["lastTransitionTime"]):
            yield f"{kind} has lastTransitionTime {condition['lastTransitionTime']}"
    expected = {"True": ("Current",), "False": ("InProgress", "Failed")}[ready["status"]] if ready["status"] != "Unknown" else ()
    if observed == generation and not obj["metadata"].get("deletionTimestamp") and kstatus(obj) not in expected:
        yield f"kstatus reads {kstatus(obj)} where Ready is {ready['status']}"
    if former:
        yield from _breaches_between(former, obj)


def _breaches_between(former, obj):
    before = {c["type"]: c for c in (former.get("status") or {}).get("conditions") or []}
    after = {c["type"]: c for c in obj["status"]["conditions"]}
    if (former.get("status") or {}).get("observedGeneration", -1) > obj["status"]["observedGeneration"]:
        yield "observedGeneration went back"
    for kind in before.keys() & after.keys():
        moved = before[kind]["lastTransitionTime"] != after[kind]["lastTransitionTime"]
        if moved and before[kind]["status"] == after[kind]["status"]:
            yield f"{kind} has a new lastTransitionTime although its status is the same"
    if _without_times(former) == _without_times(obj):
        yield "a write that changes nothing but times"


def _without_times(obj):
    status = dict(obj.get("status") or {})
    status["conditions"] = [{k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status.get("conditions") or []]
    return status


class StatusOracle:
    """Sees the versions of all teams from now on; stop() raises if one of them was wrong."""

    def __init__(self, kube):
        self.former = {}
        self.wrong = collections.Counter()
        self.judged = 0
        self.follower = Follower(kube, TEAM, self.see)

    def see(self, event, obj):
        uid = obj["metadata"]["uid"]
        if event == "DELETED":
            self.former.pop(uid, None)
            return
        former, self.former[uid] = self.former.get(uid), obj
        if former and int(obj["metadata"]["resourceVersion"]) < int(former["metadata"]["resourceVersion"]):
            former = None  # etcd was restored: what came later has never been
        if former and former.get("status") == obj.get("status"):
            return
        self.judged += 1
        for breach in breaches(obj, former):
            self.wrong[f"{obj['metadata']['namespace']}/{obj['metadata']['name']}: {breach}: {obj.get('status')}"] += 1

    def stop(self):
        self.follower.stop()
        first = "\n".join(f"{text} ({times} times)" for text, times in list(self.wrong.items())[:10])
        assert not self.wrong, f"{len(self.wrong)} statuses break the rules of conditions:\n{first}"
