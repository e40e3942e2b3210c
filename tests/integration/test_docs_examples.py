"""What the documents show is done: their YAML is accepted by what it is for, their commands sign, their SQL runs."""

import base64
import os
import re
import subprocess

import pytest
import yaml

from support import platform
from support.cluster import CHART, RELEASE, SYSTEM
from support.documents import document, documents
from support.gateway import GatewayProcess, migrate, run_gateway
from support.operator_process import run_operator
from support.postgres import INGEST_ROLE, WORKER_ROLE
from support.stubs import ADMIN_TOKEN, StubServices, request
from support.webhooks import SECRETS

SECRET_FILES = "/etc/webhook-gateway/secrets/"
GATEWAY_FILE = {"slack", "github", "pagerduty", "incidentio", "probe", "endpoints", "secrets"}
VALUES = set(yaml.safe_load((CHART / "values.yaml").read_text()))
ENVIRONMENT = {"DATABASE_URL": "host=127.0.0.1 port=1", "ORCHESTRATOR_INTERNAL_ADMIN_TOKEN": "token",
               "CONFIG_SERVICE_URL": "http://config-service", "AGENT_API_URL": "http://agent"}


# ---------------------------------------------------------------- YAML


def check_team(block, cluster, tmp_path):
    file = tmp_path / "team.yaml"
    file.write_text(block.text)
    done = run_operator("plan", "-f", str(file))
    assert done.returncode == 0, f"{block}: {done.stderr}"


def check_gateway_file(text, where, tmp_path, args=("--roles=webhooks",)):
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    # It ends at the first thing that is wrong after its flags and the file.
    done = run_gateway("serve", *args, f"--config={file}", "--connect-to=nowhere", env=ENVIRONMENT)
    assert done.returncode == 2 and "--connect-to" in done.stderr, f"{where}: {done.stderr}"


KNOWN_CALLS = set()  # most values change nothing for most roles


def check_values(block, cluster, tmp_path):
    file = tmp_path / "values.yaml"
    file.write_text(block.text)
    args = ["template", RELEASE, str(CHART), "--namespace", SYSTEM, "--values", str(file)]
    if "gateway" in yaml.safe_load(block.text):
        args += ["--set", "gateway.enabled=true"]
    rendered = [d for d in yaml.safe_load_all(cluster.helm(*args).stdout) if d]
    config = next((d["data"]["gateway.yaml"] for d in rendered if d["kind"] == "ConfigMap"), "")
    for pod in (d["spec"]["template"]["spec"] for d in rendered if d["kind"] == "Deployment"):
        (its,) = pod["containers"]
        call = (*its["command"], *its["args"], config)
        if call in KNOWN_CALLS:
            continue
        KNOWN_CALLS.add(call)
        if its["command"] == ["team-operator"]:
            missing = tmp_path / "missing.kubeconfig"
            done = run_operator(*its["args"], f"--kubeconfig={missing}")
            assert str(missing) in done.stderr, f"{block}: {done.stderr}"
        else:
            check_gateway_file(config, block, tmp_path, [a for a in its["args"][1:] if not a.startswith("--config=")])
    files = {name for name in re.findall(rf"{SECRET_FILES}([\w-]+)", config)}
    mounted = {item["path"] for d in rendered if d["kind"] == "Deployment" for volume in d["spec"]["template"]["spec"].get("volumes", [])
               for source in volume.get("projected", {}).get("sources", []) for item in source["secret"]["items"]}
    assert files <= mounted, f"{block}: nothing is mounted at {files - mounted}"


def check_slack_app(block, cluster, tmp_path):
    settings = yaml.safe_load(block.text)["settings"]
    for key, path in (("event_subscriptions", "events"), ("interactivity", "interactions")):
        assert settings[key]["request_url"].endswith(f"/webhooks/slack/{path}")
    scopes = {"app_mention": "app_mentions:read", "message.im": "im:history"}
    bot = set(yaml.safe_load(block.text)["oauth_config"]["scopes"]["bot"])
    assert {scopes[event] for event in settings["event_subscriptions"]["bot_events"]} < bot


def check_object(block, cluster, tmp_path):
    """One of Kubernetes itself."""
    cluster.kube.kubectl("create", "--dry-run=client", "-f", "-", stdin=block.text)


def check_config(block, cluster, tmp_path):
    check_gateway_file(block.text, block, tmp_path)


def check_of(block):
    shown = [d for d in yaml.safe_load_all(block.text) if d]
    if all(str(d.get("apiVersion", "")).startswith("incidentfox.io/") for d in shown):
        return check_team
    if all("apiVersion" in d for d in shown):
        return check_object
    (it,) = shown
    if set(it) <= GATEWAY_FILE:
        return check_config
    if set(it) <= VALUES:
        return check_values
    return check_slack_app if "display_information" in it else None


def test_yaml_is_accepted(cluster, tmp_path):
    # What Prometheus and Alertmanager read is test_monitoring's.
    blocks = [block for source in documents() for block in source.blocks
              if block.language in ("yaml", "yml") and not block.text.startswith(("scrape_configs:", "inhibit_rules:"))]
    assert len(blocks) > 15
    kinds = set()
    for block in blocks:
        check = check_of(block)
        assert check, f"{block}: what is it for?"
        check(block, cluster, tmp_path)
        kinds.add(check)
    assert kinds == {check_team, check_config, check_values, check_slack_app, check_object}


# ---------------------------------------------------------------- signing by hand


PROVIDERS = [document(f"providers/{name}.md") for name in ("slack", "github", "pagerduty", "incidentio", "generic")]
# What the documents' teams own, as the Config Service has it.
ROUTING = {"slack_channel_ids": ["C0CHECKOUT"], "github_repos": ["acme/checkout"], "pagerduty_service_ids": ["PCHECKOUT"],
           "incidentio_alert_source_ids": ["01HXAMPLEALERTSOURCE"]}
BUILDS = "the secret of the builds"


def variables(**others):
    names = {"SLACK_SIGNING_SECRET": "slack", "GITHUB_WEBHOOK_SECRET": "github", "PAGERDUTY_WEBHOOK_SECRET": "pagerduty",
             "INCIDENTIO_WEBHOOK_SECRET": "incidentio", "CIRCLEBACK_SIGNING_SECRET": "circleback", "GENERIC_WEBHOOK_SECRET": "generic"}
    return {name: SECRETS[source] for name, source in names.items()} | {"BUILDS_WEBHOOK_SECRET": BUILDS} | others


def run(block, url, env):
    """The status that the snippet prints last."""
    done = subprocess.run(["bash", "-euo", "pipefail"], input=block.text, capture_output=True, text=True, timeout=60, check=False,
                          env={"PATH": os.environ["PATH"], "URL": url} | env)
    assert done.returncode == 0 and not done.stderr, f"{block}: {done.stderr}"
    return int(done.stdout.split()[-1][-3:])


@pytest.fixture
def stubs(state):
    with StubServices(state / "stubs-docs", {"orgs": {"acme": {"config": {}, "teams": {"checkout": {"config": {"routing": ROUTING}}}}}}) as stubs:
        yield stubs


def test_what_is_signed_by_hand_starts_a_run(database, stubs, state, tmp_path, pods):
    config = yaml.safe_load(next(b.text for b in document("providers/generic.md").blocks if b.language == "yaml"))["gateway"]["config"]
    text = yaml.safe_dump(config).replace(SECRET_FILES, f"{tmp_path}/")
    (tmp_path / "alerts").write_text(f"{SECRETS['generic']}\n")
    (tmp_path / "builds").write_text(f"{BUILDS}\n")
    (tmp_path / "gateway.yaml").write_text(text)
    blocks = [block for page in PROVIDERS for block in page.blocks if block.language == "sh"]
    assert len(blocks) == 8
    with GatewayProcess(state / "gateway-docs", database, stubs, pods=pods, config=tmp_path / "gateway.yaml") as gateway:
        for block in blocks:
            assert run(block, gateway.url, variables()) in (200, 202), block
            others = {name: SECRETS["incidentio" if value == SECRETS["generic"] else "generic"] for name, value in variables().items()}
            assert run(block, gateway.url, others) == 401, block
        platform.wait_until_settled(database)
        status, page = request(f"{gateway.admin_url}/api/v1/admin/events?source=slack&limit=5", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        assert status == 200 and [e["state"] for e in page["events"] if {"id", "reason", "org_id", "team_node_id"} < e.keys()] == ["done"]
        gateway.expected += ["a webhook could not be verified"]
        _, api = request(f"{gateway.admin_url}/openapi.json")
    routes = [re.sub(r"\{\w+\}", "[^/]+", path) for path in api["paths"]]
    shown = {(str(page), path) for page in documents() for path in re.findall(r"/api/v1/admin/[\w/{}$.-]+", page.text)}
    assert shown and not [where for where in shown if not any(re.fullmatch(route, where[1].rstrip(".")) for route in routes)]
    ended = database.query("SELECT source, endpoint, state, reason FROM orchestrator.events")
    # Feedback is recorded, and Circleback's meetings are kept; all else has had a run.
    kept = {("slack_interactions", ""): ("done", "recorded"), ("circleback", ""): ("ignored", "stored_only")}
    run_by = [("slack", ""), ("github", ""), ("pagerduty", ""), ("incidentio", ""), ("generic", "alerts"), ("generic", "builds")]
    assert {(e["source"], e["endpoint"]): (e["state"], e["reason"]) for e in ended} == kept | dict.fromkeys(run_by, ("done", "finished"))


# ---------------------------------------------------------------- Secrets


def commands_of(block):
    """What stands after the $ of each prompt, with the lines that go on."""
    found = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif found and found[-1].rstrip().endswith(("|", "\\")):
            found[-1] += f"\n{line}"
    return found


def test_secrets_are_made_and_changed_as_the_manual_says(cluster, kube, tmp_path):
    env = {"PATH": os.pathsep.join([os.path.dirname(os.environ["TP_KUBECTL"]), os.environ["PATH"]]), "KUBECONFIG": cluster.kubeconfig,
           "HOME": str(tmp_path), "SECRET": "first", "OLD": "old", "NEW": "new", "SIGNING_SECRET": "first", "BOT_TOKEN": "xoxb-first"}
    env |= variables()
    skipped = re.compile(r"kubectl .* (rollout|port-forward)|curl|export|examples/")
    made = set()
    for page in (document("providers/README.md"), *PROVIDERS):
        for block in page.blocks:
            script = "\n".join(c for c in commands_of(block) if not skipped.match(c))
            verbs = re.findall(r"(create secret generic|patch secret) ([a-z-]+)", script)
            if not verbs:
                continue
            ((verb, name),) = verbs
            if verb.startswith("create"):
                kube.delete("Secret", SYSTEM, name)  # of a page before
                made.add(name)
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True,
                                  check=False, timeout=60)
            assert done.returncode == 0, f"{block}: {done.stderr}"
            data = kube.get("Secret", SYSTEM, name)["data"]
            lines = base64.b64decode(data[next(key for key in data if key != "bot_token")]).decode()
            assert lines.endswith("\n") and lines.count("\n") == (1 if verb.startswith("create") else 2), block
    expected = yaml.safe_load((CHART / "values.yaml").read_text())["gateway"]["signingSecrets"].values()
    there = {(name, key) for name in made for key in kube.get("Secret", SYSTEM, name)["data"]}
    assert {(its["secret"], its["key"]) for its in expected if its["secret"]} < there, "the chart looks for others"
    for name in made:
        kube.delete("Secret", SYSTEM, name)


# ---------------------------------------------------------------- PostgreSQL


def sql(page):
    return [block.text for block in document(page).blocks if block.language == "sql"]


def test_a_dump_is_restored_as_the_manual_says(postgres, database, state, tmp_path, pods):
    """Dump, restore, migrate, decide: the commands and statements of docs/backup-and-restore.md."""
    page = document("backup-and-restore.md").text
    (dump,), (restore,) = (re.findall(rf"^ *\$ ({program} .*)$", page, re.M) for program in ("pg_dump", "pg_restore"))
    # Those beside the server's psql are of its version.
    own = [os.path.dirname(os.environ["TP_PSQL"])] if "TP_PSQL" in os.environ else []
    env = {"PATH": os.pathsep.join([*own, os.environ["PATH"]])}
    long_ago = "2026-11-21 09:00:00Z"
    fresh, begun = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
    for event, state_, opened in ((fresh, "received", False), (begun, "running", True)):
        database.query("INSERT INTO orchestrator.inbox (id, source, kind, received_at, since, state, attempt_open) "
                       "VALUES (%s, 'slack', 'app_mention', %s, %s, %s, %s)", event, long_ago, long_ago, state_, opened)
    other = postgres.create()
    try:
        for command, where in ((dump, database), (restore, other)):
            done = subprocess.run(["bash", "-euc", command], cwd=tmp_path, env=env | {"DATABASE_URL": where.url}, capture_output=True,
                                  text=True, check=False)
            assert done.returncode == 0, done.stderr
        (arguments,) = re.findall(r"^ *\$ webhook-gateway migrate (.*)$", page, re.M)
        assert arguments.split() == [f"--ingest-role={INGEST_ROLE}", f"--worker-role={WORKER_ROLE}"]
        migrate(other, *arguments.split())
        look, give_up = sql("backup-and-restore.md")
        assert [str(row["id"]) for row in other.query(look, role=WORKER_ROLE)] == [fresh]
        other.query(give_up)
        assert other.query(look) == []
        assert [str(row["id"]) for row in other.query("SELECT id FROM orchestrator.inbox")] == [begun]
        (ended,) = other.query("SELECT id::text, state, reason FROM orchestrator.events")
        assert ended == {"id": fresh, "state": "dead", "reason": "restored"}
        with GatewayProcess(state / "gateway-restored", other, None, roles="webhooks", pods=pods):
            pass  # it is ready: its login has its rights again
    finally:
        other.drop()


def test_other_statements_run(database):
    """Those that look at something."""
    found = {block.document: database.query(block.text) for source in documents() for block in source.blocks
             if block.language == "sql" and block.text.startswith("SELECT") and source != document("backup-and-restore.md")}
    assert {row["what"] for row in found[document("scaling.md")]} == {"payloads", "events", "attempts"}
