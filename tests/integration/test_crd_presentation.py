"""What kubectl shows of the API: explanations, columns, selectors; and the examples."""

import yaml
import pytest

from support.cluster import CRD_NAME, ROOT
from support.kube import TEAM
from support.teams import dedicated, scheduled, team

pytestmark = pytest.mark.minor
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def undescribed(schema, path):
    if "description" not in schema and not path.endswith(".metadata"):  # metadata is explained by the API server
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from undescribed(child, f"{path}.{name}")
    for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield from undescribed(schema[key], path + suffix)


def test_every_field_is_explained(kube):
    crd = kube.get("CustomResourceDefinition", None, CRD_NAME)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(undescribed(schema, "tprov")) == []


def test_kubectl_explains(kube):
    text = kube.kubectl("explain", "tprov.spec.runtime.dedicated.networkIsolation")
    assert "Enabled adds a NetworkPolicy" in text
    text = kube.kubectl("explain", "tprov.spec", "--recursive")
    for field in ("orgId", "dependencyDiscovery", "disruptionBudget", "deletionPolicy"):
        assert field in text


def test_columns(kube, namespace):
    kube.create(team(namespace, "one", org="acme", node="checkout", pipeline=scheduled("0 2 * * *")))
    conditions = [{"type": "Ready", "status": "False", "reason": "Conflict", "message": "something is in the way",
                   "lastTransitionTime": "2024-01-01T00:00:00Z", "observedGeneration": 1}]
    kube.merge(TEAM, namespace, "one", {"status": {"observedGeneration": 1, "conditions": conditions,
                                                   "activeRelease": "v7"}}, subresource="status")
    header, row = kube.kubectl("get", "tprov", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "ORG", "TEAM", "MODE", "RELEASE", "READY", "REASON", "AGE"]
    assert row.split()[:7] == ["one", "acme", "checkout", "Shared", "v7", "False", "Conflict"]
    header, row = kube.kubectl("get", "tprov", "-n", namespace, "-o", "wide").splitlines()
    assert header.split()[8:] == ["SCHEDULE", "MESSAGE"]
    assert "0 2 * * *" in row and row.endswith("something is in the way")


def test_status_of_a_new_team_is_about_no_generation_yet(kube, namespace):
    created = kube.create(team(namespace, "new"))
    assert created["status"] == {"observedGeneration": -1}
    assert created["spec"]["runtime"] == {"mode": "Shared"}


def test_teams_are_selected_by_field(kube, namespace):
    kube.create(team(namespace, "one", org="acme", node="checkout"))
    kube.create(team(namespace, "two", org="acme", node="payments", runtime=dedicated()))
    kube.create(team(namespace, "three", org="globex", node="payments"))

    def names(selector):
        return {t["metadata"]["name"] for t in kube.list(TEAM, namespace, fields=selector)}

    assert names("spec.orgId=acme") == {"one", "two"}
    assert names("spec.orgId=acme,spec.teamNodeId=payments") == {"two"}
    assert names("spec.runtime.mode=Shared") == {"one", "three"}
    assert kube.kubectl("get", "incidentfox", "-n", namespace, "-o", "name").count("teamprovisioning") == 3


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_are_accepted(kube, namespace, file):
    for document in yaml.safe_load_all(file.read_text()):
        if document["kind"] == TEAM:
            document["metadata"]["namespace"] = namespace
        kube.create(document, fieldValidation="Strict", dryRun="All")


def test_examples_are_several():
    assert len(EXAMPLES) >= 3
