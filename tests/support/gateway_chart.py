"""The gateway's pods, as the live Deployments of an installed chart describe them."""

import json
import os
import subprocess
import sys
import urllib.parse

from support.cluster import CHART, DEMO, ROOT, SYSTEM
from support.gateway import ROLES, SLACK_TOKEN, Pod
from support.postgres import INGEST_ROLE, WORKER_ROLE
from support.provisioning import PIPELINE_TOKEN
from support.stubs import ADMIN_TOKEN
from support.webhooks import SECRETS

# A release beside that of the whole chart, which has the roles apart.
COMBINED = "combined"
DEPLOYMENTS = {(role,): (SYSTEM, f"webhook-gateway-{role}") for role in ROLES} | {ROLES: (COMBINED, f"{COMBINED}-webhook-gateway")}


def make_secrets(cluster, namespace, database):
    """Those that examples/values/demo.yaml names, of the gateway."""
    held = {
        "incidentfox-database-url": {"DATABASE_URL": database.url},
        "gateway-ingest": {"DATABASE_URL": database.as_role(INGEST_ROLE)},
        "gateway-worker": {"DATABASE_URL": database.as_role(WORKER_ROLE)},
        "incidentfox-config-service": {"ADMIN_TOKEN": ADMIN_TOKEN},
        "incidentfox-slack": {"signing_secret": SECRETS["slack"], "bot_token": SLACK_TOKEN},
        "incidentfox-github": {"webhook_secret": SECRETS["github"]},
        "incidentfox-pagerduty": {"webhook_secret": SECRETS["pagerduty"]},
        "incidentfox-incidentio": {"webhook_secret": SECRETS["incidentio"]},
        "incidentfox-circleback": {"signing_secret": SECRETS["circleback"]},
        "webhook-probe": {"webhook_secret": SECRETS["probe"]},
        "alerts-endpoint": {"webhook_secret": SECRETS["generic"]},
        "operator-pipeline": {"token": PIPELINE_TOKEN},
    }
    cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for name, data in held.items():
        cluster.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "stringData": data})


class GatewayPods:
    """pods(("webhooks",)), pods(ROLES): arguments, environment, mounted files and ServiceAccount of that Deployment, looked up once."""

    def __init__(self, cluster, state, database):
        """On a cluster on which examples/values/demo.yaml is installed, with the roles apart; a second release has them in one."""
        self.cluster, self.state, self.known = cluster, state, {}
        for namespace in (SYSTEM, COMBINED):
            make_secrets(cluster, namespace, database)
        cluster.helm("upgrade", "--install", COMBINED, str(CHART), "--namespace", COMBINED, "--values", str(DEMO),
                     "--set", "crds.enabled=false,policy.admission=false,gateway.topology=combined")

    def __call__(self, roles):
        assert roles in DEPLOYMENTS, f"no Deployment of the chart has the roles {roles}"
        if roles not in self.known:
            self.known[roles] = self.describe(roles)
        return self.known[roles]

    def describe(self, roles):
        namespace, deployment = DEPLOYMENTS[roles]
        state = self.state / f"pod-{deployment}"
        done = subprocess.run([sys.executable, str(ROOT / "tools" / "run-from-chart"), "--kubeconfig", self.cluster.kubeconfig, "--describe",
                               "--namespace", namespace, "--deployment", deployment, "--bin", os.environ["TP_BIN"], "--state", str(state)],
                              capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        found = json.loads((state / "run.json").read_text())
        user = urllib.parse.urlsplit(found["environment"]["DATABASE_URL"]).username
        return Pod(tuple(found["args"]), found["environment"], user if user in (INGEST_ROLE, WORKER_ROLE) else None)

    def close(self):
        self.cluster.helm("uninstall", COMBINED, "--namespace", COMBINED, "--no-hooks")
