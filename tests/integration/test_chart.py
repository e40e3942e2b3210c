"""The chart: it renders what its values say, no more rights than the operator uses, and no flag that the operator lacks."""

import json

import pytest
import yaml

from support.cluster import CHART, CRD, RELEASE, ROOT, SYSTEM
from support.operator_process import run_operator

# Every value that ends in an argument of the operator.
ALL_ARGUMENTS = {
    "watchNamespaces": ["team-a", "team-b"],
    "log": {"level": "debug", "format": "text"},
    "teams": {
        "agent": {"runLimit": "20m", "secrets": ["one", "two"]},
        "imagePullSecrets": ["registry"],
        "gatewayPeer": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "gateway"}}},
        "configServicePeer": {"ipBlock": {"cidr": "192.0.2.1/32"}},
    },
    "extraArgs": ["--workers=2", "--resync-interval=1h"],
}


def render(cluster, tmp_path, values=None):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values or {}))
    text = cluster.helm("template", RELEASE, str(CHART), "--namespace", SYSTEM, "--values", str(file)).stdout
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents, kind):
    return [d for d in documents if d["kind"] == kind]


def arguments(documents):
    (deployment,) = of_kind(documents, "Deployment")
    return deployment["spec"]["template"]["spec"]["containers"][0]["args"]


def test_lint(cluster):
    cluster.helm("lint", "--strict", str(CHART))


def test_the_crd_is_the_one_of_the_repository(cluster, tmp_path):
    (rendered,) = of_kind(render(cluster, tmp_path), "CustomResourceDefinition")
    original = yaml.safe_load(CRD.read_text())
    assert rendered["spec"] == original["spec"]
    assert rendered["metadata"]["name"] == original["metadata"]["name"]
    assert rendered["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_rights_are_those_of_the_rules_file(cluster, tmp_path):
    rules = yaml.safe_load((CHART / "files" / "operator-rules.yaml").read_text())
    (role,) = of_kind(render(cluster, tmp_path), "ClusterRole")
    assert role["rules"] == rules
    documents = render(cluster, tmp_path, {"watchNamespaces": ["team-a", "team-b"]})
    assert not of_kind(documents, "ClusterRole") and not of_kind(documents, "ClusterRoleBinding")
    assert {r["metadata"]["namespace"]: r["rules"] for r in of_kind(documents, "Role")} == {"team-a": rules, "team-b": rules}
    for binding in of_kind(documents, "RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "team-operator", "namespace": SYSTEM}]


def test_the_rules_name_no_wildcard_and_no_secret():
    for rule in yaml.safe_load((CHART / "files" / "operator-rules.yaml").read_text()):
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]
        assert "secrets" not in rule["resources"]


def test_the_operator_runs_restricted(cluster, tmp_path):
    (deployment,) = of_kind(render(cluster, tmp_path), "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    pod = deployment["spec"]["template"]["spec"]
    security = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("values", [{}, ALL_ARGUMENTS], ids=["defaults", "everything"])
def test_the_operator_knows_each_argument(cluster, tmp_path, values):
    # It gets as far as the kubeconfig, which is not there: so it has taken all that came before.
    missing = tmp_path / "missing.kubeconfig"
    done = run_operator(*arguments(render(cluster, tmp_path, values)), f"--kubeconfig={missing}")
    assert done.returncode != 0
    assert str(missing) in done.stderr, done.stderr


def test_values_reach_the_arguments(cluster, tmp_path):
    args = arguments(render(cluster, tmp_path, ALL_ARGUMENTS))
    assert "--watch-namespaces=team-a,team-b" in args and "--run-limit=20m" in args and args[-2:] == ALL_ARGUMENTS["extraArgs"]
    (peer,) = [a for a in args if a.startswith("--gateway-peer=")]
    assert json.loads(peer.split("=", 1)[1]) == ALL_ARGUMENTS["teams"]["gatewayPeer"]


@pytest.mark.parametrize("values", [{"logs": {}}, {"log": {"level": "loud"}}, {"watchNamespaces": ["Not_A_Name"]}],
                         ids=["unknown-key", "unknown-level", "bad-namespace"])
def test_wrong_values_are_refused(cluster, tmp_path, values):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = cluster.helm("template", RELEASE, str(CHART), "--values", str(file), check=False)
    assert done.returncode != 0
    assert next(iter(values)) in done.stderr


def test_versions_agree():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    done = run_operator("version")
    assert done.returncode == 0
    assert chart["appVersion"] in done.stdout, f"{chart['appVersion']} is not in {done.stdout!r} ({ROOT.name})"
