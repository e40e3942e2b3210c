"""The chart: it renders what its values say, no more rights than the operator uses, and no flag that the operator lacks.

Besides: test_chart_network (who may talk to whom), test_chart_pods (how pods run, the hook, the database), test_chart_values (values, schema
and their document), test_chart_installed (on a real API server, by the real helm).
"""

import json
import re

import pytest
import yaml

from support.chart import containers, environment, of_kind, pod_of, render
from support.cluster import CHART, CRDS, RELEASE, ROOT, SYSTEM
from support.gateway import run_gateway
from support.operator_process import run_operator

# Every value that ends in an argument of the operator.
ALL_ARGUMENTS = {
    "watchNamespaces": ["team-a", "team-b"], "watchLabelSelector": "shard in (a, b)",
    "leaderElection": {"leaseDuration": "30s", "renewDeadline": "20s", "retryPeriod": "3s"},
    "log": {"level": "debug", "format": "text"},
    "teams": {
        "agent": {"runLimit": "20m", "secrets": ["one", "two"]},
        "imagePullSecrets": ["registry"],
        "gatewayPeer": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "gateway"}}},
        "configServicePeer": {"ipBlock": {"cidr": "192.0.2.1/32"}},
    },
    "releases": {"enabled": False, "rolloutRate": 0, "maxProgressing": 7, "maxFailed": 1},
    "policy": {"reservedOrgIds": ["platform"], "reservedTeamNodeIds": ["root", "0"],
               "allowedImageRegistries": ["ghcr.io/acme", "registry.example.com:5000"]},
    "extraArgs": ["--workers=2", "--resync-interval=1h"],
}


def lasting(documents, *kinds):
    """Without what is there only while a hook runs."""
    return [d for d in of_kind(documents, *kinds) if "helm.sh/hook" not in d["metadata"].get("annotations", {})]


def arguments(documents):
    (deployment,) = of_kind(documents, "Deployment")
    return deployment["spec"]["template"]["spec"]["containers"][0]["args"]


def test_lint(cluster):
    cluster.helm("lint", "--strict", str(CHART))


def test_the_crds_are_those_of_the_repository(cluster):
    rendered = {d["metadata"]["name"]: d for d in of_kind(render(cluster), "CustomResourceDefinition")}
    originals = {d["metadata"]["name"]: d for d in (yaml.safe_load(file.read_text()) for file in CRDS)}
    assert {name: d["spec"] for name, d in rendered.items()} == {name: d["spec"] for name, d in originals.items()}
    assert all(d["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for d in rendered.values())


def test_the_rights_are_those_of_the_rules_file(cluster):
    rules = yaml.safe_load((CHART / "files" / "operator-rules.yaml").read_text())
    (role,) = (r for r in of_kind(render(cluster), "ClusterRole") if r["metadata"]["name"] == "team-operator")
    assert role["rules"] == rules
    documents = render(cluster, {"watchNamespaces": ["team-a", "team-b"], "releases": {"enabled": False}})
    assert not of_kind(documents, "ClusterRole") and not of_kind(documents, "ClusterRoleBinding")
    assert {r["metadata"]["namespace"]: r["rules"] for r in of_kind(documents, "Role") if r["metadata"]["name"] == "team-operator"} == {
        "team-a": rules, "team-b": rules}
    for binding in lasting(documents, "RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "team-operator", "namespace": SYSTEM}]


def lease_of(documents):
    """The name that the Role is about; it has to be the one that the program works out from the same arguments."""
    (role,) = [r for r in of_kind(documents, "Role") if r["metadata"]["name"] == "team-operator-leader-election"]
    ((rule,), namespace) = role["rules"], role["metadata"]["namespace"]
    assert (namespace, rule["resources"], rule["verbs"]) == (SYSTEM, ["leases"], ["get", "create", "patch"])
    (name,) = rule["resourceNames"]
    return name


def test_each_part_of_the_teams_has_a_lease_of_its_own(cluster):
    parts = [{}, {"watchNamespaces": ["a", "b"]}, {"watchNamespaces": ["a"]}, {"watchLabelSelector": "shard=a"},
             {"watchNamespaces": ["a"], "watchLabelSelector": "shard=a"}]
    names = [lease_of(render(cluster, values)) for values in parts]
    assert names[0] == "team-operator" and len(set(names)) == len(parts)
    assert lease_of(render(cluster, {"watchNamespaces": ["b", "a"]})) == names[1]


def test_pods_of_the_operator_replace_each_other_without_a_gap(cluster):
    documents = render(cluster)
    (deployment,) = of_kind(documents, "Deployment")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    (budget,) = of_kind(documents, "PodDisruptionBudget")
    assert budget["spec"]["selector"]["matchLabels"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    alone = render(cluster, {"replicas": 1, "leaderElection": {"enabled": False}})
    (deployment,) = of_kind(alone, "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"} and "--leader-elect" not in arguments(alone)
    assert not of_kind(alone, "PodDisruptionBudget", "Role")
    with pytest.raises(AssertionError, match="leaderElection"):
        render(cluster, {"leaderElection": {"enabled": False}})


PLATFORM = {"services": {"configServiceToken": {"secret": "operator-principal"}, "pipelineUrl": "http://ai-pipeline:8090",
                         "pipelineToken": {"secret": "pipeline"}, "driftInterval": "5m", "deletionGiveUp": "20m"}}


def test_secrets_are_granted_only_with_a_principal(cluster):
    rules = [rule for name in ("operator-rules", "operator-platform-rules")
             for rule in yaml.safe_load((CHART / "files" / f"{name}.yaml").read_text())]
    (role,) = (r for r in of_kind(render(cluster, PLATFORM), "ClusterRole") if r["metadata"]["name"] == "team-operator")
    assert role["rules"] == rules
    (deployment,) = of_kind(render(cluster, PLATFORM), "Deployment")
    volumes = {v["name"]: v["secret"]["secretName"] for v in deployment["spec"]["template"]["spec"]["volumes"]}
    assert volumes == {"config-service-token": "operator-principal", "ai-pipeline-token": "pipeline"}


def test_the_rules_name_no_wildcard_and_no_secret():
    for rule in yaml.safe_load((CHART / "files" / "operator-rules.yaml").read_text()):
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]
        assert "secrets" not in rule["resources"]


@pytest.mark.parametrize("values", [{}, ALL_ARGUMENTS, PLATFORM], ids=["defaults", "everything", "platform"])
def test_the_operator_knows_each_argument(cluster, tmp_path, values):
    # It gets as far as the kubeconfig, which is not there: so it has taken all that came before.
    missing = tmp_path / "missing.kubeconfig"
    done = run_operator(*arguments(render(cluster, values)), f"--kubeconfig={missing}")
    assert done.returncode != 0
    assert str(missing) in done.stderr, done.stderr


def test_values_reach_the_arguments(cluster):
    args = arguments(render(cluster, ALL_ARGUMENTS))
    assert "--watch-namespaces=team-a,team-b" in args and "--run-limit=20m" in args and args[-2:] == ALL_ARGUMENTS["extraArgs"]
    (peer,) = [a for a in args if a.startswith("--gateway-peer=")]
    assert json.loads(peer.split("=", 1)[1]) == ALL_ARGUMENTS["teams"]["gatewayPeer"]


@pytest.mark.parametrize("values", [{"logs": {}}, {"log": {"level": "loud"}}, {"watchNamespaces": ["Not_A_Name"]},
                                    {"gateway": {"workers": {}}}, {"gateway": {"config": {"gitlab": {}}}}],
                         ids=["unknown-key", "unknown-level", "bad-namespace", "unknown-role", "unknown-source"])
def test_wrong_values_are_refused(cluster, tmp_path, values):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = cluster.helm("template", RELEASE, str(CHART), "--values", str(file), check=False)
    assert done.returncode != 0
    assert next(iter(values)) in done.stderr


@pytest.mark.parametrize("run", [run_operator, run_gateway])
def test_versions_agree(run):
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    done = run("version")
    assert done.returncode == 0
    assert chart["appVersion"] in done.stdout, f"{chart['appVersion']} is not in {done.stdout!r} ({ROOT.name})"


# ---------------------------------------------------------------- the gateway

ROLES = ("webhooks", "worker", "admin")
LOGINS = {"ingest": {"secret": "ingest-login", "role": "gateway_ingest"}, "worker": {"secret": "worker-login", "role": "gateway_worker"}}
# Every value of the gateway that ends in an argument, a variable or a file.
ALL_OF_THE_GATEWAY = {
    "enabled": True, "log": {"level": "debug", "format": "text"}, "agentHosts": [".agents.example.com"],
    "trustedProxies": ["192.0.2.0/24", "2001:db8::/32"], "database": LOGINS, "signingSecrets": {"circleback": {"secret": "circleback"}, "probe": {"secret": "probe"}},
    "extraSigningSecrets": [{"file": "alerts", "secret": "acme-alerts", "key": "webhook_secret"}],
    "config": {
        "github": {"botHandle": "fox", "events": ["issues.opened"]},
        "endpoints": [{"name": "alerts", "org": "acme", "team": "checkout", "message": "/title"}],
        "secrets": [{"source": "generic", "endpoint": "alerts", "file": "/etc/webhook-gateway/secrets/alerts"}],
    },
    "worker": {"extraArgs": ["--team-runs-per-hour=0"]},
    "probe": {"enabled": True, "adminToken": {"secret": "admin"}},
    "runs": {"timeoutSeconds": dict.fromkeys(("slack", "github", "pagerduty", "incidentio", "generic"), 60),
             "maxTurns": dict.fromkeys(("slack", "github", "pagerduty", "incidentio", "generic"), 7)},
}


def gateway(cluster, **values):
    """What is rendered, and the gateway's Deployments by role."""
    documents = render(cluster, {"gateway": {"enabled": True} | values})
    pods = {d["metadata"]["labels"]["app.kubernetes.io/component"]: d for d in of_kind(documents, "Deployment")}
    assert pods.pop("operator")
    return documents, pods


def container(deployment):
    (it,) = deployment["spec"]["template"]["spec"]["containers"]
    return it


def secrets(deployment):
    """All (Secret, key) that any container of the pod can see."""
    pod = pod_of(deployment)
    seen = {value for c in containers(pod) for value in environment(c).values() if isinstance(value, tuple)}
    for volume in pod["spec"]["volumes"]:
        assert set(volume) - {"name"} <= {"configMap", "projected"}
        for source in volume.get("projected", {}).get("sources", []):
            seen |= {(source["secret"]["name"], item["key"]) for item in source["secret"]["items"]}
    return seen


def test_there_is_no_gateway_unless_it_is_asked_for(cluster):
    assert "webhook-gateway" not in yaml.safe_dump_all(d for d in render(cluster) if d["kind"] != "CustomResourceDefinition")


def test_each_role_holds_what_it_needs_and_nothing_else(cluster):
    _, pods = gateway(cluster, database=LOGINS)
    assert set(pods) == set(ROLES)
    assert secrets(pods["webhooks"]) == {
        ("ingest-login", "DATABASE_URL"), ("incidentfox-slack", "signing_secret"), ("incidentfox-github", "webhook_secret"),
        ("incidentfox-pagerduty", "webhook_secret"), ("incidentfox-incidentio", "webhook_secret")}
    assert secrets(pods["worker"]) == {
        ("worker-login", "DATABASE_URL"), ("incidentfox-config-service", "ADMIN_TOKEN"), ("incidentfox-slack", "bot_token")}
    # The owner's login makes the tables, in an init container, and is not the running program's.
    own = {("worker-login", "DATABASE_URL"), ("incidentfox-config-service", "ADMIN_TOKEN")}
    assert secrets(pods["admin"]) == own | {("incidentfox-database-url", "DATABASE_URL")}
    assert secrets({"kind": "Pod", "spec": pod_of(pods["admin"])["spec"] | {"initContainers": []}}) == own
    assert "initContainers" not in pods["webhooks"]["spec"]["template"]["spec"] | pods["worker"]["spec"]["template"]["spec"]
    assert {role: set(environment(container(pods[role]))) for role in ROLES} == {
        "webhooks": {"DATABASE_URL", "SLACK_SIGNING_SECRET_FILE", "GITHUB_WEBHOOK_SECRET_FILE", "PAGERDUTY_WEBHOOK_SECRET_FILE",
                     "INCIDENTIO_WEBHOOK_SECRET_FILE"},
        "worker": {"DATABASE_URL", "CONFIG_SERVICE_URL", "AGENT_API_URL", "ORCHESTRATOR_INTERNAL_ADMIN_TOKEN", "SLACK_BOT_TOKEN"},
        "admin": {"DATABASE_URL", "CONFIG_SERVICE_URL", "AGENT_API_URL", "ORCHESTRATOR_INTERNAL_ADMIN_TOKEN"}}


def test_the_admin_role_alone_can_start_pipelines(cluster):
    services = {"configServiceToken": {"secret": "operator"}, "pipelineUrl": "http://ai-pipeline", "pipelineToken": {"secret": "pipeline"}}
    documents = render(cluster, {"gateway": {"enabled": True}, "services": services})
    pods = {d["metadata"]["labels"]["app.kubernetes.io/component"]: d for d in of_kind(documents, "Deployment")}
    assert {role for role in ROLES if ("pipeline", "token") in secrets(pods[role])} == {"admin"}
    its = environment(container(pods["admin"]))
    (mount,) = [m for m in container(pods["admin"])["volumeMounts"] if m["name"] == "ai-pipeline-token"]
    assert its["AI_PIPELINE_API_URL"] == "http://ai-pipeline" and its["AI_PIPELINE_TOKEN_FILE"] == f"{mount['mountPath']}/token"


@pytest.mark.parametrize("topology", ["split", "combined"])
def test_signing_secrets_are_where_their_variables_say(cluster, topology):
    _, pods = gateway(cluster, topology=topology, signingSecrets={"github": {"secret": ""}, "circleback": {"secret": "circleback"}})
    pod = pods["combined" if topology == "combined" else "webhooks"]
    (mount,) = [m for m in container(pod)["volumeMounts"] if m["name"] == "signing-secrets"]
    assert "subPath" not in mount and mount["readOnly"] is True
    (volume,) = [v for v in pod["spec"]["template"]["spec"]["volumes"] if v["name"] == "signing-secrets"]
    mounted = {f"{mount['mountPath']}/{item['path']}" for source in volume["projected"]["sources"] for item in source["secret"]["items"]}
    named = {name: value for name, value in environment(container(pod)).items() if name.endswith("_FILE")}
    assert set(named.values()) == mounted
    assert set(named) == {f"{n}_FILE" for n in ("SLACK_SIGNING_SECRET", "PAGERDUTY_WEBHOOK_SECRET", "INCIDENTIO_WEBHOOK_SECRET",
                                                "CIRCLEBACK_SIGNING_SECRET")}


@pytest.mark.parametrize("topology", ["split", "combined"])
def test_the_gateway_runs_restricted_and_ends_gracefully(cluster, topology):
    documents, pods = gateway(cluster, topology=topology, admin={"drainSeconds": 40})
    accounts = {a["metadata"]["name"]: a for a in of_kind(documents, "ServiceAccount")}
    for deployment in pods.values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["enableServiceLinks"] is False and pod["securityContext"]["runAsNonRoot"] is True
        assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False
        assert pod["serviceAccountName"] == deployment["metadata"]["name"]
        for it in pod["containers"] + pod.get("initContainers", []):
            security = it["securityContext"]
            assert security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
        it = container(deployment)
        (drain,) = [a.split("=")[1] for a in it["args"] if a.startswith("--drain-timeout=")]
        pause = it["lifecycle"]["preStop"]["sleep"]["seconds"] if "lifecycle" in it else 0
        assert pod["terminationGracePeriodSeconds"] == int(drain.removesuffix("s")) + pause + 30
        # Whoever is sent requests goes on for a moment after it was told to end.
        assert (pause > 0) == bool({p["name"] for p in it["ports"]} & {"webhooks", "admin"})
    # Rights in Kubernetes, and a token, for the admin role alone.
    bound = {s["name"] for b in lasting(documents, "ClusterRoleBinding", "RoleBinding") for s in b["subjects"]}
    admin = "admin" if topology == "split" else "combined"
    assert bound == {"team-operator", pods[admin]["spec"]["template"]["spec"]["serviceAccountName"]}
    assert [role for role, d in pods.items() if d["spec"]["template"]["spec"]["automountServiceAccountToken"]] == [admin]


def test_the_admin_role_has_rights_where_teams_are(cluster):
    documents = render(cluster, {"gateway": {"enabled": True}, "watchNamespaces": ["a", "b"]})
    ours = "webhook-gateway-admin"
    assert [d["metadata"]["namespace"] for d in of_kind(documents, "Role") if d["metadata"]["name"] == ours] == ["a", "b"]
    assert [d["metadata"]["namespace"] for d in of_kind(documents, "RoleBinding") if d["metadata"]["name"] == ours] == ["a", "b"]
    assert ours not in {d["metadata"]["name"] for d in of_kind(documents, "ClusterRole")}
    (deployment,) = [d for d in of_kind(documents, "Deployment") if d["metadata"]["name"] == ours]
    assert {"--team-namespace=a", "--watch-namespaces=a,b"} <= set(container(deployment)["args"])
    (rules,) = {yaml.safe_dump(d["rules"]) for d in of_kind(documents, "Role") if d["metadata"]["name"] == ours}
    assert {(r["resources"][0], *r["verbs"]) for r in yaml.safe_load(rules) if r["resources"] == ["secrets"]} == {("secrets", "get")}


@pytest.mark.parametrize("topology", ["split", "combined"])
def test_services_lead_to_the_pods_that_listen(cluster, topology):
    documents, pods = gateway(cluster, topology=topology)
    found = {}
    for service in of_kind(documents, "Service"):
        (port,) = service["spec"]["ports"]
        chosen = [role for role, pod in pods.items() if service["spec"]["selector"].items() <= pod["spec"]["template"]["metadata"]["labels"].items()]
        for role in chosen:
            assert port["targetPort"] in {p["name"] for p in container(pods[role])["ports"]}
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP"
        found[service["metadata"]["name"]] = (port["port"], sorted(chosen))
    one = ["combined"]
    split = topology == "split"
    assert found == {"webhook-gateway": (8070, ["webhooks"] if split else one), "webhook-gateway-admin": (8071, ["admin"] if split else one),
                     "webhook-gateway-metrics": (8080, sorted(ROLES) if split else one)}
    budgets = [b for b in of_kind(documents, "PodDisruptionBudget") if b["metadata"]["name"] != "team-operator"]
    for budget in budgets:
        assert pods[budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]]["spec"]["replicas"] > 1
    assert len(budgets) == (2 if split else 1)


@pytest.mark.parametrize("topology", ["split", "combined"])
@pytest.mark.parametrize("values", [{"enabled": True}, ALL_OF_THE_GATEWAY], ids=["defaults", "everything"])
def test_the_gateway_knows_each_argument_and_key(cluster, tmp_path, topology, values):
    documents, pods = gateway(cluster, **values | {"topology": topology})
    (config,) = of_kind(documents, "ConfigMap")
    file = tmp_path / "gateway.yaml"
    file.write_text(config["data"]["gateway.yaml"])
    environment = {"DATABASE_URL": "host=127.0.0.1 port=1", "ORCHESTRATOR_INTERNAL_ADMIN_TOKEN": "token",
                   "CONFIG_SERVICE_URL": "http://config-service", "AGENT_API_URL": "http://agent"}
    for deployment in pods.values():
        args = [a for a in container(deployment)["args"] if not a.startswith("--config=")]
        # It ends where the first thing is wrong that comes after flags and config file.
        done = run_gateway(*args, f"--config={file}", "--connect-to=nowhere", env=environment)
        assert done.returncode == 2 and "--connect-to" in done.stderr, done.stderr
        for init in deployment["spec"]["template"]["spec"].get("initContainers", []):
            assert init["args"][0] == "migrate"
            done = run_gateway(*init["args"], env=environment)
            assert done.returncode == 1, f"it did not get as far as the database: {done.stderr}"


def test_no_argument_of_the_templates_is_left_untried(cluster):
    """So that the tests above have shown each of them to the programs."""
    sources = ALL_OF_THE_GATEWAY["runs"]["maxTurns"]
    texts = [file.read_text() for file in (CHART / "templates").rglob("*") if file.suffix in (".yaml", ".tpl")]
    written = {flag.replace("{{ $source }}", source) for text in texts for source in sources
               for flag in re.findall(r'(?m)^ *- (?:{{ printf ")?(--(?:[a-z-]|{{ \$source }})+)', text)}
    rendered = set()
    for values in (ALL_ARGUMENTS, PLATFORM, *({"gateway": ALL_OF_THE_GATEWAY | {"topology": topology}} for topology in ("split", "combined"))):
        for workload in of_kind(render(cluster, values), "Deployment", "Job", "CronJob"):
            rendered |= {argument.split("=")[0] for it in containers(pod_of(workload)) for argument in it["args"]}
    assert len(written) > 40 and written - rendered == set()


def test_a_change_of_the_config_file_replaces_the_pods(cluster):
    def templates(**values):
        return {role: d["spec"]["template"] for role, d in gateway(cluster, **values)[1].items()}

    before = templates()
    assert templates() == before
    after = templates(config={"slack": {"messages": False}})
    assert all(after[role] != before[role] for role in ROLES)
