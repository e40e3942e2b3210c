"""The Config Service: teams, their configuration and tokens, routing, and the audit of agent runs.

Its peculiarities are the real service's, found by calling it, and callers have to live with them; none is an accident of
this stub. Faults of its own:

commit_delay   seconds between the answer of a call that answers before its transaction ends (creating and changing nodes,
               issuing and revoking tokens) and the effect
commit_fails   true: the answer is the same, and nothing is stored
race           seconds between reading and writing in PUT of a config and PATCH of one's own: two at once lose an update
"""

import asyncio
import copy
import datetime
import hashlib
import json
import re
import secrets
import time
import uuid

from aiohttp import web

from stubs import jwt
from stubs.service import Service, json_response

ISSUER = "incidentfox-config-service"
AUDIENCE = "incidentfox-agent-runtime"

# Identifier -> the list of a team's routing that names it. In the order in which they are tried.
ROUTING = {
    "incidentio_team_id": "incidentio_team_ids", "pagerduty_service_id": "pagerduty_service_ids",
    "slack_channel_id": "slack_channel_ids", "github_repo": "github_repos", "coralogix_team_name": "coralogix_team_names",
    "incidentio_alert_source_id": "incidentio_alert_source_ids", "service": "services",
}

AGENTS = ("planner", "investigation_agent", "coding_agent", "k8s_agent", "aws_agent", "metrics_agent")
# As long as the real defaults: about 35 kB.
PROMPT = " ".join(["You investigate an incident: gather facts first, state what you know and how you know it."] * 65)
DEFAULTS = {
    "entrance_agent": "planner",
    "agents": {name: {"enabled": True, "name": name, "model": {"temperature": 0.3, "max_tokens": 16000},
                      "prompt": {"system": PROMPT, "prefix": "", "suffix": ""}, "max_turns": 50,
                      "tools": {"enabled": ["*"], "disabled": []}, "sub_agents": []} for name in AGENTS},
    "ai_pipeline": {"enabled": False, "schedule": "0 2 * * *"},
    "dependency_discovery": {"enabled": False, "schedule": "0 */2 * * *"},
    "correlation": {"enabled": False},
    "integrations": {},
}


class Refusal(Exception):
    def __init__(self, status, detail):
        super().__init__(detail)
        self.status, self.detail = status, detail


class Crash(Exception):
    """What the real service does not handle: 500, in plain text."""


# ---------------------------------------------------------------- small parts

TYPES = {
    "str": lambda v: isinstance(v, str), "int": lambda v: isinstance(v, int) and not isinstance(v, bool) or
    isinstance(v, float) and v.is_integer(), "float": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "object": lambda v: isinstance(v, dict), "list": lambda v: isinstance(v, list), "any": lambda v: True,
    "strings": lambda v: isinstance(v, dict) and all(isinstance(x, str) for x in v.values()),
}


def validated(body, **fields):
    """The fields of a body, absent ones as None. `name="str"` is required, `"str?"` may be absent or null; a pair adds a
    regular expression. Breaches are a 422."""
    wrong = []
    found = {}
    if not isinstance(body, dict):
        raise Refusal(422, [{"type": "model_attributes_type", "loc": ["body"], "msg": "Input should be an object", "input": body}])
    for name, kind in fields.items():
        kind, pattern = kind if isinstance(kind, tuple) else (kind, "")
        value = found[name] = body.get(name)
        if name not in body and not kind.endswith("?"):
            wrong.append({"type": "missing", "loc": ["body", name], "msg": "Field required", "input": body})
        elif value is None and kind.endswith("?"):
            continue
        elif not TYPES[kind.rstrip("?")](value):
            wrong.append({"type": f"{kind.rstrip('?')}_type", "loc": ["body", name], "msg": f"Input should be a valid {kind}", "input": value})
        elif pattern and not re.fullmatch(pattern, value):
            wrong.append({"type": "string_pattern_mismatch", "loc": ["body", name], "msg": f"String should match {pattern}", "input": value})
    if wrong:
        raise Refusal(422, wrong)
    return found


def stored(limit, *texts):
    """What the database does with a text that a column cannot hold."""
    for text in texts:
        if text is not None and (len(text) > limit or "\0" in text):
            raise Crash(f"a text does not fit into {limit} characters")


def merged(base, patch):
    """Objects merge, everything else replaces; null is a value like any other."""
    both = dict(base)
    for key, value in patch.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else copy.deepcopy(value)
    return both


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def zulu(when):
    return when and when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def naive(when):
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def instant(request, name):
    text = request.query.get(name)
    if not text:
        return None
    try:
        when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise Refusal(422, [{"type": "datetime_from_date_parsing", "loc": ["query", name], "msg": "Invalid datetime", "input": text}]) from None
    return when if when.tzinfo else when.replace(tzinfo=datetime.timezone.utc)


def number(request, name, default, low, high):
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
        raise Refusal(422, [{"type": "int_parsing", "loc": ["query", name], "msg": f"{low} to {high}", "input": text}])
    return int(text)


# ---------------------------------------------------------------- the service

RUN_FIELDS = ("id", "org_id", "team_node_id", "correlation_id", "trigger_source", "trigger_actor", "trigger_message", "agent_name",
              "status", "started_at", "completed_at", "tool_calls_count", "output_summary", "confidence", "duration_seconds", "error_message")


class ConfigService(Service):
    name = "config-service"

    def __init__(self, admin_token="admin-token", jwt_secret="impersonation-secret", token_ttl=900):
        super().__init__()
        self.admin_token, self.jwt_secret, self.token_ttl = admin_token, jwt_secret, token_ttl
        self.seeded = {}
        self.clear()
        org = "/api/v1/admin/orgs/{org}"
        for method, path, handler in (
            ("GET", "/health", self.health),
            ("GET", "/api/v1/auth/me", self.auth_me),
            ("GET", "/api/v1/config/me", self.config_me), ("GET", "/api/v1/config/me/effective", self.config_me),
            ("PATCH", "/api/v1/config/me", self.patch_config_me),
            ("GET", "/api/v1/config/orgs/{org}/nodes/{node}/effective", self.effective_config),
            ("GET", "/api/v1/config/orgs/{org}/nodes/{node}/raw", self.raw_config),
            ("POST", f"{org}/nodes", self.create_node), ("GET", f"{org}/nodes", self.list_nodes),
            ("GET", f"{org}/nodes/{{node}}", self.get_node), ("PATCH", f"{org}/nodes/{{node}}", self.change_node),
            ("GET", f"{org}/nodes/{{node}}/config", self.get_config), ("PUT", f"{org}/nodes/{{node}}/config", self.put_config),
            ("GET", f"{org}/tokens", self.list_org_tokens), ("POST", f"{org}/admin-tokens", self.issue_admin_token),
            ("GET", f"{org}/teams/{{node}}/tokens", self.list_tokens), ("POST", f"{org}/teams/{{node}}/tokens", self.issue_token),
            ("POST", f"{org}/teams/{{node}}/tokens/{{id}}/revoke", self.revoke_token),
            ("POST", f"{org}/teams/{{node}}/impersonation-token", self.impersonate),
            ("POST", f"{org}/teams/{{node}}/knowledge/docs", self.add_documents),
            ("GET", f"{org}/unified-audit", self.unified_audit),
            ("GET", f"{org}/unified-audit/agent-runs", self.list_runs), ("POST", f"{org}/unified-audit/agent-runs", self.audit_run),
            ("PATCH", f"{org}/unified-audit/agent-runs/{{id}}", self.finish_audited_run),
            ("POST", "/api/v1/internal/routing/lookup", self.lookup),
            ("POST", "/api/v1/internal/agent-runs", self.create_run), ("PATCH", "/api/v1/internal/agent-runs/{id}", self.finish_run),
            ("GET", "/api/v1/internal/agent-runs/{id}/tool-calls", self.tool_calls),
            ("POST", "/api/v1/internal/feedback", self.feedback), ("POST", "/api/v1/internal/meetings", self.meeting),
        ):
            self.app.router.add_route(method, path, self.in_json(handler))

    # -------------------------------------------------- state

    def clear(self):
        self.nodes, self.configs = {}, {}  # (org, node) -> row
        self.uncommitted = set()  # (org, node)
        self.tokens = {}  # token id -> row
        self.principals = {}  # whole token -> what auth/me says, for identities that others issue (OIDC)
        self.runs, self.calls_of_runs, self.token_events = {}, {}, []
        self.feedbacks, self.meetings, self.documents = [], [], {}
        self.version, self.cache = 0, {}
        self.seed(self.seeded)

    def seed(self, seed):
        """See examples of the tests: {"orgs": {ORG: {"config": {}, "admin_tokens": [TOKEN], "teams": {TEAM: {"config": {}, "tokens":
        [TOKEN]}}}}, "principals": {TOKEN: {…}}, "tool_calls": {RUN: […]}}. What is named already is merged into."""
        self.seeded = merged(self.seeded, seed)
        for org, its in seed.get("orgs", {}).items():
            self.put_node(org, org, None, "org", its.get("name"), its.get("config", {}))
            for token in its.get("admin_tokens", ()):
                self.put_token(token, org, None, "seed")
            for team, of_team in its.get("teams", {}).items():
                self.put_node(org, team, of_team.get("parent", org), "team", of_team.get("name"), of_team.get("config", {}))
                for token in of_team.get("tokens", ()):
                    self.put_token(token, org, team, "seed")
        self.principals |= seed.get("principals", {})
        self.calls_of_runs |= seed.get("tool_calls", {})

    def put_node(self, org, node, parent, kind, name, config):
        key = (org, node)
        self.nodes[key] = {"org_id": org, "node_id": node, "parent_id": parent, "node_type": kind, "name": name}
        row = self.configs.get(key, {"version": 0, "config": {}})
        self.write_config(key, merged(row["config"], config), "system")

    def put_token(self, token, org, team, by):
        token_id, _, secret = token.partition(".")
        self.tokens[token_id] = {"token_id": token_id, "org": org, "team": team, "digest": digest(secret), "issued_at": now(),
                                 "revoked_at": None, "issued_by": by}
        self.audit_token(self.tokens[token_id], "issued")

    def audit_token(self, row, what):
        self.token_events.append({"id": f"token_{len(self.token_events) + 1}", "org": row["org"], "source": "token", "event_type": what,
                                  "at": now(), "actor": row["issued_by"], "team_node_id": row["team"], "summary": f"Token {what}",
                                  "details": {"token_id": row["token_id"]}, "correlation_id": None})

    def write_config(self, key, config, by):
        row = self.configs.setdefault(key, {"version": 0})
        row |= {"config": config, "version": row["version"] + 1, "updated_at": now(), "updated_by": by}
        self.version += 1  # every cached answer is stale now
        self.cache.clear()
        return row

    def state(self):
        return {"nodes": list(self.nodes.values()), "configs": [{"org_id": o, "node_id": n, "version": r["version"], "config": r["config"]}
                                                               for (o, n), r in self.configs.items()],
                "runs": [self.run_row(r) for r in self.runs.values()], "feedback": self.feedbacks, "meetings": self.meetings,
                "tokens": [{"token_id": t["token_id"], "org_id": t["org"], "team_node_id": t["team"], "revoked": t["revoked_at"] is not None,
                            "issued_by": t["issued_by"]}
                           for t in self.tokens.values()]}

    async def post_seed(self, request):
        self.seed(await request.json())
        return {}

    def facts(self, call):
        """node: which one an administrator's call is about."""
        named = re.search(r"/(?:nodes|teams)/([^/]+)", call.path)
        if named:
            return {"node": named[1]}
        try:
            body = json.loads(call.body)
        except ValueError:
            body = None
        return {"node": body.get("node_id", "") if isinstance(body, dict) else ""}

    def away(self):
        """Whether it has stopped listening; one that never listened is there for the other stubs all the same."""
        return self.runner is not None and self.site is None

    def commit(self, request, effect):
        """Runs `effect`, which the answer of this request does not wait for."""
        fault = request["fault"]
        if fault.get("commit_fails"):
            return
        if fault.get("commit_delay"):
            asyncio.get_running_loop().call_later(fault.get("commit_delay"), effect)
        else:
            effect()

    # -------------------------------------------------- the shape of answers

    def in_json(self, handler):
        async def handle(request):
            try:
                request["json"] = self.body_of(request)
                value = await handler(request)
                return value if isinstance(value, web.Response) else json_response(value)
            except Refusal as refusal:
                return json_response({"detail": refusal.detail}, refusal.status)
            except Crash:
                return web.Response(text="Internal Server Error", status=500)

        return handle

    @staticmethod
    def body_of(request):
        body = request["call"].body
        if not body:
            return None
        kind = request.headers.get("Content-Type", "application/json").split(";")[0].strip().lower()
        try:
            if kind == "application/json" or kind.endswith("+json"):
                return json.loads(body)
        except ValueError as error:
            raise Refusal(422, [{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "ctx": {"error": str(error)}}]) from None
        return body.decode("utf-8", "replace")

    def answer_to(self, request, error):
        if error.status == 404 and request.path.endswith("/") and request.path != "/":
            query = f"?{request.query_string}" if request.query_string else ""
            return web.Response(status=307, headers={"Location": request.path.rstrip("/") + query})
        return json_response({"detail": {404: "Not Found", 405: "Method Not Allowed"}.get(error.status, error.reason)}, error.status)

    # -------------------------------------------------- who asks

    @staticmethod
    def credential(request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        return request.headers.get("X-Admin-Token", "").strip()

    def principal(self, token):
        """Who a token stands for, as auth/me says it; None for nobody."""
        if token in self.principals:
            return {"role": "team", "auth_kind": "oidc", "org_id": None, "team_node_id": None, "subject": None, "email": None,
                    "can_write": True, "permissions": [], "visitor_session_id": None} | self.principals[token]
        who = {"role": "admin", "auth_kind": "admin_token", "org_id": None, "team_node_id": None, "subject": None, "email": None,
               "can_write": True, "permissions": ["admin:*"], "visitor_session_id": None}
        dots = token.count(".")
        if dots == 0:
            return who | {"subject": "super_admin"} if token == self.admin_token else None
        if dots == 1:
            token_id, secret = token.split(".")
            row = self.tokens.get(token_id)
            if row is None or row["revoked_at"] or row["digest"] != digest(secret):
                return None
            if row["team"] is None:
                return who | {"org_id": row["org"]}
            return who | {"role": "team", "auth_kind": "team_token", "org_id": row["org"], "team_node_id": row["team"],
                          "permissions": ["team:read", "team:write"]}
        claims = jwt.claims_of(token, self.jwt_secret, AUDIENCE)
        if claims is None or claims.get("ifx_kind") != "team_impersonation":
            return None
        return who | {"role": "team", "auth_kind": "impersonation", "org_id": claims["org_id"], "team_node_id": claims["team_node_id"],
                      "subject": claims["sub"], "email": claims["email"], "can_write": False, "permissions": claims["scope"]}

    def admin(self, request, same_org=False):
        token = self.credential(request)
        if not token:
            if request.headers.get("X-Internal-Service") == "agent":
                return {"subject": "agent", "org_id": None}
            raise Refusal(401, "Missing admin token")
        who = self.principal(token)
        if who is None or who["role"] != "admin":
            raise Refusal(401, "Invalid admin token")
        if same_org and who["org_id"] not in (None, request.match_info["org"]):
            raise Refusal(403, f"Access denied: you can only access org '{who['org_id']}'")
        return who

    @staticmethod
    def internal(request):
        if not request.headers.get("X-Internal-Service"):
            raise Refusal(401, "Missing internal service header")

    def team(self, request):
        token = self.credential(request)
        if not token:
            org, node = request.headers.get("X-Org-Id"), request.headers.get("X-Team-Node-Id")
            if org and node:
                return {"org_id": org, "team_node_id": node, "can_write": True, "role": "team"}
            raise Refusal(401, "Missing Bearer token")
        who = self.principal(token)
        if who is None or who["role"] != "team":
            raise Refusal(401, "Invalid token")
        return who

    @staticmethod
    def key(request):
        return request.match_info["org"], request.match_info["node"]

    # -------------------------------------------------- identity and configuration

    async def health(self, request):
        return {"status": "ok"}

    async def auth_me(self, request):
        token = self.credential(request)
        if not token:
            raise Refusal(401, "Missing Bearer token")
        who = self.principal(token)
        if who is None:
            raise Refusal(401, "Invalid admin token" if "." not in token else "Invalid token")
        return who

    def effective(self, org, node):
        """(hierarchy, config) with everything inherited; an unknown node has the defaults."""
        chain, at = [node], self.nodes.get((org, node))
        while at and at["parent_id"] and at["parent_id"] not in chain:
            chain.insert(0, at["parent_id"])
            at = self.nodes.get((org, at["parent_id"]))
        config = DEFAULTS
        for one in chain:
            config = merged(config, self.configs.get((org, one), {}).get("config", {}))
        return chain, config

    def cached(self, key, make):
        """Answers that many callers want, until anything changes."""
        if key not in self.cache:
            self.cache[key] = make()
        return self.cache[key]

    def effective_answer(self, org, node):
        def make():
            chain, config = self.effective(org, node)
            return json.dumps({"node_id": node, "effective_config": config, "computed_at": None, "hierarchy": chain}).encode()

        return web.Response(body=self.cached(("effective", org, node), make), content_type="application/json")

    async def config_me(self, request):
        who = self.team(request)
        return self.effective_answer(who["org_id"], who["team_node_id"])

    async def effective_config(self, request):
        self.admin(request)
        return self.effective_answer(*self.key(request))

    def config_row(self, key):
        row, node = self.configs[key], self.nodes.get(key, {})
        return {"org_id": key[0], "node_id": key[1], "node_type": node.get("node_type"), "config": row["config"], "version": row["version"],
                "updated_at": zulu(row["updated_at"]), "updated_by": row["updated_by"]}

    async def raw_config(self, request):
        self.admin(request)
        if self.key(request) not in self.configs:
            raise Refusal(404, "Node configuration not found: " + "/".join(self.key(request)))
        return self.config_row(self.key(request))

    async def get_config(self, request):
        self.admin(request)
        return {"config": self.configs.get(self.key(request), {}).get("config", {})}

    async def read_merge_write(self, request, key, patch, by):
        """Without any lock, as the real one: whoever writes in between is overwritten."""
        if key not in self.configs:
            raise Refusal(400, f"Node configuration not found: {key[0]}/{key[1]}")
        if "\0" in json.dumps(patch, ensure_ascii=False) or "\\u0000" in json.dumps(patch):
            raise Crash("a NUL")
        config = merged(self.configs[key]["config"], patch)
        if request["fault"].get("race"):
            await asyncio.sleep(request["fault"].get("race"))
        self.write_config(key, config, by)
        return config

    async def put_config(self, request):
        self.admin(request)
        patch = validated(request["json"], patch="object")["patch"]
        return {"config": await self.read_merge_write(request, self.key(request), patch, "admin")}

    async def patch_config_me(self, request):
        who = self.team(request)
        if not who["can_write"]:
            raise Refusal(403, "Write access required")
        key = who["org_id"], who["team_node_id"]
        await self.read_merge_write(request, key, validated(request["json"], config="object", reason="str?")["config"], "team")
        return self.config_row(key)

    # -------------------------------------------------- nodes

    async def create_node(self, request):
        self.admin(request, same_org=True)
        org = request.match_info["org"]
        body = validated(request["json"], node_id=("str", r"(?s).{1,128}"), parent_id="str?", node_type=("str", "org|team"), name="str?")
        stored(64, org)
        stored(128, body["node_id"])
        stored(256, body["name"])
        key = org, body["node_id"]
        if key in self.nodes:
            raise Refusal(400, f"Node already exists: {key[1]}")
        if body["parent_id"] is not None and (org, body["parent_id"]) not in self.nodes:
            raise Refusal(400, f"Parent not found: {body['parent_id']}")
        if key in self.uncommitted:
            raise Crash("the other transaction's row")
        self.uncommitted.add(key)

        def effect():
            self.uncommitted.discard(key)
            self.put_node(org, key[1], body["parent_id"], body["node_type"], body["name"], {})

        if request["fault"].get("commit_fails"):
            self.uncommitted.discard(key)
        self.commit(request, effect)
        return {"org_id": org, "node_id": key[1], "parent_id": body["parent_id"], "node_type": body["node_type"], "name": body["name"],
                "template_applied": False}

    async def list_nodes(self, request):
        self.admin(request, same_org=True)
        return sorted((n for (org, _), n in self.nodes.items() if org == request.match_info["org"]), key=lambda n: n["node_id"])

    async def get_node(self, request):
        self.admin(request, same_org=True)
        if self.key(request) not in self.nodes:
            raise Refusal(404, f"Node not found: {request.match_info['node']}")
        return self.nodes[self.key(request)]

    async def change_node(self, request):
        self.admin(request)
        body = validated(request["json"], parent_id="str?", name="str?")
        org, node = key = self.key(request)
        if key not in self.nodes:
            raise Refusal(400, f"Node not found: {node}")
        if body["parent_id"] == node:
            raise Refusal(400, "A node cannot be its own parent")
        if body["parent_id"] is not None and (org, body["parent_id"]) not in self.nodes:
            raise Refusal(400, f"Parent not found: {body['parent_id']}")
        changed = self.nodes[key] | {k: v for k, v in body.items() if v is not None}

        def effect():
            self.nodes[key] = changed
            self.cache.clear()

        self.commit(request, effect)
        return changed

    # -------------------------------------------------- tokens

    @staticmethod
    def listed(token):
        return {"token_id": token["token_id"], "issued_at": zulu(token["issued_at"]), "revoked_at": zulu(token["revoked_at"]),
                "issued_by": token["issued_by"]}

    async def list_tokens(self, request):
        self.admin(request)
        org, team = self.key(request)
        found = [t for t in self.tokens.values() if (t["org"], t["team"]) == (org, team)]
        return [self.listed(t) for t in sorted(found, key=lambda t: t["issued_at"], reverse=True)]

    async def list_org_tokens(self, request):
        self.admin(request)
        org = request.match_info["org"]
        if (org, org) not in self.nodes:
            raise Refusal(404, f"Node not found: {org}")
        return [self.listed(t) | {"team_node_id": t["team"]} for t in self.tokens.values() if t["org"] == org and t["team"]]

    def mint(self, request, who, org, team):
        by = "admin" if who.get("auth_kind", "admin_token") == "admin_token" else who["subject"] or who["email"]
        token = f"{secrets.token_hex(16)}.{secrets.token_urlsafe(32)}"
        self.commit(request, lambda: self.put_token(token, org, team, by))
        return {"token": token, "issued_at": naive(now())}

    async def issue_token(self, request):
        who = self.admin(request)
        if self.key(request) not in self.nodes:
            raise Crash("the foreign key")
        return self.mint(request, who, *self.key(request))

    async def issue_admin_token(self, request):
        return self.mint(request, self.admin(request), request.match_info["org"], None)

    async def revoke_token(self, request):
        """Says ok whatever the id is."""
        self.admin(request)
        row = self.tokens.get(request.match_info["id"])
        if row and (row["org"], row["team"]) == self.key(request) and row["revoked_at"] is None:
            def effect():
                row["revoked_at"] = now()
                self.audit_token(row, "revoked")

            self.commit(request, effect)
        return {"status": "ok"}

    async def impersonate(self, request):
        """For any name: whether there is such a team is not looked at."""
        who = self.admin(request)
        org, team = self.key(request)
        issued = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": who["subject"] or "org_admin", "email": None, "org_id": org, "team_node_id": team,
                  "ifx_kind": "team_impersonation", "scope": ["team:read"], "iat": issued, "exp": issued + self.token_ttl, "jti": uuid.uuid4().hex}
        expires = datetime.datetime.fromtimestamp(claims["exp"], datetime.timezone.utc)
        return {"token": jwt.issue(claims, self.jwt_secret), "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%S")}

    # -------------------------------------------------- routing

    async def lookup(self, request):
        self.internal(request)
        body = validated(request["json"], identifiers="strings", org_id="str?")
        found = self.cached(("lookup", json.dumps(body, sort_keys=True)), lambda: self.look_up(body["identifiers"], body["org_id"]))
        if isinstance(found, Crash):
            raise found
        return found

    def look_up(self, identifiers, within):
        """Team by team in no promised order, only a team's own lists, case counts; a team with a malformed list breaks it."""
        tried = []
        for kind, plural in ROUTING.items():
            value = identifiers.get(kind, "").strip()
            if not value:
                continue
            tried.append(kind)
            for (org, node), row in self.nodes.items():
                if row["node_type"] != "team" or within not in (None, org):
                    continue
                routing = self.configs.get((org, node), {}).get("config", {}).get("routing") or {}
                if not isinstance(routing, dict):
                    return Crash("routing is no object")
                values = routing.get(plural) or []
                if not isinstance(values, (list, str)) or not all(isinstance(v, str) for v in values):
                    return Crash("a list with something else than strings")
                if value in [v.strip() for v in values]:
                    return {"found": True, "org_id": org, "team_node_id": node, "team_token": None, "matched_by": kind,
                            "matched_value": value, "tried": tried}
        return {"found": False, "org_id": None, "team_node_id": None, "team_token": None, "matched_by": None, "matched_value": None, "tried": tried}

    # -------------------------------------------------- agent runs

    @staticmethod
    def run_row(run):
        return {field: zulu(run[field]) if field.endswith("_at") else run[field] for field in RUN_FIELDS}

    def add_run(self, body):
        """Also the way of the agent's stub, which spares itself the request."""
        stored(64, body["run_id"], body["org_id"], body.get("correlation_id"), body["agent_name"])
        stored(128, body.get("team_node_id"))
        stored(32, body.get("trigger_source"))
        if body["run_id"] in self.runs:
            raise Crash("the primary key")
        self.runs[body["run_id"]] = dict.fromkeys(RUN_FIELDS) | {
            "id": body["run_id"], "status": "running", "started_at": now(),
            **{k: v for k, v in body.items() if k in RUN_FIELDS}}
        return self.runs[body["run_id"]]

    def end_run(self, run_id, body):
        """Overwrites: what the body leaves out is null afterwards. How long it took is computed, whatever the body says."""
        run = self.runs.get(run_id)
        if run is None:
            raise Refusal(404, "Agent run not found")
        run |= {k: body.get(k) for k in ("tool_calls_count", "output_summary", "error_message", "confidence")}
        run |= {"status": body["status"], "completed_at": now()}
        run["duration_seconds"] = (run["completed_at"] - run["started_at"]).total_seconds()
        return run

    async def create_run(self, request):
        self.internal(request)
        return self.run_row(self.add_run(validated(
            request["json"], run_id="str", org_id="str", team_node_id="str", correlation_id="str", agent_name="str", trigger_source="str?",
            trigger_actor="str?", trigger_message="str?", trigger_channel_id="str?", metadata="object?")))

    async def finish_run(self, request):
        self.internal(request)
        body = validated(request["json"], status="str", duration_seconds="float", tool_calls_count="int?", output_summary="str?",
                         output_json="object?", error_message="str?", confidence="float?")
        return self.run_row(self.end_run(request.match_info["id"], body))

    async def audit_run(self, request):
        self.admin(request)
        return self.run_row(self.add_run(validated(
            request["json"], run_id="str", org_id="str", team_node_id="str?", correlation_id="str?", trigger_source="str", trigger_actor="str?",
            trigger_message="str?", trigger_channel_id="str?", agent_name="str", metadata="object?")))

    async def finish_audited_run(self, request):
        self.admin(request)
        body = validated(request["json"], run_id="str", status=("str", "completed|failed|timeout"), tool_calls_count="int?",
                         output_summary="str?", output_json="object?", error_message="str?", confidence="int?")
        return self.run_row(self.end_run(request.match_info["id"], body))

    def runs_of(self, request):
        org, team = request.match_info["org"], request.query.get("team_node_id")
        since, until = instant(request, "since"), instant(request, "until")
        return [r for r in self.runs.values() if r["org_id"] == org and team in (None, r["team_node_id"]) and
                (since is None or r["started_at"] >= since) and (until is None or r["started_at"] <= until)]

    async def list_runs(self, request):
        self.admin(request)
        offset, limit = number(request, "offset", 0, 0, 10**9), number(request, "limit", 50, 1, 500)
        wanted = {k: request.query[k] for k in ("status", "trigger_source", "agent_name") if k in request.query}
        found = [r for r in self.runs_of(request) if all(r[k] == v for k, v in wanted.items())]
        return [self.run_row(r) for r in sorted(found, key=lambda r: r["started_at"], reverse=True)[offset:offset + limit]]

    async def unified_audit(self, request):
        self.admin(request)
        offset, limit = number(request, "offset", 0, 0, 10**9), number(request, "limit", 50, 1, 500)
        since, until, team = instant(request, "since"), instant(request, "until"), request.query.get("team_node_id")
        sources = request.query.get("sources", "token,config,agent").split(",")
        if "config" in sources:
            raise Crash("its history of configurations cannot be read")
        events = []
        if "token" in sources:
            events += [e for e in self.token_events if e["org"] == request.match_info["org"] and team in (None, e["team_node_id"]) and
                       (since is None or e["at"] >= since) and (until is None or e["at"] <= until)]
        if "agent" in sources:
            events += [{"id": f"agent_{r['id']}", "source": "agent", "event_type": f"agent_{r['status']}", "at": r["started_at"],
                        "actor": r["trigger_actor"], "team_node_id": r["team_node_id"],
                        "summary": f"Agent run {r['status']}: {r['agent_name']}",
                        "details": {"agent_name": r["agent_name"], "trigger_source": r["trigger_source"], "trigger_message": r["trigger_message"],
                                    "status": r["status"], "tool_calls": r["tool_calls_count"], "duration_seconds": r["duration_seconds"],
                                    "confidence": r["confidence"], "error": r["error_message"]},
                        "correlation_id": r["correlation_id"]} for r in self.runs_of(request)]
        events.sort(key=lambda e: e["at"], reverse=True)

        def shown(event):
            node = self.nodes.get((request.match_info["org"], event["team_node_id"]), {})
            return {k: v for k, v in event.items() if k not in ("at", "org")} | {
                "timestamp": zulu(event["at"]), "team_name": node and (node["name"] or node["node_id"]) or None}

        return {"events": [shown(e) for e in events[offset:offset + limit]], "total": len(events), "limit": limit, "offset": offset,
                "has_more": offset + limit < len(events)}

    async def tool_calls(self, request):
        self.internal(request)
        found = self.calls_of_runs.get(request.match_info["id"], [])
        return {"tool_calls": found, "total": len(found)}

    # -------------------------------------------------- the rest

    async def feedback(self, request):
        self.internal(request)
        body = validated(request["json"], run_id="str", correlation_id="str?", feedback=("str", "positive|negative"), user_id="str?",
                         source="str?", comment="str?")
        row = {"id": uuid.uuid4().hex, "run_id": body["run_id"], "correlation_id": body["correlation_id"], "feedback_type": body["feedback"],
               "user_id": body["user_id"], "source": body["source"], "created_at": zulu(now())}
        self.feedbacks.append(row)
        return row

    async def meeting(self, request):
        self.internal(request)
        body = validated(request["json"], org_id="str", team_node_id="str", meeting_id="str", name="str?", duration="int?", meetingUrl="str?",
                         attendees="list?", notes="str?", transcript="list?", provider="str?")
        row = {"id": uuid.uuid4().hex, "created_at": zulu(now()), **body}
        self.meetings.append(row)
        return row

    async def add_documents(self, request):
        self.admin(request)
        if not isinstance(request["json"], list):
            raise Refusal(422, [{"type": "list_type", "loc": ["body"], "msg": "Input should be a valid list", "input": request["json"]}])
        for document in request["json"]:
            body = validated(document, doc_id="str", title="str?", content="str")
            self.documents[(*self.key(request), body["doc_id"])] = body
        return {"status": "ok", "upserted": len(request["json"])}
