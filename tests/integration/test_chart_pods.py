"""How the chart's pods run, beyond what test_chart.py says of their flags: where, how many, with which database, and the hook's."""

import itertools

import pytest
import yaml

from support.chart import EXAMPLES, containers, environment, named, of_kind, pod_of, pods, render, selects
from support.cluster import CHART, SYSTEM
from support.operator_process import run_operator

ROLES = ("webhooks", "worker", "admin")


def deployments(documents):
    """component -> Deployment"""
    return {d["metadata"]["labels"]["app.kubernetes.io/component"]: d for d in of_kind(documents, "Deployment")}


def gateway(cluster, **values):
    return deployments(render(cluster, {"gateway": {"enabled": True} | values}))


# ---------------------------------------------------------------- where and how many


def test_pods_are_spread_over_nodes_and_zones(cluster):
    for deployment in gateway(cluster).values():
        spread = pod_of(deployment)["spec"]["topologySpreadConstraints"]
        assert [c["topologyKey"] for c in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        for constraint in spread:
            assert constraint["labelSelector"] == deployment["spec"]["selector"]
            assert constraint["whenUnsatisfiable"] == "ScheduleAnyway" and constraint["matchLabelKeys"] == ["pod-template-hash"]


def test_a_role_has_its_own_instead_of_what_is_for_all(cluster):
    everywhere = {"nodeSelector": {"pool": "all"}, "tolerations": [{"key": "all", "operator": "Exists"}], "affinity": {"nodeAffinity": {}},
                  "topologySpreadConstraints": [], "priorityClassName": "all"}
    own = {"nodeSelector": {"pool": "edge"}, "tolerations": [], "affinity": {"podAntiAffinity": {}}, "priorityClassName": "edge",
           "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}]}
    found = gateway(cluster, **everywhere, podLabels={"a": "all", "b": "all"}, podAnnotations={"c": "all"},
                    webhooks={"pod": own | {"labels": {"a": "edge"}, "annotations": {"c": "edge"}}, "extraEnv": [{"name": "X", "value": "1"}]})
    edge, worker = pod_of(found["webhooks"]), pod_of(found["worker"])
    assert {k: worker["spec"].get(k, []) for k in everywhere} == everywhere
    (spread,) = edge["spec"].pop("topologySpreadConstraints")
    assert spread == own.pop("topologySpreadConstraints")[0] | {"labelSelector": found["webhooks"]["spec"]["selector"]}
    assert {k: edge["spec"].get(k, []) for k in own} == own
    assert [(p["metadata"]["labels"]["a"], p["metadata"]["labels"]["b"], p["metadata"]["annotations"]["c"]) for p in (edge, worker)] == [
        ("edge", "all", "edge"), ("all", "all", "all")]
    assert environment(containers(edge)[0])["X"] == "1" and "X" not in environment(containers(worker)[0])


def test_whose_number_is_another_s_business_names_none(cluster):
    documents = render(cluster, {"gateway": {"enabled": True, "admin": {"replicas": 1}, "webhooks": {
        "replicas": 1, "autoscaling": {"minReplicas": 3, "maxReplicas": 9, "targetCPUUtilizationPercentage": 70}}}})
    (scaler,) = of_kind(documents, "HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]
    assert "replicas" not in named(documents, target["kind"], target["name"])["spec"] and target["name"] == "webhook-gateway-webhooks"
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 9)
    budgets = {b["metadata"]["name"]: b for b in of_kind(documents, "PodDisruptionBudget")}
    assert set(budgets) == {"team-operator", "webhook-gateway-webhooks", "webhook-gateway-worker"}
    for name, budget in budgets.items():
        chosen = [w["metadata"]["name"] for w, pod in pods(documents) if selects(budget["spec"]["selector"], pod["metadata"]["labels"])]
        assert chosen == [name]


@pytest.mark.parametrize("topology, component", [("split", "worker"), ("combined", "combined")])
def test_no_run_is_longer_than_a_pod_is_given_to_end(cluster, topology, component):
    limits = {"timeoutSeconds": {"slack": 600, "github": 120}, "maxTurns": {"slack": 80}}
    found = gateway(cluster, topology=topology, runs=limits)
    flags = {"--slack-agent-timeout=600", "--github-agent-timeout=120", "--slack-agent-max-turns=80"}
    for name, deployment in found.items():
        given = {a for a in containers(pod_of(deployment))[0]["args"] if "-agent-" in a}
        assert given == (flags if name == component else set())
    assert pod_of(found[component])["spec"]["terminationGracePeriodSeconds"] >= 600 + 30
    with pytest.raises(AssertionError, match=rf"runs of 601 s need gateway.{component}.drainSeconds of 631"):
        gateway(cluster, topology=topology, runs={"timeoutSeconds": {"pagerduty": 601}})
    assert gateway(cluster, topology=topology, runs={"timeoutSeconds": {"pagerduty": 601}}, **{component: {"drainSeconds": 631}})


def test_the_cluster_may_choose_the_users(cluster):
    """As OpenShift does, with numbers that are written as they are."""
    gateway = {"enabled": True, "database": {"embedded": {"enabled": True, "userId": 1000680000}}}
    for user in (None, 1000680000):
        for workload, pod in pods(render(cluster, {"runAsUser": user, "gateway": gateway})):
            its = pod["spec"]["securityContext"]
            assert its["runAsNonRoot"] is True
            assert its.get("runAsUser") == its.get("runAsGroup") == (1000680000 if workload["kind"] == "StatefulSet" else user)


# ---------------------------------------------------------------- the embedded database


def test_every_role_logs_in_to_the_embedded_database(cluster):
    for topology in ("split", "combined"):
        documents = render(cluster, {"gateway": {"enabled": True, "topology": topology, "database": {"embedded": {"enabled": True}}}})
        (database,) = of_kind(documents, "StatefulSet")
        (server,) = containers(pod_of(database))
        own = environment(server)
        secret = named(documents, "Secret", own["POSTGRES_PASSWORD"][0])
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" and set(secret["data"]) == {"password"}
        (service,) = [s for s in of_kind(documents, "Service") if selects({"matchLabels": s["spec"]["selector"]}, pod_of(database)["metadata"]["labels"])]
        for name, deployment in deployments(documents).items():
            for container in containers(pod_of(deployment)) if name != "operator" else []:
                its = environment(container)
                assert "DATABASE_URL" not in its
                assert (its["DB_HOST"], its["DB_PORT"]) == (service["metadata"]["name"], str(service["spec"]["ports"][0]["port"]))
                assert (its["DB_NAME"], its["DB_USER"], its["DB_PASSWORD"]) == (own["POSTGRES_DB"], own["POSTGRES_USER"], own["POSTGRES_PASSWORD"])


def test_the_embedded_database_takes_a_secret_of_others(cluster):
    embedded = {"enabled": True, "existingSecret": "mine", "storage": {"size": "1Gi", "className": "fast"}}
    documents = render(cluster, {"gateway": {"enabled": True, "database": {"embedded": embedded, "worker": {"secret": "worker-login"}}}})
    assert not of_kind(documents, "Secret")
    found = deployments(documents)
    assert environment(containers(pod_of(found["webhooks"]))[0])["DB_PASSWORD"] == ("mine", "password")
    assert environment(containers(pod_of(found["worker"]))[0])["DATABASE_URL"] == ("worker-login", "DATABASE_URL")
    (claim,) = of_kind(documents, "StatefulSet")[0]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast" and claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


# ---------------------------------------------------------------- errands: the hook and the test


def of_hook(documents, hook):
    return [d for d in documents if d["metadata"].get("annotations", {}).get("helm.sh/hook") == hook]


def rules_of(mode):
    return yaml.safe_load((CHART / "files" / f"drain-{mode}-rules.yaml").read_text())


@pytest.mark.parametrize("files, ways", [
    ([], ["http://webhook-gateway.incidentfox-system.svc:8070", "http://webhook-gateway-admin.incidentfox-system.svc:8071"]),
    (["drop-in.yaml"], ["http://incidentfox-orchestrator.incidentfox-system.svc:8070"] * 2),
    (["drop-in.yaml", "drop-in-split.yaml"], ["http://incidentfox-webhooks.incidentfox-system.svc:8070", "http://incidentfox-orchestrator.incidentfox-system.svc:8070"]),
], ids=["names", "drop-in", "drop-in-split"])
def test_the_test_sends_the_probe(cluster, files, ways):
    probe = {"probe": {"enabled": True, "adminToken": {"secret": "admin"}}, "signingSecrets": {"probe": {"secret": "probe"}}}
    documents = render(cluster, {"gateway": {"enabled": True} | probe}, files=[EXAMPLES / file for file in files])
    (job,) = of_kind(documents, "CronJob")
    (test,) = [d for d in of_hook(documents, "test") if d["metadata"]["name"] == "webhook-gateway-probe"]
    assert test["spec"] == pod_of(job)["spec"]
    (container,) = containers(test)
    assert [a.partition("=")[2] for a in container["args"] if "-url=" in a or a.startswith("--url=")] == ways
    assert len(of_hook(render(cluster, {"gateway": {"enabled": True}}), "test")) == 1


@pytest.mark.parametrize("mode", ["retain", "delete"])
def test_the_hook_has_an_account_of_its_own(cluster, mode):
    hook = of_hook(render(cluster, {"drain": {"mode": mode, "timeLimitSeconds": 90}}), "pre-delete")
    assert sorted(d["kind"] for d in hook) == ["ClusterRole", "ClusterRoleBinding", "Job", "ServiceAccount"]
    # Nothing of it is there before or after.
    assert {d["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for d in hook} == {"before-hook-creation,hook-succeeded"}
    (job,) = of_kind(hook, "Job")
    weight = {d["kind"]: int(d["metadata"]["annotations"]["helm.sh/hook-weight"]) for d in hook}
    assert all(weight[kind] < weight["Job"] for kind in weight if kind != "Job")
    (role,), (binding,) = of_kind(hook, "ClusterRole"), of_kind(hook, "ClusterRoleBinding")
    assert role["rules"] == rules_of(mode) and binding["roleRef"]["name"] == role["metadata"]["name"]
    account = job["spec"]["template"]["spec"]["serviceAccountName"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": SYSTEM}] and account != "team-operator"
    (container,) = containers(pod_of(job))
    assert container["args"] == ["drain", f"--mode={mode}", "--time-limit=90s"]
    assert job["spec"]["activeDeadlineSeconds"] == 120


def test_the_hook_goes_no_further_than_the_operator(cluster):
    hook = of_hook(render(cluster, {"watchNamespaces": ["a", "b"], "watchLabelSelector": "shard in (a, b)"}), "pre-delete")
    assert not of_kind(hook, "ClusterRole", "ClusterRoleBinding")
    assert sorted((d["kind"], d["metadata"]["namespace"]) for d in of_kind(hook, "Role", "RoleBinding")) == list(
        itertools.product(["Role", "RoleBinding"], "ab"))
    (job,) = of_kind(hook, "Job")
    assert containers(pod_of(job))[0]["args"][-2:] == ["--watch-namespaces=a,b", "--watch-label-selector=shard in (a, b)"]


def test_there_is_no_hook_where_nobody_wants_it_or_may(cluster):
    nobody = [{"drain": {"mode": "none"}}, {"rbac": {"create": False}}]
    assert [of_hook(render(cluster, values), "pre-delete") for values in nobody] == [[], []]
    (job,) = of_hook(render(cluster, {"rbac": {"create": False}, "drain": {"serviceAccount": "mine"}}), "pre-delete")
    assert pod_of(job)["spec"]["serviceAccountName"] == "mine"


@pytest.mark.parametrize("values", [{}, {"drain": {"mode": "delete"}, "watchNamespaces": ["a"]}], ids=["retain", "delete"])
def test_errands_are_known_to_the_program_and_to_no_selector(cluster, tmp_path, values):
    documents = render(cluster, values)
    (job,) = of_hook(documents, "pre-delete")[-1:]
    (test,) = of_hook(documents, "test")
    missing = tmp_path / "missing.kubeconfig"
    for errand in (job, test):
        (container,) = containers(pod_of(errand))
        done = run_operator(*container["args"], f"--kubeconfig={missing}")
        assert done.returncode == 1 and str(missing) in done.stdout + done.stderr, done
        for other in of_kind(documents, "Deployment", "PodDisruptionBudget"):
            assert not selects(other["spec"]["selector"], pod_of(errand)["metadata"]["labels"])


def test_the_test_asks_as_the_operator_with_its_flags(cluster):
    services = {"configServiceToken": {"secret": "operator"}, "pipelineUrl": "http://ai-pipeline", "pipelineToken": {"secret": "pipeline"}}
    documents = render(cluster, {"services": services, "watchNamespaces": ["a"], "extraArgs": ["--workers=2"]})
    (test,) = of_hook(documents, "test")
    operator = pod_of(deployments(documents)["operator"])
    (its,), (asks,) = containers(operator), containers(test)
    assert (its["args"][0], asks["args"][0]) == ("run", "preflight") and its["args"][1:] == asks["args"][1:]
    for key in ("image", "command", "env", "volumeMounts", "securityContext"):
        assert its[key] == asks[key]
    for key in ("serviceAccountName", "volumes", "automountServiceAccountToken", "securityContext"):
        assert operator["spec"][key] == test["spec"][key]
