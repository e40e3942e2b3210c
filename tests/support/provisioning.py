"""The operator with its principal in the Config Service: a control plane, the stubs, and what a team has in both."""

import base64

from support.cluster import DEMO, SYSTEM
from support.kube import TEAM
from support.operator_process import OperatorProcess
from support.stubs import ADMIN_TOKEN, request

ORG = "acme"
PRINCIPAL = "principal-of-the-operator"  # a token that the Config Service knows
PIPELINE_TOKEN = "token-for-the-pipeline"
SUBJECT = "team-operator"
# In plain text nowhere but where they belong: test_secrets_stay_secret looks for them.
PLANTED = (PRINCIPAL, PIPELINE_TOKEN)

SEED = {"orgs": {ORG: {"config": {}}},
        "principals": {PRINCIPAL: {"role": "admin", "auth_kind": "oidc", "subject": SUBJECT, "permissions": ["admin:*"]}}}
HELM = ("--values", str(DEMO))
# The operator with the cluster alone.
HELM_ALONE = (*HELM, "--set", "services.configServiceToken.secret=,services.pipelineUrl=,services.pipelineToken.secret=")


def make_secrets(cluster):
    """Those of the operator that HELM names."""
    cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    for name, token in (("operator-principal", PRINCIPAL), ("operator-pipeline", PIPELINE_TOKEN)):
        cluster.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": SYSTEM, "name": name},
                            "stringData": {"token": token}})


def install(cluster, *more):
    """The chart, with the Secrets that it names."""
    make_secrets(cluster)
    cluster.install_chart(*HELM, *more)


def connections(stubs):
    """Where the names in HELM lead, for --connect-to."""
    return f"config-service:8080=127.0.0.1:{stubs.config_service.port},ai-pipeline:8090=127.0.0.1:{stubs.pipeline.port}"


def operator_process(cluster, state, stubs, **flags):
    return OperatorProcess(cluster, state, connect_to=connections(stubs), resync_interval="10h", **flags)


class ServiceSide:
    """What the Config Service and the pipeline have of one team."""

    def __init__(self, stubs, name, org=ORG):
        self.stubs, self.org, self.name = stubs, org, name

    def config(self):
        """None when there is no node."""
        found = [c["config"] for c in self.stubs.config_service.state()["configs"] if (c["org_id"], c["node_id"]) == (self.org, self.name)]
        return found[0] if found else None

    def nodes(self):
        return [n for n in self.stubs.config_service.state()["nodes"] if (n["org_id"], n["node_id"]) == (self.org, self.name)]

    def live_tokens(self, by=SUBJECT):
        return {t["token_id"] for t in self.stubs.config_service.state()["tokens"]
                if (t["org_id"], t["team_node_id"]) == (self.org, self.name) and not t["revoked"] and by in (t["issued_by"], None)}

    def bootstraps(self):
        """The path has the team alone, and two orgs may have teams of one name."""
        return [call for call in self.stubs.pipeline.calls(f"^/api/v1/teams/{self.name}/bootstrap$")
                if call["body"]["org_id"] == self.org]

    def change(self, patch):
        """As an administrator would."""
        self.as_admin("PUT", f"nodes/{self.name}/config", {"patch": patch})

    def revoke(self, token):
        self.as_admin("POST", f"teams/{self.name}/tokens/{token}/revoke")

    def as_admin(self, method, path, body=None):
        status, answer = request(f"{self.stubs.config_service.url}/api/v1/admin/orgs/{self.org}/{path}", method, body,
                                 {"Authorization": f"Bearer {ADMIN_TOKEN}"})
        assert status == 200, answer


def held_token(teams, name):
    """(id, token) of a team's Secret; None when it has none."""
    team = teams.get(name)
    secret_name = ((team or {}).get("status") or {}).get("tokenSecretRef", {}).get("name")
    secret = secret_name and teams.kube.get("Secret", teams.namespace, secret_name)
    if not secret:
        return None
    assert secret["type"] == "incidentfox.io/team-token"
    token = base64.b64decode(secret["data"]["token"]).decode()
    assert secret["metadata"]["annotations"]["incidentfox.io/token-id"] == token.partition(".")[0]
    return token.partition(".")[0], token


def annotate(teams, name, **annotations):
    """rotate_token="1" sets incidentfox.io/rotate-token."""
    teams.kube.merge(TEAM, teams.namespace, name, {"metadata": {"annotations": {
        f"incidentfox.io/{key.replace('_', '-') if key != 'requested_at' else 'requestedAt'}": value for key, value in annotations.items()}}})
