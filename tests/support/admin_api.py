"""The admin API as the web UI calls it."""

from support.provisioning import ORG
from support.stubs import ADMIN_TOKEN, request

NAMESPACE = "incidentfox"  # of new teams


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
