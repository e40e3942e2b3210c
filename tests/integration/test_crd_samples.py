"""Each rule of the schema, from both sides: the API server and the validator in C++ judge the same cases alike.

The cases are in tests/crd/samples; its README says what they mean. The API server judges in a server-side dry run with
strict field validation, the validator in `team-operator plan -f FILE`, whose exit status is 1 for a team that it refuses
and whose standard error then has a line "FILE: TEAM: PATH: MESSAGE" for each field.
"""

import copy
import pathlib

import pytest
import yaml

from support.kube import TEAM_API, ApiError
from support.operator_process import run_operator
from support.teams import team

SAMPLES = pathlib.Path(__file__).parents[1] / "crd" / "samples"
CASES = [
    pytest.param(case, id=f"{file.stem}-{case['name'].replace(' ', '-')}")
    for file in sorted(SAMPLES.glob("*.yaml"))
    for case in yaml.safe_load(file.read_text())
]
IDENTITY = {"orgId": "acme", "teamNodeId": "checkout"}
NAMESPACE = "samples"


def manifest(case, spec):
    if case.get("kind") == "AgentRelease":
        return {"apiVersion": TEAM_API, "kind": "AgentRelease", "metadata": {"name": "sample"}, "spec": copy.deepcopy(spec)}
    obj = team(NAMESPACE, "sample")
    obj["spec"] = copy.deepcopy(spec) if case.get("whole") else IDENTITY | copy.deepcopy(spec)
    return obj


def secrets_in(value):
    """The Secrets that a team's pods read."""
    if isinstance(value, dict):
        found = [ref.get(key) for field, key in (("secretKeyRef", "name"), ("auditSink", "secretName"))
                 if isinstance(ref := value.get(field), dict)]
        names = [name for name in found if isinstance(name, str) and "," not in name]
        return names + [name for child in value.values() for name in secrets_in(child)]
    return [name for child in value for name in secrets_in(child)] if isinstance(value, list) else []


@pytest.fixture(scope="module")
def server(kube):
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield kube
    kube.delete("Namespace", None, NAMESPACE)


def judge_by_server(server, case):
    """The ApiError with which the change is refused, or None."""
    strict = {"fieldValidation": "Strict", "dryRun": "All"}
    try:
        if "update" not in case:
            server.create(manifest(case, case["spec"]), **strict)
            return None
        created = server.create(manifest(case, case["update"]["from"]), fieldValidation="Strict")
        try:
            after = manifest(case, case["update"]["to"])
            after["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"]
            server.call("PUT", server.path_of(after), after, query=strict)
        finally:
            server.delete(after["kind"], NAMESPACE, "sample")
    except ApiError as error:
        return error
    return None


@pytest.mark.minor
@pytest.mark.parametrize("case", CASES)
def test_the_api_server_agrees(server, case):
    refusal = judge_by_server(server, case)
    if case["accept"]:
        assert refusal is None, str(refusal)
        return
    assert refusal is not None, "accepted"
    assert refusal.code in (400, 422), str(refusal)
    if not refusal.causes:  # an unknown field
        assert case["path"] in refusal.message and case.get("message", "") in refusal.message, refusal.message
        return
    about = [cause["message"] for cause in refusal.causes if cause["field"] == case["path"]]
    assert about, f"nothing about {case['path']}: {refusal.causes}"
    assert any(case.get("message", "") in message for message in about), about


@pytest.mark.parametrize("case", [case for case in CASES if "update" not in case.values[0]])
def test_the_validator_agrees(tmp_path, case):
    file = tmp_path / "team.yaml"
    file.write_text(yaml.safe_dump(manifest(case, case["spec"]), allow_unicode=True))
    # Which Secrets a team may name is the platform's policy, beyond the schema: here all that the case names.
    done = run_operator("plan", "-f", str(file), f"--agent-secrets={','.join(secrets_in(case['spec']))}")
    if case["accept"]:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    name = "sample" if "kind" in case else f"{NAMESPACE}/sample"
    prefix = f"{file}: {name}: {case['path']}: "
    assert any(prefix in line for line in done.stderr.splitlines()), f"nothing about {case['path']}:\n{done.stderr}"
