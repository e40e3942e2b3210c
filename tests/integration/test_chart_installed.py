"""The chart on a real API server, by the real helm: what it renders is taken as it is; it is installed, upgraded from the version before,
tested and uninstalled, and the commands of its hook, its test and its init step do their work with the rights that they are given.
"""

import base64
import concurrent.futures
import http.server
import itertools
import json
import os
import ssl
import subprocess
import sys
import threading
import types
import urllib.parse

import pytest
import yaml
from psycopg import sql

from support import provisioning
from support.audit import AuditLog
from support.chart import EXAMPLES, containers, environment, pod_of, pods, render
from support.cluster import CHART, CRD_NAMES, DEMO, RELEASE, ROOT, SYSTEM, OwnCluster
from support.kube import MERGE, TEAM
from support.operator_process import ChartProcess
from support.postgres import INGEST_ROLE, WORKER_ROLE
from support.provisioning import SEED, ServiceSide
from support.rights import used
from support.stubs import StubServices
from support.teams import Teams, scheduled
from support.tools import built
from support.waiting import eventually

FORMER = ROOT / "tests" / "fixtures" / "charts" / "team-provisioning-0.1.0.tgz"
TEAMS = "teams-of-the-chart"
TRIAL = "trial"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
CHARTS_NAMESPACES = (SYSTEM, TEAMS, TRIAL, "incidentfox", "team-a", "team-b")


@pytest.fixture(scope="module")
def plane(state):
    """A control plane of its own, whose namespaces take only pods that are restricted, with the definitions of monitoring."""
    with OwnCluster(state / "chart-cluster") as cluster:
        cluster.kube.kubectl("apply", "--server-side", f"--filename={built('monitoring', 'monitoring-crds.yaml')}")
        for name in CHARTS_NAMESPACES:
            cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
        yield cluster


# ---------------------------------------------------------------- what is rendered

PIPELINE = {"configServiceToken": {"secret": "operator"}, "pipelineUrl": "http://ai-pipeline:8090", "pipelineToken": {"secret": "pipeline"}}
POD = {"labels": {"a": "b"}, "annotations": {"a": "b"}, "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}],
       "affinity": {"nodeAffinity": {}}, "priorityClassName": "system-cluster-critical",
       "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}
FOR_ALL = {"podLabels": POD["labels"], "podAnnotations": POD["annotations"]} | {k: v for k, v in POD.items() if k not in ("labels", "annotations")}
ENVIRONMENT = [{"name": "HTTPS_PROXY", "value": "http://proxy"}]
PEERS = [{"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {}}, {"ipBlock": {"cidr": "192.0.2.0/24"}}]


def everything(topology):
    """Each template in full."""
    role = {"pod": POD, "extraEnv": ENVIRONMENT, "autoscaling": {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70}}
    service = {"type": "LoadBalancer", "nodePort": None, "annotations": {"a": "b"}, "externalTrafficPolicy": "Local",
               "loadBalancerSourceRanges": ["192.0.2.0/24"]}
    return {
        "monitoring": {part: {"enabled": True} for part in ("podMonitor", "prometheusRule", "dashboards")},
        "services": PIPELINE, "extraEnv": ENVIRONMENT, "drain": {"mode": "delete"}, "imagePullSecrets": ["registry"], **FOR_ALL,
        "networkPolicy": {"enabled": True, "from": {name: PEERS for name in ("metrics", "webhooks", "admin")},
                          "to": {"internet": {"peers": PEERS, "ports": []}, "agents": {"peers": PEERS}, "pipeline": {"ports": []}}},
        "gateway": {
            "enabled": True, "topology": topology, "database": {"embedded": {"enabled": True}}, "service": {"webhooks": service},
            "ingress": {"enabled": True, "hosts": ["a.example.com", "*.example.com"], "health": True, "className": "nginx",
                        "annotations": {"a": "b"}, "tls": [{"secretName": "cert", "hosts": ["a.example.com"]}]},
            "probe": {"enabled": True, "adminToken": {"secret": "admin"}}, "signingSecrets": {"probe": {"secret": "probe"}},
            "runs": {"timeoutSeconds": {"slack": 100}, "maxTurns": {"github": 5}},
            "worker": role, "webhooks": role, "combined": role, "admin": {"replicas": 2}, **FOR_ALL,
        },
    }


# name -> (values, files)
SETS = {
    "operator": ({}, []),
    "split": ({"gateway": {"enabled": True}}, []),
    "combined": ({"gateway": {"enabled": True, "topology": "combined"}}, []),
    "everything-split": (everything("split"), []),
    "everything-combined": (everything("combined"), []),
    "namespaces": ({"watchNamespaces": ["team-a", "team-b"], "gateway": {"enabled": True}, "services": PIPELINE}, []),
} | {file.stem: ({}, [file]) for file in sorted(EXAMPLES.glob("*.yaml"))} | {
    "drop-in-split": ({}, [EXAMPLES / "drop-in.yaml", EXAMPLES / "drop-in-split.yaml"])}


@pytest.fixture(scope="module")
def rendered(plane):
    """name -> its objects"""
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        rendering = {name: pool.submit(render, plane, *given) for name, given in SETS.items()}
        return {name: done.result() for name, done in rendering.items()}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.minor) if n.startswith("everything") else n for n in SETS])
def test_the_api_server_takes_it(plane, rendered, name):
    # A pod has to have an account, so it comes below; and the definitions are the same in all sets.
    objects = [d for d in rendered[name] if d["kind"] != "Pod" and (name == "operator" or d["kind"] != "CustomResourceDefinition")]
    plane.kube.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=yaml.safe_dump_all(objects))


def as_pods(name, objects):
    """The pods that these workloads would have, with an account that is there."""
    for i, (workload, template) in enumerate(pods(objects)):
        metadata = {"name": f"{name}-{i}", "namespace": SYSTEM, "labels": template["metadata"].get("labels", {})}
        volumes = template["spec"].get("volumes", []) + [
            {"name": claim["metadata"]["name"], "emptyDir": {}} for claim in workload["spec"].get("volumeClaimTemplates", [])]
        spec = template["spec"] | {"serviceAccountName": "default", "volumes": volumes}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, workload


def test_every_pod_is_restricted(plane, rendered):
    found = [pod for name, objects in rendered.items() for pod in as_pods(name, objects)]
    assert {workload["kind"] for _, workload in found} >= {"Deployment", "StatefulSet", "Job", "Pod"}
    taken = plane.kube.kubectl("create", "--dry-run=server", "--validate=strict", "--output=name", "--filename=-",
                               stdin=yaml.safe_dump_all(pod for pod, _ in found))
    assert len(taken.split()) == len(found)
    # And what is not would be refused.
    pod = found[0][0]
    pod["spec"]["securityContext"]["runAsNonRoot"] = False
    refused = plane.kube.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod), check=False)
    assert refused.returncode != 0 and "restricted" in refused.stderr


# What kube-score would have otherwise, and why not here.
IGNORED = (
    "container-image-pull-policy",  # a tag is a release, or there is a digest
    "container-ephemeral-storage-request-and-limit",  # nothing is written but the log
    "deployment-has-host-podantiaffinity", "statefulset-has-host-podantiaffinity",  # there are spread constraints
    "deployment-replicas", "statefulset-has-poddisruptionbudget",  # the admin role can be away for a moment; a trial's database
    "statefulset-has-servicename",  # one pod needs no headless Service
    "container-security-context-user-group-id",  # 999 is the user of PostgreSQL's image
)


@pytest.mark.parametrize("name", [n for n in SETS if n in ("production", "everything-split", "everything-combined")])
def test_a_linter_finds_nothing(rendered, name):
    objects = [d for d in rendered[name] if d["kind"] != "CustomResourceDefinition"]
    words = ["score", "--ignore-container-cpu-limit", "--exit-one-on-warning", "--output-format=ci", "--kubernetes-version=v1.34"]
    done = subprocess.run([built("kube-score", "kube-score"), *words, *(f"--ignore-test={test}" for test in IGNORED), "-"],
                          input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False, timeout=100)
    complaints = [line for line in done.stdout.splitlines() if not line.startswith(("[OK]", "[SKIPPED]"))]
    assert done.returncode == 0 and "[OK]" in done.stdout, "\n".join(complaints) + done.stderr


# ---------------------------------------------------------------- playing the kubelet


def from_chart(plane, state, *words):
    """Runs a container of a live object to its end."""
    command = [sys.executable, str(ROOT / "tools" / "run-from-chart"), "--kubeconfig", plane.kubeconfig, "--bin", os.environ["TP_BIN"], "--state", str(state)]
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False, timeout=120)


class Logs(http.server.ThreadingHTTPServer):
    """The port of a kubelet where the API server asks for the log of a container: each has the same text."""

    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.text.encode())

        def log_message(self, *_):
            pass

    def __init__(self, plane, state):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.text, self.plane = "", plane
        files = [str(state / f"kubelet.{kind}") for kind in ("crt", "key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch", "-subj", "/CN=kubelet",
                        "-days", "1", "-out", files[0], "-keyout", files[1]], capture_output=True, check=True, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        endpoint = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": self.server_port}}}
        for node in self.plane.kube.call("GET", "api/v1/nodes")["items"]:
            self.plane.kube.call("PATCH", f"api/v1/nodes/{node['metadata']['name']}/status", {"status": endpoint}, MERGE)
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Errand:
    """helm with words that make a hook's pod, while we are the kubelet: runs what the pod would, and says how that ended."""

    def __init__(self, plane, state, *words, overrides=()):
        self.plane, self.state, self.words, self.runs = plane, state, words, []
        state.mkdir()
        self.overrides = [f"--override={flag}" for flag in overrides]

    def play(self, kind, name, afterwards=lambda: None):
        """(what the program printed, what helm printed) when both have succeeded. kwok, who would say that all is done already, sleeps
        for so long. `afterwards` is called between the two."""
        self.plane.word("pause", "kwok")
        try:
            with Logs(self.plane, self.state) as logs, concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
                helm = pool.submit(self.plane.helm, *self.words)
                while not (done := self.turn(kind, name, helm)):
                    pass
                afterwards()
                logs.text = done.output
                self.report(done.pod, "Succeeded")
                said = helm.result(timeout=100)
                return done.output, said.stdout + said.stderr
        finally:
            self.plane.word("resume", "kwok")

    def turn(self, kind, name, helm):
        """The next pod, if there is one: what it printed if it succeeded. A pod that fails is one of the Job's tries."""
        pod = eventually(lambda: helm.done() and helm.result() or self.pod_of(kind, name), 60, f"a pod of {kind} {name}")
        assert isinstance(pod, str), f"helm {' '.join(self.words)} has ended without it"
        # A pod that has to start comes later than the rights of its account.
        account = self.plane.kube.get("Pod", SYSTEM, pod)["spec"]["serviceAccountName"]
        eventually(lambda: self.plane.kube.kubectl("auth", "can-i", "list", "teamprovisionings.incidentfox.io", "--all-namespaces",
                                                   f"--as=system:serviceaccount:{SYSTEM}:{account}", check=False).returncode == 0)
        done = from_chart(self.plane, self.state, "--namespace", SYSTEM, f"--{kind}", name, *self.overrides)
        self.runs.append(done)
        if done.returncode == 0:
            return types.SimpleNamespace(output=done.stdout, pod=pod)
        assert len(self.runs) < 4, f"{kind} {name}: {done.stdout} {done.stderr}"
        self.report(pod, "Failed")
        return None

    def pod_of(self, kind, name):
        label = None if kind == "pod" else f"batch.kubernetes.io/job-name={name}"
        found = [p["metadata"]["name"] for p in self.plane.kube.list("Pod", SYSTEM, labels=label)
                 if p.get("status", {}).get("phase", "Pending") == "Pending" and (label or p["metadata"]["name"] == name)]
        return found[0] if found else None

    def report(self, pod, phase):
        self.plane.kube.merge("Pod", SYSTEM, pod, {"status": {"phase": phase}}, subresource="status")


# ---------------------------------------------------------------- a release's life

KINDS = ("pods", "services", "serviceaccounts", "secrets", "configmaps", "persistentvolumeclaims", "deployments", "statefulsets", "replicasets",
         "jobs", "cronjobs", "ingresses", "networkpolicies", "poddisruptionbudgets", "horizontalpodautoscalers", "leases", "roles", "rolebindings",
         "clusterroles", "clusterrolebindings", "customresourcedefinitions", "validatingadmissionpolicies", "validatingadmissionpolicybindings",
         "servicemonitors", "prometheusrules")
HOOK_USER = f"system:serviceaccount:{SYSTEM}:team-operator-drain"


def listed(plane, kinds=KINDS):
    """All that is in the cluster: kind/namespace/name."""
    columns = "K:.kind,NS:.metadata.namespace,N:.metadata.name"
    text = plane.kube.kubectl("get", ",".join(kinds), "--all-namespaces", "--no-headers", f"--output=custom-columns={columns}")
    return {"/".join(line.split()) for line in text.splitlines()}


def left(plane, before):
    """What came since then, but for what teams have in their namespace."""
    return {name for name in listed(plane) - before if f"/{TEAMS}/" not in name}


def eventually_left(plane, before, wanted):
    def look():
        assert left(plane, before) == wanted
        return True

    eventually(look)


DEFINITIONS = {f"CustomResourceDefinition/<none>/{name}" for name in CRD_NAMES}
# Made by the operator when it was the leader; a name and nothing else.
LEASE = f"Lease/{SYSTEM}/team-operator"


@pytest.fixture(scope="module")
def services(state):
    with StubServices(state / "chart-stubs", SEED) as stubs:
        yield stubs


@pytest.fixture(scope="module")
def operator(plane, services, state):
    """Not started yet. It leads, as in a cluster: what that leaves behind counts."""
    operator = provisioning.operator_process(plane, state / "operator-chart", services, leader_elect="true")
    yield operator
    operator.close()


def identities(plane):
    """What an upgrade must not make anew: uid and selector of each Deployment, uid of each definition; and each team whole."""
    deployments = {d["metadata"]["name"]: (d["metadata"]["uid"], d["spec"]["selector"]) for d in plane.kube.list("Deployment", SYSTEM)}
    definitions = {d["metadata"]["name"]: d["metadata"]["uid"] for d in plane.kube.list("CustomResourceDefinition") if d["metadata"]["name"] in CRD_NAMES}
    teams = {t["metadata"]["name"]: (t["metadata"]["uid"], t["metadata"]["generation"], t["spec"]) for t in plane.kube.list(TEAM, TEAMS)}
    return deployments, definitions, teams


def granted(mode):
    return {(g, r, v) for rule in yaml.safe_load((CHART / "files" / f"drain-{mode}-rules.yaml").read_text())
            for g, r, v in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])}


def uninstall(plane, state, operator, mode):
    """With the hook run for real. Its lines, once the operator has ended as its pods do; and it has used its rights, all of them."""
    hooks = AuditLog(plane.audit.path, HOOK_USER)
    mark = hooks.mark()
    errand = Errand(plane, state / f"drain-{mode}", "uninstall", RELEASE, "--namespace", SYSTEM)
    printed, said = errand.play("job", "team-operator-drain", operator.stop)
    assert printed.strip() in said.replace("\\n", "\n")  # helm shows what has been done to each team
    assert used(hooks.requests(mark)) == granted(mode)
    return printed.splitlines()


def test_a_release_from_the_version_before_to_its_end(plane, operator, services, state, tmp_path):
    provisioning.make_secrets(plane)
    before = listed(plane)
    values = [*provisioning.HELM, "--namespace", SYSTEM]
    teams = Teams(plane.kube, TEAMS)

    # The version before, with teams that hold a finalizer.
    known = yaml.safe_load(DEMO.read_text())
    del known["gateway"]["signingSecrets"]["probe"]
    (tmp_path / "known.yaml").write_text(yaml.safe_dump(known))
    plane.helm("install", RELEASE, str(FORMER), "--values", str(tmp_path / "known.yaml"), "--namespace", SYSTEM)
    plane.wait_for_crd()
    operator.start()
    teams.apply("goes", pipeline=scheduled())
    teams.apply("stays", pipeline=scheduled(), deletionPolicy={"children": "Orphan"})
    eventually(lambda: len(teams.ready("goes", "stays")) == 2)
    was, had = identities(plane), {name: o["metadata"]["uid"] for name, o in teams.children("CronJob").items()}
    assert len(had) == 2 and len(was[0]) == 4

    # An upgrade makes nothing anew, and changes no team.
    plane.helm("upgrade", RELEASE, str(CHART), "--reset-then-reuse-values", "--namespace", SYSTEM)
    operator.restart()
    eventually(lambda: len(teams.ready("goes", "stays")) == 2)
    assert identities(plane) == was
    assert {name: o["metadata"]["uid"] for name, o in teams.children("CronJob").items()} == had
    assert operator.metric("controller_runtime_reconcile_errors_total") == 0

    # helm test, as the operator.
    errand = Errand(plane, state / "preflight", "test", RELEASE, "--logs", "--namespace", SYSTEM, overrides=[f"connect-to={provisioning.connections(services)}"])
    printed, said = errand.play("pod", "team-operator-preflight")
    assert ", 0 missing, 0 warnings" in printed and "Succeeded" in said and printed in said

    # An uninstall keeps teams and definitions, and no team holds up its deletion.
    lines = uninstall(plane, state, operator, "retain")
    assert lines[-1] == "2 teams released; none holds up a deletion"
    for team in teams.ready("goes", "stays"):
        assert "finalizers" not in team["metadata"] and team["metadata"]["annotations"]["incidentfox.io/paused"] == "true"
    assert {name: o["metadata"]["uid"] for name, o in teams.children("CronJob").items()} == had
    eventually_left(plane, before, DEFINITIONS | {LEASE})

    # Another install goes on with them; and one that deletes.
    plane.helm("install", RELEASE, str(CHART), *values, "--set", "drain.mode=delete")
    operator.start()
    plane.kube.kubectl("annotate", "tprov", "--all", "--namespace", TEAMS, "incidentfox.io/paused-")
    eventually(lambda: all(t["metadata"].get("finalizers") for t in teams.ready("goes", "stays")))
    lines = uninstall(plane, state, operator, "delete")
    assert lines[-1] == "2 teams deleted; none is left" and teams.all() == []
    for name in ("goes", "stays"):
        assert ServiceSide(services, name).live_tokens() == set()
    eventually(lambda: {name for _, name in teams.children("CronJob")} == {"ai-pipeline-acme-stays"})
    eventually_left(plane, before, DEFINITIONS | {LEASE})


def test_without_the_hook_nothing_else_is_left(plane):
    before = listed(plane)
    plane.install_chart("--set", "gateway.enabled=true", "--set", "gateway.topology=combined", "--set", "gateway.ingress.enabled=true",
                        "--set", "networkPolicy.enabled=true")
    plane.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--no-hooks")
    eventually_left(plane, before | DEFINITIONS, set())


# ---------------------------------------------------------------- the gateway's tables


def secret(plane, name, **data):
    plane.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": SYSTEM, "name": name}, "stringData": data})


def test_the_init_steps_of_several_pods_make_the_tables(plane, postgres, state):
    database = postgres.create()
    secret(plane, "incidentfox-database-url", DATABASE_URL=database.url)
    secret(plane, "gateway-ingest", DATABASE_URL=database.as_role(INGEST_ROLE))
    secret(plane, "gateway-worker", DATABASE_URL=database.as_role(WORKER_ROLE))
    roles = {"ingest": {"secret": "gateway-ingest", "role": INGEST_ROLE}, "worker": {"secret": "gateway-worker", "role": WORKER_ROLE}}
    plane.install_chart("--set", "gateway.enabled=true", "--set-json", f"gateway.database={json.dumps(roles)}")
    webhooks = ChartProcess(plane, state / "webhooks-chart", "webhook-gateway-webhooks")
    try:
        webhooks.start(wait=False)
        assert webhooks.fetch("health-probe", "/readyz")[0] == 503  # until the tables are there
        with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
            words = ("--namespace", SYSTEM, "--deployment", "webhook-gateway-admin", "--container", "migrate")
            steps = [pool.submit(from_chart, plane, state / f"migrate-{i}", *words) for i in range(3)]
            done = [step.result() for step in steps]
        assert [d.returncode for d in done] == [0, 0, 0], [d.stderr for d in done]
        webhooks.wait_until_ready()
        # Again, as at each start of a pod.
        assert from_chart(plane, state / "migrate-0", *words).returncode == 0
    finally:
        webhooks.close()
        plane.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--no-hooks")
        database.drop()


def test_the_embedded_database_and_its_password_outlive_the_release(plane, postgres, state):
    name = "trial-webhook-gateway-database"
    before = listed(plane)

    def password():
        return base64.b64decode(plane.kube.get("Secret", TRIAL, name)["data"]["password"]).decode()

    def install():
        # The definitions are there.
        plane.helm("upgrade", "--install", TRIAL, str(CHART), "--namespace", TRIAL, "--values", str(EXAMPLES / "trial.yaml"), "--set", "crds.enabled=false")
        return password()

    first = install()
    assert len(first) >= 32
    (database,) = plane.kube.call("GET", f"apis/apps/v1/namespaces/{TRIAL}/statefulsets")["items"]
    user = environment(containers(pod_of({"kind": "StatefulSet"} | database))[0])
    server = urllib.parse.urlsplit(postgres.url)
    owner = sql.Identifier(user["POSTGRES_USER"])
    postgres.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, sql.Literal(first)))
    try:
        postgres.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(user["POSTGRES_DB"]), owner))
        done = from_chart(plane, state / "migrate-trial", "--namespace", TRIAL, "--deployment", "trial-webhook-gateway", "--container", "migrate",
                          f"--env=DB_HOST={server.hostname}", f"--env=DB_PORT={server.port}")
        assert done.returncode == 0, done.stderr
    finally:
        postgres.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(user["POSTGRES_DB"])))
        postgres.execute(sql.SQL("DROP ROLE {}").format(owner))
    assert install() == first
    eventually(lambda: f"PersistentVolumeClaim/{TRIAL}/data-{name}-0" in listed(plane, ("persistentvolumeclaims",)))
    plane.helm("uninstall", TRIAL, "--namespace", TRIAL, "--no-hooks")
    eventually_left(plane, before, {f"Secret/{TRIAL}/{name}", f"PersistentVolumeClaim/{TRIAL}/data-{name}-0"})
    assert install() == first
    plane.helm("uninstall", TRIAL, "--namespace", TRIAL, "--no-hooks")
