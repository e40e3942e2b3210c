"""The AI pipeline's API, Slack and GitHub: what is called there is recorded, and answered as they would."""

import json
import time
import uuid

from stubs.service import Service, json_response


class Pipeline(Service):
    """What it was asked for, by team: {"bootstraps": {TEAM: [{key, run_id, body}]}, "runs": {…}}. A request with the
    Idempotency-Key of an earlier one for that team is the same request, and counts once."""

    name = "pipeline"

    def __init__(self):
        super().__init__()
        self.clear()
        self.app.router.add_post("/api/v1/teams/{team}/bootstrap", self.bootstrap)
        self.app.router.add_post("/api/v1/teams/{team}/run", self.run)
        self.app.router.add_get("/health", self.health)

    async def health(self, request):
        return json_response({"status": "ok"})

    def clear(self):
        self.asked = {"bootstraps": {}, "runs": {}}

    def state(self):
        return self.asked

    async def bootstrap(self, request):
        return self.queued(request, "bootstraps", lambda run_id: {"run_id": run_id, "status": "queued"})

    async def run(self, request):
        return self.queued(request, "runs", lambda run_id: {"job_name": f"ai-pipeline-manual-{run_id[:8]}", "run_id": run_id})

    def queued(self, request, what, answer):
        if not request.headers.get("Authorization"):
            return json_response({"detail": "Missing token"}, 401)
        try:
            body = json.loads(request["call"].body or "null")
        except ValueError:
            return json_response({"detail": "Invalid JSON"}, 422)
        known = self.asked[what].setdefault(request.match_info["team"], [])
        key = request.headers.get("Idempotency-Key")
        one = next((earlier for earlier in known if key is not None and earlier["key"] == key), None)
        if one is None:
            one = {"key": key, "run_id": uuid.uuid4().hex, "body": body}
            known.append(one)
        elif one["body"] != body:
            return json_response({"detail": "Idempotency-Key was used with another body"}, 409)
        return json_response(answer(one["run_id"]))


class Slack(Service):
    """Its Web API below /api/, and a place for response URLs: /response/…"""

    name = "slack"

    def __init__(self):
        super().__init__()
        for method, answer in {
            "auth.test": lambda body: {"url": "https://example.slack.com/", "team": "Example", "user": "incidentfox", "team_id": "T0EXAMPLE",
                                       "user_id": "U0BOT", "bot_id": "B0BOT"},
            "chat.postMessage": lambda body: {"channel": body.get("channel"), "ts": f"{time.time():.6f}", "message": {"text": body.get("text")}},
            "chat.postEphemeral": lambda body: {"message_ts": f"{time.time():.6f}"},
            "views.open": lambda body: {"view": {"id": f"V{uuid.uuid4().hex[:10].upper()}"}},
            "views.update": lambda body: {"view": {"id": body.get("view_id")}},
        }.items():
            self.app.router.add_post(f"/api/{method}", self.api(answer))
        self.app.router.add_post("/response/{rest:.*}", self.response)

    @staticmethod
    def api(answer):
        async def handle(request):
            if not request.headers.get("Authorization", "").startswith("Bearer xoxb-"):
                return json_response({"ok": False, "error": "not_authed"})
            if "json" in request.headers.get("Content-Type", ""):
                try:
                    body = json.loads(request["call"].body)
                except ValueError:
                    return json_response({"ok": False, "error": "invalid_json"})
            else:
                body = dict(await request.post())
            return json_response({"ok": True} | answer(body))

        return handle

    async def response(self, request):
        return json_response({"ok": True})


class GitHub(Service):
    """Comments of issues and pull requests, oldest first, as they were seeded: {"OWNER/NAME#7": [COMMENT, …]}."""

    name = "github"

    def __init__(self):
        super().__init__()
        self.comments = {}
        self.app.router.add_get("/repos/{owner}/{repo}/issues/{number}/comments", self.list_comments)
        self.app.router.add_get("/repos/{owner}/{repo}/issues/comments/{id}/reactions", self.list_reactions)

    def clear(self):
        self.comments = {}

    async def post_seed(self, request):
        self.comments |= await request.json()
        return {}

    async def list_comments(self, request):
        its = request.match_info
        size, page = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
        found = self.comments.get(f"{its['owner']}/{its['repo']}#{its['number']}", [])
        return json_response(found[(page - 1) * size:page * size])

    async def list_reactions(self, request):
        wanted = int(request.match_info["id"])
        return json_response(next((c.get("reactions", []) for all_ in self.comments.values() for c in all_ if c["id"] == wanted), []))
