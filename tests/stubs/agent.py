"""The agent: runs that take as long, and end as, a test wants. It counts every POST and de-duplicates none.

Faults of its own (their facts: agent, org, team, source, message, correlation_id, and attempt: the how many-th POST of that
correlation id this is):

seconds   how long the run takes
outcome   "success" (default), "failure" (200 with success false), or "crash" (500)
record    false: this run is not recorded at the Config Service
"""

import asyncio
import json
import time
import uuid
from collections import Counter

from aiohttp import web

from stubs.config_service import AGENTS, Crash, Refusal
from stubs.service import Service, json_response

DEFAULT_TIMEOUT = 600


class Agent(Service):
    name = "agent"

    def __init__(self, config_service, seconds=0.0, record=True):
        """Believes the tokens of `config_service`, and records its runs there."""
        super().__init__()
        self.config_service, self.seconds, self.record = config_service, seconds, record
        self.app.router.add_post("/agents/{agent}/run", self.run)
        self.app.router.add_post("/api/v1/run", self.run)
        self.app.router.add_get("/health", self.health)
        self.clear()

    def clear(self):
        self.posts = Counter()  # correlation id -> POSTs
        self.running = self.most_running = self.started = self.finished = 0

    def facts(self, call):
        """What is wanted, by whom, as far as the request says it."""
        headers = {name.lower(): value for name, value in call.headers}
        try:
            body = json.loads(call.body)
        except ValueError:
            body = {}
        body = body if isinstance(body, dict) else {}
        who = self.config_service.principal(headers.get("x-incidentfox-team-token", "")) or {}
        correlation = headers.get("x-correlation-id", "")
        if call.method == "POST":
            self.posts[correlation] += 1
        return {"agent": call.path.split("/")[2] if call.path.startswith("/agents/") else body.get("agent_name", ""),
                "org": who.get("org_id"), "team": who.get("team_node_id") if who.get("role") == "team" else None,
                "source": body.get("trigger_source"), "message": body.get("message"), "correlation_id": correlation,
                "attempt": self.posts[correlation], "run_id": None, "outcome": None}

    def state(self):
        repeated = {c: n for c, n in self.posts.items() if n > 1}
        return {"posts": sum(self.posts.values()), "correlation_ids": len(self.posts), "repeated": repeated, "started": self.started,
                "finished": self.finished, "running": self.running, "most_running": self.most_running, "seconds": self.seconds}

    async def put_settings(self, request):
        """{"seconds": 60, "record": true}: of runs that no fault says otherwise about."""
        settings = await request.json()
        self.seconds, self.record = float(settings.get("seconds", self.seconds)), bool(settings.get("record", self.record))
        return {"seconds": self.seconds, "record": self.record}

    async def health(self, request):
        return json_response({"status": "healthy"})

    async def run(self, request):
        call, fault = request["call"], request["fault"]
        facts = call.facts
        if facts["team"] is None:
            return json_response({"error": "Invalid or missing team token"}, 401)
        try:
            body = json.loads(call.body)
        except ValueError:
            return json_response({"error": "Invalid JSON"}, 400)
        if not isinstance(body, dict) or not isinstance(body.get("message"), str):
            return json_response({"error": "message is required"}, 400)
        agents = self.agents_of(facts["org"], facts["team"])
        if facts["agent"] not in agents:
            return json_response({"error": f"Agent '{facts['agent']}' not found", "available_agents": sorted(agents)}, 404)
        facts["run_id"] = uuid.uuid4().hex
        start = time.time()
        recorded = fault.get("record", self.record) and self.recorded(self.config_service.add_run, {
            "run_id": facts["run_id"], "org_id": facts["org"], "team_node_id": facts["team"], "correlation_id": facts["correlation_id"],
            "agent_name": facts["agent"], "trigger_source": facts["source"], "trigger_message": body["message"][:500]})
        self.started += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        outcome = fault.get("outcome", "success")
        try:
            wanted, limit = float(fault.get("seconds", self.seconds)), float(body.get("timeout") or DEFAULT_TIMEOUT)
            if wanted > 0:
                await asyncio.sleep(min(wanted, limit))
            if wanted > limit:
                outcome = "timeout"
        finally:
            self.running -= 1
        self.finished += 1
        facts["outcome"] = outcome
        if recorded:
            status = {"success": "completed", "timeout": "timeout"}.get(outcome, "failed")
            self.recorded(self.config_service.end_run, facts["run_id"], {"status": status, "tool_calls_count": 1})
        if outcome == "crash":
            return web.Response(text="Internal Server Error", status=500)
        return json_response(self.result(body, facts, outcome, time.time() - start))

    @staticmethod
    def result(body, facts, outcome, seconds):
        result = {"success": outcome == "success", "agent": facts["agent"], "correlation_id": facts["correlation_id"],
                  "duration_seconds": round(seconds, 3)}
        if outcome != "success":
            return result | {"error": "the run timed out" if outcome == "timeout" else "the run failed"}
        if body.get("output_destinations") or body.get("slack_context"):
            posted = [d.get("type", "slack") for d in body.get("output_destinations") or [body["slack_context"]] if isinstance(d, dict)]
            return result | {"output_mode": "destinations", "destinations_posted": posted}
        return result | {"run_id": facts["run_id"], "output": {"summary": f"looked into: {body['message'][:80]}"}}

    def agents_of(self, org, team):
        def make():
            return {*AGENTS, *(self.config_service.effective(org, team)[1].get("agents") or {})}

        return self.config_service.cached(("agents", org, team), make)

    def recorded(self, record, *args):
        """Whether it is on record. As with the real agent, a run does not fail because of that."""
        if self.config_service.away():
            return False
        try:
            record(*args)
        except (Crash, Refusal):
            return False
        return True
