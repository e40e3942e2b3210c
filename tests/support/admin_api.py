"""The admin API as the web UI calls it, and the rights with which it writes TeamProvisionings."""

import yaml

from support.cluster import CHART, SYSTEM
from support.provisioning import ORG
from support.stubs import ADMIN_TOKEN, request

NAMESPACE = "incidentfox"  # of new teams
ACCOUNT = "webhook-gateway-admin"
RBAC = "rbac.authorization.k8s.io/v1"


def admin_kubeconfig(cluster, path):
    """Of an account with the rights that the chart gives the admin role, and no others."""
    rules = yaml.safe_load((CHART / "files" / "gateway-admin-rules.yaml").read_text())
    cluster.kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": SYSTEM, "name": ACCOUNT}})
    cluster.kube.apply({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": ACCOUNT}, "rules": rules})
    cluster.kube.apply({"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": ACCOUNT},
                        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
                        "subjects": [{"kind": "ServiceAccount", "namespace": SYSTEM, "name": ACCOUNT}]})
    with open(cluster.kubeconfig) as file:
        config = yaml.safe_load(file)
    config["users"] = [{"name": user["name"], "user": {"token": cluster.kube.kubectl(
        "create", "token", ACCOUNT, f"--namespace={SYSTEM}", "--duration=2h").strip()}} for user in config["users"]]
    path.write_text(yaml.safe_dump(config))
    return path


class Api:
    """The admin API, as the web UI calls it."""

    def __init__(self, gateway):
        self.gateway = gateway

    def call(self, method, path, body=None, token=ADMIN_TOKEN):
        return request(f"{self.gateway.admin_url}/api/v1/admin/{path}", method, body, {"Authorization": f"Bearer {token}"}, timeout=120)

    def provision(self, team, wait=60, org=ORG, method="POST", **body):
        return self.call(method, f"provision/team?wait={wait}", {"org_id": org, "team_node_id": team} | body)

    def deprovision(self, team, wait=60, **body):
        return self.call("POST", f"deprovision/team?wait={wait}", {"org_id": ORG, "team_node_id": team} | body)

    def schedules(self, team, wait=60, **body):
        return self.call("POST", f"schedules/team?wait={wait}", {"org_id": ORG, "team_node_id": team} | body)
