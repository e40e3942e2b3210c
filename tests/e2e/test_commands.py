"""The commands around an installation: preflight, crds and drain, against a real control plane and the operator beside them."""

import json
import pathlib
import types

import pytest
import yaml

from support.cluster import CRD, CRD_NAME, ROOT, OwnCluster
from support.operator_process import run_operator
from support.provisioning import PRINCIPAL, ServiceSide, annotate, held_token, operator_process
from support.stubs import ADMIN_TOKEN
from support.teams import Teams, scheduled
from support.waiting import eventually, throughout

FINALIZER = "incidentfox.io/team-operator"
PAUSED = "incidentfox.io/paused"
# Of an operator without a principal.
RULES = yaml.safe_load((ROOT / "charts" / "team-provisioning" / "files" / "operator-rules.yaml").read_text())


def read(done):
    """The checks that preflight printed, and whether it was content."""
    answer = json.loads(done.stdout)
    of = {kind: [(c["about"], c["message"]) for c in answer["checks"] if c["result"] == kind] for kind in ("ok", "missing", "warning")}
    assert (answer["ok"], answer["missing"], answer["warnings"]) == tuple(len(of[kind]) for kind in ("ok", "missing", "warning"))
    assert done.returncode == (1 if of["missing"] else 0), done.stdout
    return types.SimpleNamespace(**of)


# ---------------------------------------------------------------- on a cluster without anything


@pytest.fixture(scope="module")
def bare(state):
    with OwnCluster(state / "commands-cluster") as cluster:
        yield cluster


@pytest.fixture
def as_admin(bare):
    return lambda *args: run_operator(*args, f"--kubeconfig={bare.kubeconfig}")


def definitions(cluster):
    return {d["metadata"]["name"]: d for d in cluster.kube.list("CustomResourceDefinition")}


CARRIED = [yaml.safe_load(file.read_text()) for file in sorted((ROOT / "crds").glob("*.yaml"))]
NAMES = [definition["metadata"]["name"] for definition in CARRIED]


def test_definitions_come_and_are_kept(bare, as_admin):
    missing = read(as_admin("preflight", "--output=json")).missing
    assert missing == [(name, "is not served as v1alpha1; run: team-operator crds apply") for name in NAMES]
    shown = as_admin("crds", "diff")
    assert shown.returncode == 1 and "+group: incidentfox.io" in shown.stdout, shown.stdout + shown.stderr
    assert not definitions(bare)

    done = as_admin("crds", "apply")
    assert (done.returncode, done.stdout) == (0, "".join(f"{name} created\n" for name in NAMES)), done.stderr
    for carried in CARRIED:  # it waited
        live = definitions(bare)[carried["metadata"]["name"]]
        assert {c["type"]: c["status"] for c in live["status"]["conditions"]}["Established"] == "True"
        assert live["spec"]["versions"][0]["schema"] == carried["spec"]["versions"][0]["schema"]
    # What is published follows a moment later.
    eventually(lambda: not read(as_admin("preflight", "--output=json")).missing)

    done = as_admin("crds", "apply")
    assert (done.returncode, done.stdout) == (0, "".join(f"{name} unchanged\n" for name in NAMES)), done.stderr
    shown = as_admin("crds", "diff")
    assert (shown.returncode, shown.stdout) == (0, ""), shown.stdout + shown.stderr


def test_a_definition_of_another_version(bare, as_admin):
    assert as_admin("crds", "apply").returncode == 0
    other = yaml.safe_load(CRD.read_text())
    spec = other["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    # By another manager, as Helm is one: apply has to win all the same.
    spec["orgId"]["maxLength"] = 99
    spec["colour"] = {"type": "string"}
    bare.kube.apply(other, manager="helm")
    path = "spec.versions[v1alpha1].schema.openAPIV3Schema.properties.spec.properties"
    shown = as_admin("crds", "diff")
    assert shown.returncode == 1
    assert f"@@ {path}.colour\n-type: string\n@@ {path}.orgId.maxLength\n-99\n+64\n" in shown.stdout, shown.stdout

    (found,) = eventually(lambda: read(as_admin("preflight", "--output=json")).missing)
    assert found[0] == CRD_NAME and "properties.spec.properties.orgId.maxLength" in found[1]
    done = as_admin("crds", "apply")
    assert done.returncode == 0 and f"{CRD_NAME} configured\n" in done.stdout
    assert as_admin("crds", "diff").returncode == 0

    # A newer one only has more.
    spec["orgId"]["maxLength"] = 64
    bare.kube.apply(other, manager="helm")
    (found,) = eventually(lambda: read(as_admin("preflight", "--output=json")).warning)
    assert found[0] == CRD_NAME and found[1].startswith("knows more than this version")
    assert as_admin("crds", "apply").returncode == 0


def test_printed_definitions_are_the_repositorys(bare):
    printed = run_operator("crds", "print")
    assert printed.returncode == 0
    assert list(yaml.safe_load_all(printed.stdout)) == CARRIED


def test_nobody_answers(tmp_path):
    for command, code in ((("preflight", "--output=json"), 1), (("crds", "apply"), 1), (("crds", "diff"), 2), (("drain",), 1)):
        done = run_operator(*command, f"--kubeconfig={tmp_path / 'missing'}")
        assert done.returncode == code and str(tmp_path / "missing") in done.stdout + done.stderr, done


# ---------------------------------------------------------------- beside an operator


@pytest.fixture(scope="module")
def operator(platform_cluster, services, state):
    operator = operator_process(platform_cluster, state / "operator-commands", services, drift_interval="1h").start()
    yield operator
    operator.close()


@pytest.fixture
def beside(operator):
    """Runs a command as in the operator's pod: as its ServiceAccount."""
    run = json.loads((operator.state / "run" / "run.json").read_text())

    def command(*args, with_flags=False):
        # The last one of a flag counts.
        flags = run["args"][1:] if with_flags else []
        return run_operator(args[0], *flags, *args[1:], env={"KUBECONFIG": run["kubeconfig"]})

    return command


@pytest.fixture
def preflight(beside):
    return lambda *args: read(beside("preflight", "--output=json", *args, with_flags=True))


@pytest.fixture
def some_teams(platform_cluster, operator):
    """some_teams("name", auth=…): two in a namespace of their own, which have something in the services."""
    made = []

    def make(name, **spec):
        platform_cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        teams = Teams(platform_cluster.kube, name)
        for i in range(2):
            teams.apply(f"{name}-{i}", pipeline=scheduled(), routing={"slackChannelIds": [f"C0{name}{i}"]}, **spec)
        made.append(teams)
        return teams

    yield make
    if not operator.process:
        operator.start()
    for teams in made:
        teams.delete_all()
        eventually(lambda its=teams: not its.all(), 60)


def all_ready(teams):
    eventually(lambda: len(teams.ready()) == 2, 60)
    return [t["metadata"]["name"] for t in teams.all()]


def namespace_is_gone(teams):
    return teams.kube.get("Namespace", None, teams.namespace) is None


def finalizers(teams):
    return [f for t in teams.all() for f in t["metadata"].get("finalizers", [])]


def test_preflight_finds_everything(preflight, beside):
    found = preflight()
    assert found.missing == [] and found.warning == []
    about = dict(found.ok)
    assert about["API server"].startswith("Kubernetes v1.")
    assert about["Config Service"] == "principal team-operator, permissions admin:*"
    assert "AI pipeline" in about and CRD_NAME in about
    text = beside("preflight", with_flags=True)
    assert text.returncode == 0 and text.stdout.splitlines()[-1] == f"{len(found.ok)} ok, 0 missing, 0 warnings"
    assert PRINCIPAL not in text.stdout + text.stderr


def test_preflight_names_each_right_that_is_missing(platform_cluster, preflight):
    kube = platform_cluster.kube
    rules = kube.get("ClusterRole", None, "team-operator")["rules"]
    less = [dict(r, verbs=[v for v in r["verbs"] if v != "patch"]) if r["resources"] == ["cronjobs"] else r for r in rules]
    less = [r for r in less if r["resources"] != ["poddisruptionbudgets"]]
    kube.merge("ClusterRole", None, "team-operator", {"rules": less})
    try:
        wanted = {("permission", "patch cronjobs.batch everywhere")}
        wanted |= {("permission", f"{verb} poddisruptionbudgets.policy everywhere")
                   for rule in RULES if rule["resources"] == ["poddisruptionbudgets"] for verb in rule["verbs"]}
        eventually(lambda: set(preflight().missing) == wanted)
    finally:
        kube.merge("ClusterRole", None, "team-operator", {"rules": rules})
    eventually(lambda: preflight().missing == [])


def test_preflight_of_a_namespaced_operator_asks_there(bare, as_admin, tmp_path):
    assert as_admin("crds", "apply").returncode == 0
    rbac = "rbac.authorization.k8s.io"
    name = {"namespace": "one", "name": "rights"}
    bare.kube.kubectl("create", "namespace", "one")
    bare.kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": name, "rules": RULES},
        {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": name, "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "rights"},
         "subjects": [{"kind": "ServiceAccount", "namespace": "one", "name": "default"}]}]))
    kubeconfig = yaml.safe_load(pathlib.Path(bare.kubeconfig).read_text())
    kubeconfig["users"][0]["user"] = {"token": bare.kube.kubectl("create", "token", "default", "--namespace", "one").strip()}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))

    def missing(*args):
        return read(run_operator("preflight", "--output=json", "--agent-releases=false", f"--kubeconfig={tmp_path / 'kubeconfig'}",
                                 *args)).missing

    eventually(lambda: missing("--watch-namespaces=one") == [])
    everywhere = missing()
    assert len(everywhere) == sum(len(r["verbs"]) for r in RULES)
    assert all(message.endswith(" everywhere") for _, message in everywhere)
    assert len(missing("--watch-namespaces=one,two")) == len(everywhere)


def test_preflight_tells_how_the_services_are(preflight, services, tmp_path):
    def with_token(token):
        (tmp_path / "token").write_text(token)
        return preflight(f"--config-service-token-file={tmp_path / 'token'}")

    refused = with_token("not-a-token-of-anybody")
    ((about, message),) = refused.missing
    assert about == "Config Service" and "401" in message and "not-a-token-of-anybody" not in message
    assert [about for about, _ in with_token(ADMIN_TOKEN).warning] == ["Config Service"]
    ((about, message),) = preflight(f"--config-service-token-file={tmp_path / 'nowhere'}").missing
    assert about == "Config Service" and str(tmp_path / "nowhere") in message
    services.pipeline.listen(False)
    try:
        assert [about for about, _ in preflight().missing] == ["AI pipeline"]
    finally:
        services.pipeline.listen(True)


# ---------------------------------------------------------------- deletion of a namespace, and drain


def test_a_namespace_goes_whatever_becomes_of_the_operator(some_teams, operator, beside, services):
    """With the operator up; with it down, and then up; and after drain. The namespace controller takes its time, so all at once."""
    # Without tokens: one that is asked for when the Secret goes before the team makes the team stay for half a minute.
    up = some_teams("namespace-up", auth={"mode": "OIDC"})
    down, drained = (some_teams(f"namespace-{how}") for how in ("down", "drained"))
    names = {teams: all_ready(teams) for teams in (up, down, drained)}
    tokens = {name: held_token(drained, name)[0] for name in names[drained]}
    for teams in names:
        assert finalizers(teams) == [FINALIZER] * 2

    up.kube.delete("Namespace", None, up.namespace)
    eventually(lambda: not up.all(), 60)
    operator.stop()

    down.kube.delete("Namespace", None, down.namespace)
    done = beside("drain", f"--watch-namespaces={drained.namespace}")
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert last == "2 teams released; none holds up a deletion"
    for name, token in tokens.items():
        (line,) = [line for line in lines if line.startswith(f"{drained.namespace}/{name} released, left in the services: ")]
        assert f"token {token}" in line and "routing.slack_channel_ids" in line
        assert ServiceSide(services, name).live_tokens() == {token}
    assert len(drained.children("CronJob")) == 2  # all is as it was
    drained.kube.delete("Namespace", None, drained.namespace)
    eventually(lambda: namespace_is_gone(up) and namespace_is_gone(drained), 60)
    eventually(lambda: all(t["metadata"].get("deletionTimestamp") for t in down.all()))
    assert finalizers(down) == [FINALIZER] * 2  # and so its namespace waits

    operator.start()
    eventually(lambda: namespace_is_gone(down), 60)
    for name in names[up] + names[down]:
        its = ServiceSide(services, name)
        assert its.live_tokens() == set() and its.config()["routing"]["slack_channel_ids"] == []


def test_drain_and_a_running_operator_do_not_fight(some_teams, beside):
    teams = some_teams("peace")
    names = all_ready(teams)
    done = beside("drain", f"--watch-namespaces={teams.namespace}")
    assert done.returncode == 0, done.stderr
    for name in names:  # whatever happens to it
        annotate(teams, name, requested_at="now")
        teams.change(name, displayName="another")

    def released():
        assert finalizers(teams) == []
        assert {t["metadata"]["annotations"][PAUSED] for t in teams.all()} == {"true"}

    throughout(2, released)
    again = beside("drain", f"--watch-namespaces={teams.namespace}")
    assert (again.returncode, again.stdout) == (0, "0 teams released; none holds up a deletion\n"), again.stderr
    # The way back.
    teams.kube.kubectl("annotate", "tprov", "--all", "--namespace", teams.namespace, f"{PAUSED}-")
    eventually(lambda: finalizers(teams) == [FINALIZER] * 2)
    all_ready(teams)


def test_drain_takes_the_teams_of_its_shard(some_teams, beside):
    teams = some_teams("shard")
    ours, others = all_ready(teams)
    teams.kube.kubectl("label", "tprov", ours, "--namespace", teams.namespace, "shard=a")
    done = beside("drain", f"--watch-namespaces={teams.namespace}", "--watch-label-selector=shard in (a, b)")
    assert done.returncode == 0, done.stderr
    assert PAUSED in teams.get(ours)["metadata"]["annotations"]
    assert PAUSED not in teams.get(others)["metadata"].get("annotations", {})
    assert teams.get(others)["metadata"]["finalizers"] == [FINALIZER]


def test_drain_that_deletes(platform_cluster, some_teams, operator, beside, services):
    teams = some_teams("deleted")
    names = all_ready(teams)
    where = (f"--watch-namespaces={teams.namespace}", "--mode=delete")
    refused = beside("drain", *where)  # an operator may not delete teams
    assert refused.returncode == 1 and "403" in refused.stderr and len(teams.all()) == 2
    operator.stop()

    def as_admin(*more):
        return run_operator("drain", *where, f"--kubeconfig={platform_cluster.kubeconfig}", *more)

    alone = as_admin("--time-limit=5s")
    assert alone.returncode == 1 and "Does an operator run?" in alone.stderr
    for name in names:
        assert f"{teams.namespace}/{name}: is being deleted" in alone.stderr
    operator.start()
    done = as_admin()
    assert done.returncode == 0, done.stderr
    assert teams.all() == []
    for name in names:
        assert ServiceSide(services, name).live_tokens() == set()
