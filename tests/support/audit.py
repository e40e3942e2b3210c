"""What a user asked the API server for, from its audit log."""

import dataclasses
import json
import os

from support.waiting import INTERVAL, eventually

READS = ("get", "list")


@dataclasses.dataclass(frozen=True)
class Request:
    verb: str
    group: str
    resource: str  # with the subresource, as in a role: teamprovisionings/status
    namespace: str
    name: str
    code: int  # 0: a watch that has only begun
    forbidden: bool  # by its role; a 403 of an admission plugin is not meant
    credential: str  # the token's id

    @property
    def is_watch(self):
        return self.verb == "watch"

    @property
    def is_read(self):
        return self.verb in READS

    @property
    def is_write(self):
        return not self.is_watch and not self.is_read

    def __str__(self):
        return f"{self.verb} {self.resource} {self.namespace}/{self.name} -> {self.code}"


class AuditLog:
    """Reads a log that is written while it is read. A mark is a position in it."""

    def __init__(self, path, user):
        self.path, self.user = path, user

    def mark(self):
        return os.path.getsize(self.path)

    def requests(self, since=0, namespace=None, credential=None):
        """The user's requests that were answered since then, and the watches that have begun; those with one token only, if
        its id is given."""
        found = []
        with open(self.path, "rb") as log:
            log.seek(since)
            for line in log:
                if line.endswith(b"\n") and self.user.encode() in line:  # the last line may still be half
                    entry = json.loads(line)
                    ids = entry["user"].get("extra", {}).get("authentication.kubernetes.io/credential-id", [])
                    if credential is not None and credential not in ids:
                        continue
                    request = _request(entry, self.user)
                    if request and namespace in (None, request.namespace):
                        found.append(request)
        return found

    def quiet(self, since, seconds=1.0, timeout=30, namespace=None):
        """The requests since then, once `seconds` have gone by without a new one."""
        state = {"requests": [], "looks": 0}

        def look():
            now = [r for r in self.requests(since, namespace) if not r.is_watch]
            state["looks"] = state["looks"] + 1 if len(now) == len(state["requests"]) else 0
            state["requests"] = now
            return state["looks"] * INTERVAL >= seconds

        eventually(look, timeout, "the operator does not come to rest")
        return state["requests"]


def _request(entry, user):
    if entry["user"]["username"] != user:
        return None
    watching = entry["verb"] == "watch"
    if entry["stage"] != ("ResponseStarted" if watching else "ResponseComplete"):
        return None if not watching or entry.get("responseStatus", {}).get("code", 200) < 300 else _build(entry)
    return _build(entry)


def _build(entry):
    ref = entry.get("objectRef", {})
    sub = ref.get("subresource")
    return Request(
        verb=entry["verb"], group=ref.get("apiGroup", ""), resource=ref.get("resource", entry["requestURI"]) + (f"/{sub}" if sub else ""),
        namespace=ref.get("namespace", ""), name=ref.get("name", ""), code=entry.get("responseStatus", {}).get("code", 0),
        forbidden=entry.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid",
        credential=(entry["user"].get("extra", {}).get("authentication.kubernetes.io/credential-id") or [""])[0],
    )
