"""What every stub has: a listener, a record of its calls, faults on request, and /__stub/ to control all of it."""

import asyncio
import itertools
import json
import re
import time
from collections import Counter

from aiohttp import web

MAX_BODY = 64 << 20


def json_response(value, status=200, headers=None):
    return web.Response(body=json.dumps(value).encode(), status=status, headers=headers, content_type="application/json")


class Call:
    """One request as it came. `status` is what was answered: a code, or "cut" or "dropped"; None until then."""

    __slots__ = ("seq", "at", "method", "path", "query", "headers", "body", "status", "done_at", "facts")

    def __init__(self, seq, request, body):
        self.seq, self.at, self.done_at, self.status = seq, time.time(), None, None
        self.method, self.path, self.query = request.method, request.path, request.query_string
        self.headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.raw_headers]
        self.body = body
        self.facts = {}

    def shown(self, brief):
        shown = {"seq": self.seq, "at": self.at, "done_at": self.done_at, "status": self.status, "method": self.method,
                 "path": self.path, "query": self.query, **self.facts}
        if brief:
            return shown
        try:
            body = json.loads(self.body) if self.body else None
        except ValueError:
            body = self.body.decode("utf-8", "replace")
        return shown | {"headers": self.headers, "body": body}


class Fault:
    """A rule of how to misbehave. The first one that matches a call and is not used up decides.

    match     fact -> regular expression that must be found in it; all of them. Facts of every stub: method, path, query, body
    skip      so many of them are left in peace first
    times     for so many calls; absent: until it is removed
    delay     seconds before anything is done
    status    is answered, with `headers` and `body`, and nothing is done
    do        "drop": the connection is closed at once and nothing is done; "cut": everything is done, then the connection
              is closed without an answer, `after` seconds after the call came if that is sooner; "garbage": everything is
              done, then the answer is no JSON
    Further keys mean something to one stub only.
    """

    ACTIONS = ("drop", "cut", "garbage")

    def __init__(self, rule):
        if not isinstance(rule, dict) or rule.get("do", "cut") not in self.ACTIONS:
            raise ValueError(f"no fault: {rule}; do is one of {', '.join(self.ACTIONS)}")
        self.rule = rule
        self.patterns = {fact: re.compile(pattern) for fact, pattern in rule.get("match", {}).items()}
        self.left = rule.get("times")
        self.to_skip = rule.get("skip", 0)

    def get(self, key, default=None):
        return self.rule.get(key, default)

    def matches(self, facts):
        return self.left != 0 and all(p.search(str(facts.get(fact, ""))) for fact, p in self.patterns.items())

    def skips(self):
        """Whether this call, which matches, is one of the first that are left in peace."""
        self.to_skip -= 1
        return self.to_skip >= 0

    def use(self):
        if self.left is not None:
            self.left -= 1

    def shown(self):
        return self.rule if self.left is None else self.rule | {"times": self.left}


NO_FAULT = Fault({})


class Service:
    """A stub. A subclass has a `name`, adds its routes to `self.app`, and may override what is marked so."""

    name = ""

    def __init__(self):
        self.app = web.Application(client_max_size=MAX_BODY, middlewares=[self.serve])
        self.app.router.add_route("*", "/__stub/{word}", self.control)
        self.faults, self.calls, self.counts = [], [], Counter()
        self.runner = self.site = self.address = None

    # -------------------------------------------------- for subclasses

    def facts(self, call):  # override
        """What faults can be matched by, beside the general facts. Kept with the call."""
        return {}

    def state(self):  # override
        """What /__stub/state shows."""
        return {}

    def clear(self):  # override
        """Forgets everything that callers made."""

    def answer_to(self, request, error):  # override
        """The response for an aiohttp HTTPException."""
        return error

    # -------------------------------------------------- serving

    @web.middleware
    async def serve(self, request, handler):
        if request.path.startswith("/__stub/"):
            return await handler(request)
        call = Call(len(self.calls) + 1, request, await request.read())
        call.facts = self.facts(call)
        self.calls.append(call)
        self.counts[f"{call.method} {call.path}"] += 1
        request["call"] = call
        fault = request["fault"] = self.fault_of(call)
        if fault.get("delay"):
            await asyncio.sleep(fault.get("delay"))
        if fault.get("do") == "drop":
            return self.hang_up(request, call, "dropped")
        if fault.get("status"):
            return self.note(call, json_response(fault.get("body", {"detail": "a fault"}), fault.get("status"), fault.get("headers")))
        work = asyncio.ensure_future(self.handled(request, handler))
        if fault.get("do") == "cut":
            # The work goes on, whoever still listens.
            await asyncio.wait([work], timeout=fault.get("after"))
            return self.hang_up(request, call, "cut")
        response = await work
        if fault.get("do") == "garbage":
            response = web.Response(body=b"<html>\x00\xff not what you expect", content_type="text/html")
        return self.note(call, response)

    async def handled(self, request, handler):
        try:
            return await handler(request)
        except web.HTTPException as error:
            return self.answer_to(request, error)

    def fault_of(self, call):
        if not self.faults:
            return NO_FAULT
        facts = {"method": call.method, "path": call.path, "query": call.query, "body": call.body.decode("utf-8", "replace"), **call.facts}
        fault = next((f for f in self.faults if f.matches(facts) and not f.skips()), NO_FAULT)
        fault.use()
        return fault

    @staticmethod
    def note(call, response):
        call.status, call.done_at = response.status, time.time()
        return response

    @staticmethod
    def hang_up(request, call, how):
        call.status, call.done_at = how, time.time()
        if request.transport is not None:
            request.transport.close()
        return web.Response()  # goes nowhere

    # -------------------------------------------------- listening

    async def listen(self, host, port):
        self.runner = self.runner or web.AppRunner(self.app, access_log=None, handle_signals=False, shutdown_timeout=1)
        if self.runner.server is None:
            await self.runner.setup()
        self.site = web.TCPSite(self.runner, host, port, backlog=4096, reuse_address=True)
        await self.site.start()
        self.address = self.site._server.sockets[0].getsockname()[:2]

    async def stop_listening(self):
        """As if the process had gone, for a caller: connections break, new ones are refused."""
        if self.site is not None:
            await self.site.stop()
            self.site = None
        for connection in list(self.runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    # -------------------------------------------------- control

    async def control(self, request):
        word, method = request.match_info["word"], request.method
        act = getattr(self, f"{method.lower()}_{word}", None)
        if act is None:
            return json_response({"detail": f"no {method} of {word}"}, 404)
        try:
            return json_response(await act(request))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return json_response({"detail": str(error)}, 400)

    async def get_calls(self, request):
        query = request.query
        since, limit = int(query.get("since", 0)), int(query.get("limit", 10_000))
        path = re.compile(query.get("path", ""))
        found = itertools.islice((c for c in itertools.islice(self.calls, since, None) if path.search(c.path)), limit)
        return {"total": len(self.calls), "calls": [c.shown("brief" in query) for c in found]}

    async def get_counts(self, request):
        return dict(self.counts)

    async def get_state(self, request):
        return self.state()

    async def get_faults(self, request):
        return [f.shown() for f in self.faults]

    async def put_faults(self, request):
        """All rules at once."""
        self.faults = [Fault(rule) for rule in await request.json()]
        return await self.get_faults(request)

    async def post_faults(self, request):
        """One more rule, before the others."""
        self.faults.insert(0, Fault(await request.json()))
        return await self.get_faults(request)

    async def delete_faults(self, request):
        self.faults = []
        return []

    async def post_reset(self, request):
        """No calls, no faults, nothing that callers made; what was seeded stays."""
        self.faults, self.calls, self.counts = [], [], Counter()
        self.clear()
        return {}

    async def put_listen(self, request):
        """{"up": false}: nobody listens; {"up": true}: on the same port again. Ask it at the control listener."""
        up = (await request.json())["up"]
        if up and self.site is None:
            await self.listen(*self.address)
        elif not up:
            await self.stop_listening()
        return {"up": up}
