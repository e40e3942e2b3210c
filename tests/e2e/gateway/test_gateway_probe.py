"""`webhook-gateway probe` against a gateway in three roles, and the trace that an event leaves at the platform's services."""

import dataclasses
import json
import re

import pytest
import yaml

from support import platform, webhooks
from support.admin_api import Api
from support.cluster import CHART, RELEASE, SYSTEM
from support.gateway import UNLIMITED, run_gateway
from support.stubs import ADMIN_TOKEN, request
from support.waiting import eventually

DONE, FAILED, USAGE = 0, 1, 2
CALLERS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def files(tmp_path):
    """The files that a probe is given, as its CronJob mounts them."""
    (tmp_path / "secret").write_text(webhooks.SECRETS["probe"] + "\nwhsec_dGhlIG9uZSB0aGF0IGNvbWVzIGFmdGVyIGl0\n")
    (tmp_path / "token").write_text(ADMIN_TOKEN + "\n")
    return tmp_path


class Split:
    """A gateway in three processes."""

    def __init__(self, database, gateways, files, config=""):
        flags = UNLIMITED | {"claim_lease": "2s"}
        if config:
            (files / "gateway.yaml").write_text(config)
            flags["config"] = files / "gateway.yaml"
        self.webhooks = gateways(database, roles="webhooks", **flags)
        self.worker = gateways(database, roles="worker", **flags)
        self.admin = gateways(database, roles="admin", **flags)
        self.files = files

    def probe(self, *more, admin=True):
        """(exit code, report)"""
        args = [f"--url={self.webhooks.url}", f"--secret-file={self.files / 'secret'}", "--timeout=20s", "-o", "json"]
        if admin:
            args += [f"--admin-url={self.admin.admin_url}", f"--admin-token-file={self.files / 'token'}"]
        done = run_gateway("probe", *args, *more)
        said = done.stdout + done.stderr
        assert not any(secret in said for secret in (ADMIN_TOKEN, webhooks.SECRETS["probe"]))
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def admin_get(self, path):
        status, answer = Api(self.admin).call("GET", path)
        assert status == 200, answer
        return answer

    def run_agent(self, traceparent):
        """Through the admin API."""
        body = {"org_id": platform.ORG, "team_node_id": platform.team(0), "agent_name": "planner", "message": "hello"}
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"} | ({"traceparent": traceparent} if traceparent else {})
        return request(f"{self.admin.admin_url}/api/v1/admin/agents/run", "POST", body, headers)


@pytest.mark.timeout(120)
def test_a_probe_goes_through_all_roles_and_asks_no_agent(database, stubs, gateways, files):
    gateway = Split(database, gateways, files)
    code, report = gateway.probe()
    assert (code, report["ok"], report["problem"]) == (DONE, True, None), report
    assert (report["state"], report["reason"], report["run_ms"]) == ("done", "probed", None)
    assert 0 <= report["accepted_ms"] <= report["total_ms"] and report["waited_ms"] >= 0
    assert not stubs.agent.calls() and not stubs.slack.calls()
    assert platform.states(database) == {report["webhook_id"]: "done"}
    assert gateway.webhooks.metric("webhook_gateway_received_total", source="probe", verdict="stored") == 1

    # People get one line; without the admin API it ends when the event is stored.
    args = f"--url={gateway.webhooks.url}", f"--secret-file={files / 'secret'}"
    done = run_gateway("probe", *args)
    assert done.returncode == DONE and re.fullmatch(r"ok: accepted in \d+ ms, \d+ ms in all\n", done.stdout), done

    # What is wrong is said.
    (files / "other").write_text("whsec_c29tZWJvZHkgZWxzZSBzaWducyB3aXRoIHRoaXM=")
    code, report = gateway.probe(f"--secret-file={files / 'other'}")
    assert (code, report["problem"]) == (FAILED, "the webhook was answered 401: signature_verification_failed: bad_signature")
    (files / "wrong").write_text("nobody's token")
    code, report = gateway.probe(f"--admin-token-file={files / 'wrong'}")
    assert code == FAILED and report["problem"].endswith("GET /api/v1/admin/events: 401")
    for problem, *wrong in (("/nowhere", "--secret-file=/nowhere"), ("asymmetric", f"--secret-file={files / 'key'}"),
                            ("belong together", "--admin-token-file="), ("--url", "--url=hooks.example.com")):
        (files / "key").write_text("whpk_x")
        code, said = gateway.probe(*wrong)
        assert code == USAGE and problem in said, said

    # A worker that is not there is found out, and what waits is not lost.
    gateway.worker.stop()
    code, report = gateway.probe("--timeout=2s")
    assert (code, report["state"], report["problem"]) == (FAILED, "received", "it has not come to its end")
    assert report["accepted_ms"] is not None and report["waited_ms"] is None
    gateway.worker.start()
    assert platform.wait_until_settled(database)[report["webhook_id"]] == "done"
    gateway.webhooks.stop()
    code, report = gateway.probe()
    assert code == FAILED and report["problem"].startswith("the webhook got no answer: ") and report["accepted_ms"] is None


def traces(*stubs, path=""):
    """What the header `traceparent` of each call says: the ids of traces."""
    found = []
    for stub in stubs:
        for call in stub.calls(path):
            given = [value for name, value in call["headers"] if name.lower() == "traceparent"]
            assert len(given) <= 1
            found += [re.fullmatch(r"00-([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-01", value)[1] for value in given] or [None]
    return found


@pytest.mark.timeout(120)
def test_a_probe_reaches_an_agent_and_its_trace_is_found_everywhere(database, stubs, gateways, files):
    gateway = Split(database, gateways, files, f"probe: {{org: {platform.ORG}, team: {platform.team(0)}, agent: planner}}\n")
    stubs.agent.word("PUT", "settings", {"seconds": 0.3})
    code, report = gateway.probe()
    assert (code, report["state"], report["reason"]) == (DONE, "done", "finished"), report
    assert report["run_ms"] >= 300
    (call,) = stubs.agent.calls()
    assert call["path"] == "/agents/planner/run" and call["body"]["output_destinations"] == [] and call["body"]["max_turns"] == 1

    trace = report["event"].replace("-", "")
    assert traces(stubs.agent) == [trace]
    assert set(traces(stubs.config_service, path="impersonation-token|/config/me")) == {trace}
    lines = [json.loads(line) for line in gateway.worker.log.read_text().splitlines()]
    assert {line["msg"] for line in lines if line.get("trace_id") == trace and line["event"] == report["event"]} == {"run started", "run ended"}
    for process, least in (gateway.worker, 2), (gateway.admin, 1):
        assert process.metric("webhook_gateway_service_requests_total", service="config_service", outcome="ok") >= least
        assert process.metric("webhook_gateway_service_request_duration_seconds_count", service="config_service") >= least

    # A sender's own word is not believed, and strangers are told nothing.
    stubs.reset()
    stubs.agent.faults({"status": 404})
    hook = webhooks.slack(platform.channel(0))
    assert webhooks.send(gateway.webhooks.url, dataclasses.replace(hook, headers=hook.headers | {"traceparent": CALLERS})).accepted
    assert platform.wait_until_settled(database)[hook.id] == "dead"
    eventually(stubs.slack.calls, what="the thread is told")
    eventually(lambda: len(stubs.config_service.calls("agent-runs")) == 2, what="the run that nobody saw is recorded, and its end")
    (event,) = [e["id"] for e in gateway.admin_get("events?source=slack")["events"]]
    assert set(traces(stubs.agent)) | set(traces(stubs.config_service, path="routing/lookup|agent-runs")) == {event.replace("-", "")}
    assert set(traces(stubs.slack)) == {None}
    stubs.agent.faults()

    # An administrator's is; without one a request has a trace of its own.
    for given in CALLERS, None:
        stubs.reset()
        status, _ = gateway.run_agent(given)
        assert status == 200
        (trace,) = traces(stubs.agent)
        assert (trace == CALLERS[3:35]) == (given is not None)
        assert set(traces(stubs.config_service, path="agent-runs")) == {trace}
        logged = eventually(lambda trace=trace: {line["msg"] for line in map(json.loads, gateway.admin.log.read_text().splitlines())
                                                 if line.get("trace_id") == trace})
        assert {"run started", "run ended"} <= logged

    # An agent that is away.
    stubs.agent.listen(False)
    code, report = gateway.probe("--timeout=3s")
    assert (code, report["state"], report["reason"]) == (FAILED, "retrying", "not_connected")


@pytest.mark.timeout(120)
def test_the_charts_cronjob_does_it(cluster, database, gateways, files):
    """Its container's own command, where its files and Services are somewhere else."""
    def render(check=True, **probe):
        values = {"gateway": {"enabled": True, "probe": {"enabled": True} | probe,
                              "signingSecrets": {"probe": {"secret": "signs" if check else "", "key": "webhook_secret"}}}}
        (files / "values.yaml").write_text(yaml.safe_dump(values))
        done = cluster.helm("template", RELEASE, str(CHART), "--namespace", SYSTEM, "--values", str(files / "values.yaml"), check=check)
        if not check:
            return done.stderr
        documents = [d for d in yaml.safe_load_all(done.stdout) if d]
        (job,) = [d for d in documents if d["kind"] == "CronJob"]
        (deployment,) = [d for d in documents if d["kind"] == "Deployment" and d["metadata"]["name"] == "webhook-gateway-webhooks"]
        names = {e["name"]: e.get("value") for e in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
        assert names["PROBE_WEBHOOK_SECRET_FILE"] == "/etc/webhook-gateway/secrets/probe", "what the probe signs with is believed"
        return job

    assert "needs gateway.signingSecrets.probe.secret" in render(check=False)
    job = render(adminToken={"secret": "reads-events", "key": "token"}, timeoutSeconds=30, schedule="7 * * * *")
    cluster.kube.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=json.dumps(job))
    assert job["spec"]["schedule"] == "7 * * * *"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,), (volume,) = pod["containers"], pod["volumes"]
    mount = container["volumeMounts"][0]["mountPath"]
    mounted = {item["path"]: (source["secret"]["name"], item["key"]) for source in volume["projected"]["sources"] for item in source["secret"]["items"]}
    assert mounted == {"secret": ("signs", "webhook_secret"), "token": ("reads-events", "token")}

    gateway = Split(database, gateways, files)
    assert container["command"] == ["webhook-gateway"]
    args = [arg.replace(mount, str(files)) for arg in container["args"]]
    moved = ",".join(f"{host}.{SYSTEM}.svc:{port}={process.address(listener)}" for host, port, process, listener in (
        ("webhook-gateway", 8070, gateway.webhooks, "webhooks"), ("webhook-gateway-admin", 8071, gateway.admin, "admin")))
    done = run_gateway(*args, f"--connect-to={moved}")
    assert done.returncode == DONE and json.loads(done.stdout)["reason"] == "probed", done

    # Without a token only the way in is tried.
    job = render(url="https://hooks.example.com")
    args = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args == ["probe", "--url=https://hooks.example.com", f"--secret-file={mount}/secret", "--timeout=60s", "--output=json"]
