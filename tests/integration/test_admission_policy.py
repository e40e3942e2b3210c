"""What the chart's ValidatingAdmissionPolicies refuse, as real people under real rights; and that the operator agrees.

The policies here are those of a second release of the chart, with lists, which holds in a namespace of these tests only.
"""

import re

import pytest
import yaml

from support.cluster import CHART, ROOT
from support.kube import TEAM, ApiError, Kube
from support.operator_process import run_operator
from support.teams import dedicated, team
from support.waiting import eventually

pytestmark = pytest.mark.minor
RELEASE = "policy-test"
TEAMS_POLICY = f"{RELEASE}-team-operator-teams"
RELEASES_POLICY = f"{RELEASE}-team-operator-releases"
NAMESPACE, RESERVED, ELSEWHERE = "policy", "policy-reserved", "policy-elsewhere"
LISTS = {
    "reservedNamespaces": ["kube-system", RESERVED], "reservedOrgIds": ["platform"], "reservedTeamNodeIds": ["root", "0"],
    "allowedImageRegistries": ["registry.example.com", "ghcr.io/acme", "docker.io/acme"],
}
FLAGS = ["--reserved-namespaces=kube-system,policy-reserved", "--reserved-org-ids=platform", "--reserved-team-node-ids=root,0",
         "--allowed-image-registries=registry.example.com,ghcr.io/acme,docker.io/acme"]

EDITOR = "edith@example.com"
APPROVER = "jane@example.com"  # of the example in docs/security.md
GITOPS = "system:serviceaccount:gitops:controller"
RIGHTS = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: editor}}
rules:
- {{apiGroups: [incidentfox.io], resources: [teamprovisionings], verbs: [get, create, update, patch, delete]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: editors}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: editor}}
subjects:
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: {EDITOR}}}
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: {APPROVER}}}
- {{kind: ServiceAccount, name: controller, namespace: gitops}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: approver-for-others}}
rules:
- {{apiGroups: [incidentfox.io], resources: [teamprovisionings], verbs: [approve-for-others]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: approvers-for-others}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: approver-for-others}}
subjects:
- {{kind: ServiceAccount, name: controller, namespace: gitops}}
"""


class Person(Kube):
    """The API server as somebody else sees it, with the rights of that name."""

    def __init__(self, kubeconfig, name):
        super().__init__(kubeconfig)
        self.name = name

    def headers(self, **more):
        return super().headers(**{"Impersonate-User": self.name}, **more)


def rendered(cluster, *values):
    return cluster.helm("template", RELEASE, str(CHART), "--show-only=templates/policy.yaml", *values).stdout


def refusal(call, *args, **kwargs):
    """The sentence with which a policy refuses, or None. It may be that of the chart which all tests share: it guards approvals too."""
    try:
        call(*args, **kwargs)
    except ApiError as error:
        found = re.search(r"ValidatingAdmissionPolicy '((?:policy-test-)?team-operator-\w+)' with binding '\1' denied request: (.*)",
                          error.message)
        assert found, str(error)
        assert error.code == 403
        return found[2]
    return None


@pytest.fixture(scope="module")
def policies(cluster, kube, tmp_path_factory):
    for namespace in (NAMESPACE, RESERVED, ELSEWHERE):
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "security.md").read_text(), re.M | re.S)
    kube.kubectl("-n", NAMESPACE, "apply", "-f", "-", stdin=RIGHTS)
    kube.kubectl("-n", NAMESPACE, "apply", "-f", "-", stdin=example)
    file = tmp_path_factory.mktemp("policy") / "values.yaml"
    file.write_text(yaml.safe_dump({"policy": LISTS, "watchNamespaces": [NAMESPACE, RESERVED]}))
    manifest = rendered(cluster, "--values", str(file))
    kube.kubectl("apply", "--filename=-", stdin=manifest)
    probe = team(NAMESPACE, "probe", org="platform")
    eventually(lambda: refusal(kube.create, probe, dryRun="All"), 60, "the policy for teams is in force")
    probe = release("probe", agentImage="evil.example.com/agent")
    eventually(lambda: refusal(kube.create, probe, dryRun="All"), 60, "the policy for releases is in force")
    yield manifest
    kube.kubectl("delete", "--filename=-", stdin=manifest)
    for namespace in (NAMESPACE, RESERVED, ELSEWHERE):
        kube.call("DELETE", kube.path(TEAM, namespace))
        kube.delete("Namespace", None, namespace)


@pytest.fixture
def person(cluster, policies):
    return lambda name: Person(cluster.kubeconfig, name)


def release(name, **spec):
    return {"apiVersion": "incidentfox.io/v1alpha1", "kind": "AgentRelease", "metadata": {"name": name}, "spec": spec}


def image_refused(path, image):
    return f'{path}: the image "{image}" is not in a registry that the platform allows; allowed are: {", ".join(LISTS["allowedImageRegistries"])}'


# (what, namespace, spec, refusal)
SAMPLES = [
    ("a team like any other", NAMESPACE, {}, None),
    ("where no team may be", RESERVED, {},
     'metadata.namespace: "policy-reserved" is reserved; reserved are: kube-system, policy-reserved'),
    ("a reserved org", NAMESPACE, {"orgId": "platform"}, 'spec.orgId: "platform" is reserved; reserved are: platform'),
    ("a name that begins with it", NAMESPACE, {"orgId": "platform-2"}, None),
    ("a reserved node", NAMESPACE, {"teamNodeId": "0"}, 'spec.teamNodeId: "0" is reserved; reserved are: root, 0'),
    ("an org of a node's name", NAMESPACE, {"orgId": "root"}, None),
    ("images of all registries that are allowed", NAMESPACE,
     {"pipeline": {"image": "registry.example.com/pipeline:1"}, "dependencyDiscovery": {"image": "ghcr.io/acme/x/discovery"},
      "runtime": dedicated(image="acme/agent:1")}, None),
    ("a stranger's pipeline", NAMESPACE, {"pipeline": {"image": "evil.example.com/pipeline:1"}},
     image_refused("spec.pipeline.image", "evil.example.com/pipeline:1")),
    ("a stranger's discovery", NAMESPACE, {"dependencyDiscovery": {"image": "discovery"}},
     image_refused("spec.dependencyDiscovery.image", "discovery")),
    ("a stranger's agent", NAMESPACE, {"runtime": dedicated(image="ghcr.io/acme-corp/agent")},
     image_refused("spec.runtime.dedicated.image", "ghcr.io/acme-corp/agent")),
    ("a stranger's agent that does not run", NAMESPACE, {"runtime": {"mode": "Shared", "dedicated": {"image": "ghcr.io/x/agent"}}},
     image_refused("spec.runtime.dedicated.image", "ghcr.io/x/agent")),
    ("two strangers", NAMESPACE, {"pipeline": {"image": "a/b"}, "dependencyDiscovery": {"image": "c/d"}},
     image_refused("spec.pipeline.image", "a/b") + "; " + image_refused("spec.dependencyDiscovery.image", "c/d")),
] + [
    (f"not in a registry: {image}", NAMESPACE, {"pipeline": {"image": image}}, image_refused("spec.pipeline.image", image))
    for image in ("registry.example.com.evil.net/agent", "registry.example.com:5000/agent", "docker.io/registry.example.com/agent",
                  "localhost/registry.example.com/agent", "Registry.example.com/agent", "docker.io/acme:1", "ghcr.io/acme")
]


@pytest.mark.parametrize("namespace, spec, expected", [pytest.param(*sample[1:], id=sample[0].replace(" ", "-")) for sample in SAMPLES])
def test_names_and_registries(policies, kube, tmp_path, namespace, spec, expected):
    manifest = team(namespace, "sample", **spec)
    assert refusal(kube.create, manifest, dryRun="All") == expected
    # The operator says the same of what came past the policy.
    file = tmp_path / "team.yaml"
    file.write_text(yaml.safe_dump(manifest))
    done = run_operator("plan", "-f", str(file), *FLAGS)
    assert done.returncode == (1 if expected else 0), done.stderr
    said = [line.partition(f"{namespace}/sample: ")[2] for line in done.stderr.splitlines()]
    assert "; ".join(said) == (expected or "")


def test_lists_that_became_stricter_stand_in_nobodys_way(policies, kube):
    kube.create(team(ELSEWHERE, "free", org="platform", node="root", pipeline={"image": "evil.example.com/pipeline"}))  # not ours to judge
    old = team(NAMESPACE, "old", pipeline={"image": "evil.example.com/old"})
    unbind = ["delete", "validatingadmissionpolicybinding", TEAMS_POLICY]
    kube.kubectl(*unbind)
    eventually(lambda: refusal(kube.create, old, dryRun="All") is None, 60, "the policy is no longer in force")
    kube.create(old)
    kube.kubectl("apply", "--filename=-", stdin=policies)
    eventually(lambda: refusal(kube.create, old | {"metadata": {"namespace": NAMESPACE, "name": "probe"}}, dryRun="All"), 60)

    def change(**spec):
        return refusal(kube.merge, TEAM, NAMESPACE, "old", {"spec": spec})

    assert change(displayName="Old") is None
    finalizers = [{"op": "add", "path": "/metadata/finalizers", "value": ["incidentfox.io/test"]}]
    assert refusal(kube.json_patch, TEAM, NAMESPACE, "old", finalizers) is None
    assert refusal(kube.json_patch, TEAM, NAMESPACE, "old", [{"op": "remove", "path": "/metadata/finalizers"}]) is None
    assert change(pipeline={"image": "evil.example.com/new"}) == image_refused("spec.pipeline.image", "evil.example.com/new")
    assert change(runtime=dedicated(image="evil.example.com/old")) == image_refused("spec.runtime.dedicated.image", "evil.example.com/old")
    assert change(pipeline={"image": "ghcr.io/acme/pipeline"}) is None
    assert change(pipeline={"image": "evil.example.com/old"}) == image_refused("spec.pipeline.image", "evil.example.com/old")
    assert kube.delete(TEAM, NAMESPACE, "old")


def test_images_of_releases(policies, kube):
    good = release("good", agentImage="ghcr.io/acme/agent:1", pipelineImage="acme/pipeline", discoveryImage="registry.example.com/d")
    assert refusal(kube.create, good, dryRun="All") is None
    for field in ("agentImage", "pipelineImage", "discoveryImage"):
        bad = release("bad", **good["spec"] | {field: "evil.example.com/x"})
        assert refusal(kube.create, bad, dryRun="All") == image_refused(f"spec.{field}", "evil.example.com/x")


# ---------------------------------------------------------------- approvals

NO_VERB = ('spec.governance.approvedBy: "{}" may not approve write tools; it takes the verb "approve" on '
           "teamprovisionings.incidentfox.io")
OTHER_NAME = ('spec.governance.approvedBy: must be your own name, "{}", not "{}"; to give the name of another takes the verb '
              '"approve-for-others"')


def approved(by):
    return {"governance": {"writeTools": "Approved", "approvedBy": by}}


@pytest.mark.parametrize("who, name, expected", [
    (EDITOR, EDITOR, NO_VERB.format(EDITOR)),
    (EDITOR, APPROVER, NO_VERB.format(EDITOR)),
    (APPROVER, APPROVER, None),
    (APPROVER, EDITOR, OTHER_NAME.format(APPROVER, EDITOR)),
    (GITOPS, EDITOR, None),
    (GITOPS, GITOPS, None),
])
def test_who_may_approve(person, kube, who, name, expected):
    they = person(who)
    assert refusal(they.create, team(NAMESPACE, "new", **approved(name)), dryRun="All") == expected
    assert refusal(they.apply, team(NAMESPACE, "new", **approved(name)), manager="them", dryRun="All") == expected
    assert refusal(they.create, team(NAMESPACE, "new", governance={"writeTools": "Disabled"}), dryRun="All") is None
    kube.create(team(NAMESPACE, "known"))
    try:
        assert refusal(they.merge, TEAM, NAMESPACE, "known", {"spec": approved(name)}) == expected
    finally:
        kube.delete(TEAM, NAMESPACE, "known")


def test_an_approval_lasts_until_it_is_changed(person, kube):
    edith, jane = person(EDITOR), person(APPROVER)
    kube.create(team(NAMESPACE, "approved"))

    def change(they, **spec):
        return refusal(they.merge, TEAM, NAMESPACE, "approved", {"spec": spec})

    assert change(jane, **approved(APPROVER)) is None
    # What has nothing to do with it, and what says the same again, anybody may write.
    assert change(edith, displayName="Approved") is None
    assert change(edith, **approved(APPROVER)) is None
    assert change(edith, **approved(EDITOR)) == NO_VERB.format(EDITOR)
    assert change(edith, governance={"writeTools": "Disabled", "approvedBy": None}) is None
    assert change(edith, **approved(APPROVER)) == NO_VERB.format(EDITOR), "what was taken back is gone"
    assert kube.delete(TEAM, NAMESPACE, "approved")


# ---------------------------------------------------------------- the chart


def test_the_chart_guards_approvals_by_default(cluster, kube, policies):
    """The release of the chart that all tests share, where the policies of these tests do not hold."""
    kube.kubectl("-n", ELSEWHERE, "apply", "-f", "-", stdin=RIGHTS)
    edith = Person(cluster.kubeconfig, EDITOR)

    def refused_by():
        with pytest.raises(ApiError) as refused:
            edith.create(team(ELSEWHERE, "mine", **approved(EDITOR)), dryRun="All")
        return "ValidatingAdmissionPolicy 'team-operator-teams'" in refused.value.message

    eventually(refused_by, 60)
    with pytest.raises(ApiError, match='metadata.namespace: "kube-system" is reserved'):
        kube.create(team("kube-system", "mine"), dryRun="All")
    kube.create(team(ELSEWHERE, "mine", org="platform", pipeline={"image": "evil.example.com/x"}), dryRun="All")


def test_the_expressions_fit_the_schemas(policies, kube):
    for name in (TEAMS_POLICY, RELEASES_POLICY):
        def checked(name=name):
            found = yaml.safe_load(kube.kubectl("get", "validatingadmissionpolicy", name, "-o", "yaml"))
            return found["status"]["observedGeneration"] == found["metadata"]["generation"] and found["status"]

        assert eventually(checked, 60)["typeChecking"] == {}


def test_messages_name_fields_of_the_schemas(policies, kube):
    judged = {d["metadata"]["name"]: d for d in yaml.safe_load_all(policies) if d["kind"] == "ValidatingAdmissionPolicy"}
    for name, resource, count in ((TEAMS_POLICY, "teamprovisionings", 7), (RELEASES_POLICY, "agentreleases", 3)):
        fields = set(re.findall(r"'((?:spec|metadata)\.[.\w]+)", str(judged[name]["spec"]).replace('"', "'")))
        assert len(fields) == count, fields
        for field in fields:
            kube.kubectl("explain", f"{resource}.{field}")


def test_values(cluster, tmp_path):
    documents = list(yaml.safe_load_all(rendered(cluster)))
    assert [d["kind"] for d in documents if d] == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    assert "matchResources" not in documents[1]["spec"] and documents[0]["spec"]["failurePolicy"] == "Fail"
    off = cluster.helm("template", RELEASE, str(CHART), "--set=policy.admission=false", "--set=policy.reservedOrgIds={platform}").stdout
    assert "ValidatingAdmission" not in off and "--reserved-org-ids=platform" in off
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"policy": LISTS}))
    cluster.helm("lint", "--strict", str(CHART), "--values", str(file))
    args = cluster.helm("template", RELEASE, str(CHART), "--show-only=templates/deployment.yaml", "--values", str(file)).stdout
    assert all(f"- {flag}\n" in args for flag in FLAGS)


@pytest.mark.parametrize("value", ["acme", "ghcr.io/", "https://ghcr.io", "ghcr.io/acme:1", "it's.example.com"])
def test_what_is_no_registry_is_no_value(cluster, value):
    done = cluster.helm("template", RELEASE, str(CHART), f"--set=policy.allowedImageRegistries={{{value}}}", check=False)
    assert done.returncode != 0 and "allowedImageRegistries" in done.stderr
