#!/usr/bin/env python3
"""Records the files of this folder from a real control plane: record.py KUBECONFIG [kubectl].

  owned/NAME.applied.json    what is applied          owned/NAME.live.json   what the server then has
  owned/deployment.CHANGE.json                        the live object after somebody else's CHANGE
  unlike/NAME.applied.json, .live.json                configurations that never equal what the server makes of them
  status/NAME.json                                    {"status", "retryAfter"?, "body"} of a refused request

Needs a throw-away cluster with the bearer token "viewer-token" of a user without rights (tools/controlplane/cluster up).
The 410s (status/expired-*.json) need a compacted etcd: the script prints when to run `cluster expire`.
"""
import base64
import copy
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).parent
NS = "golden"
OPERATOR = "team-operator"


class Server:
    def __init__(self, kubeconfig, kubectl):
        text = subprocess.check_output(
            [kubectl, "--kubeconfig", kubeconfig, "config", "view", "--raw", "--flatten", "--minify", "-o", "json"])
        config = json.loads(text)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.address = urllib.parse.urlsplit(cluster["server"]).netloc
        self.context = ssl.create_default_context(cadata=self.ca)
        with tempfile.NamedTemporaryFile() as pem:
            for key in ("client-certificate-data", "client-key-data"):
                pem.write(base64.b64decode(user[key]))
            pem.flush()
            self.context.load_cert_chain(pem.name)

    def call(self, method, path, body=None, content_type="application/json", token=None):
        context = ssl.create_default_context(cadata=self.ca) if token else self.context
        connection = http.client.HTTPSConnection(self.address, context=context, timeout=60)
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if token:
            headers["Authorization"] = "Bearer " + token
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.headers.get("Retry-After"), response.read().decode()

    def good(self, *args, **kwargs):
        status, _, body = self.call(*args, **kwargs)
        if status >= 300:
            sys.exit(f"{args[:2]}: {status} {body}")
        return json.loads(body)

    def apply(self, path, body, manager, force=True, call=None):
        query = urllib.parse.urlencode(
            {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"})
        return (call or self.good)("PATCH", f"{path}?{query}", body, "application/apply-patch+yaml")


def save(name, value):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def metadata(name, owner):
    return {
        "name": name,
        "namespace": NS,
        "labels": {"app.kubernetes.io/managed-by": "team-operator", "incidentfox.io/org-id": "extend",
                   "incidentfox.io/team-node-id": "platform-sre"},
        "annotations": {"incidentfox.io/org": "extend", "incidentfox.io/note": "quotes \" and \u00fc"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
                             "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}],
    }


def pod_spec():
    return {
        "serviceAccountName": "agent",
        "automountServiceAccountToken": False,
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "high",
        "nodeSelector": {"pool": "agents"},
        "terminationGracePeriodSeconds": 900,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000,
                            "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "agents", "effect": "NoSchedule"},
                        {"key": "spot", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
             "labelSelector": {"matchLabels": {"app": "agent"}}},
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
             "labelSelector": {"matchLabels": {"app": "agent"}}}],
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "topology.kubernetes.io/region", "operator": "In",
                                       "values": ["eu-central-1", "eu-west-1"]}]}]}},
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname",
                                                    "labelSelector": {"matchLabels": {"app": "agent"}}}}]}},
        "volumes": [{"name": "tmp", "emptyDir": {}},
                    {"name": "token", "secret": {"secretName": "team-token", "defaultMode": 288}}],
        "containers": [{
            "name": "agent",
            "image": "registry.example/agent:1.2.3",
            "imagePullPolicy": "IfNotPresent",
            "args": ["serve", "--port", "8080"],
            "ports": [{"name": "http", "containerPort": 8080},
                      {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
            "env": [{"name": "ORG_ID", "value": "extend"},
                    {"name": "WRITE_TOOLS", "value": "Disabled"},
                    {"name": "TEAM_TOKEN", "valueFrom": {"secretKeyRef": {"name": "team-token", "key": "token"}}},
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
            "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
            "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
            "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 10},
            "startupProbe": {"tcpSocket": {"port": "http"}, "failureThreshold": 30},
            "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
            "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"},
                             {"name": "token", "mountPath": "/var/run/token", "readOnly": True}],
        }],
    }


def children(owner):
    """name -> (collection path, apply configuration), shaped like what the operator applies."""
    selector = {"app": "agent", "incidentfox.io/team-node-id": "platform-sre"}
    template_labels = dict(selector, version="1.2.3")
    core, apps = f"/api/v1/namespaces/{NS}", f"/apis/apps/v1/namespaces/{NS}"
    job = pod_spec()
    job["restartPolicy"] = "OnFailure"
    return {
        "deployment": (f"{apps}/deployments", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("agent", owner),
            "spec": {"replicas": 2, "revisionHistoryLimit": 3, "progressDeadlineSeconds": 600,
                     "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
                     "selector": {"matchLabels": selector},
                     "template": {"metadata": {"labels": template_labels,
                                               "annotations": {"incidentfox.io/config-hash": "0123"}},
                                  "spec": pod_spec()}}}),
        "service": (f"{core}/services", {
            "apiVersion": "v1", "kind": "Service", "metadata": metadata("agent", owner),
            "spec": {"type": "ClusterIP", "selector": selector,
                     "ports": [{"name": "http", "port": 80, "targetPort": "http"},
                               {"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090}]}}),
        "cronjob": (f"/apis/batch/v1/namespaces/{NS}/cronjobs", {
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata("pipeline", owner),
            "spec": {"schedule": "0 2 * * *", "timeZone": "Europe/Berlin", "suspend": False,
                     "concurrencyPolicy": "Forbid", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 0,
                     "startingDeadlineSeconds": 3600,
                     "jobTemplate": {"metadata": {"labels": template_labels},
                                     "spec": {"backoffLimit": 2, "ttlSecondsAfterFinished": 86400,
                                              "activeDeadlineSeconds": 7200,
                                              "template": {"metadata": {"labels": template_labels}, "spec": job}}}}}),
        "networkpolicy": (f"/apis/networking.k8s.io/v1/namespaces/{NS}/networkpolicies", {
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata("agent", owner),
            "spec": {"podSelector": {"matchLabels": selector}, "policyTypes": ["Ingress", "Egress"],
                     "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gw"}},
                                            "podSelector": {"matchLabels": {"app": "gateway"}}}],
                                  "ports": [{"protocol": "TCP", "port": 8080}]}],
                     "egress": [{"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
                                {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12"]}}]}]}}),
        "poddisruptionbudget": (f"/apis/policy/v1/namespaces/{NS}/poddisruptionbudgets", {
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata("agent", owner),
            "spec": {"maxUnavailable": "50%", "selector": {"matchLabels": selector},
                     "unhealthyPodEvictionPolicy": "AlwaysAllow"}}),
        "serviceaccount": (f"{core}/serviceaccounts", {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": dict(metadata("agent", owner),
                                                                           finalizers=["incidentfox.io/b", "incidentfox.io/a"]),
            "automountServiceAccountToken": False, "imagePullSecrets": [{"name": "registry"}]}),
        "empty": (f"{core}/serviceaccounts", {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "empty", "namespace": NS}}),
    }


def json_patch(server, path, manager, *operations):
    return server.good("PATCH", f"{path}?fieldManager={manager}", list(operations), "application/json-patch+json")


def record_owned(server, owner):
    live = {}
    paths = {}
    for name, (collection, body) in children(owner).items():
        save(f"owned/{name}.applied.json", body)
        paths[name] = f"{collection}/{body['metadata']['name']}"
        server.apply(paths[name], body, OPERATOR)
    for _ in range(60):  # until the controllers have written status
        live = {name: server.good("GET", path) for name, path in paths.items()}
        if live["deployment"].get("status", {}).get("observedGeneration") and \
                live["poddisruptionbudget"].get("status", {}).get("observedGeneration"):
            break
        time.sleep(0.5)
    for name, value in live.items():
        save(f"owned/{name}.live.json", value)

    applied = children(owner)["deployment"][1]
    path, container = paths["deployment"], "/spec/template/spec/containers/0"

    def change(name, *operations, manager="kubectl-edit"):
        save(f"owned/deployment.{name}.json", json_patch(server, path, manager, *operations))
        return server.apply(path, applied, OPERATOR)

    def other(name, body):
        meta = {"name": "agent", "namespace": NS}
        value = server.apply(path, dict({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta}, **body), "other")
        save(f"owned/deployment.{name}.json", value)
        server.apply(path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta}, "other")
        server.apply(path, applied, OPERATOR)

    change("changed", {"op": "replace", "path": f"{container}/image", "value": "registry.example/agent:9"})
    change("removed", {"op": "remove", "path": f"{container}/readinessProbe"})
    change("removed-element", {"op": "remove", "path": f"{container}/env/1"})
    change("reordered", {"op": "move", "from": f"{container}/env/0", "path": f"{container}/env/3"})
    save("owned/deployment.added.json", json_patch(
        server, path, "kubectl-edit",
        {"op": "add", "path": "/metadata/labels/extra", "value": "1"},
        {"op": "add", "path": "/metadata/annotations/extra", "value": "1"},
        {"op": "add", "path": "/spec/minReadySeconds", "value": 1},
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "sidecar", "image": "x"}},
        {"op": "add", "path": f"{container}/env/-", "value": {"name": "EXTRA", "value": "1"}},
        {"op": "add", "path": f"{container}/resources/limits/ephemeral-storage", "value": "1Gi"}))
    other("stolen", {"spec": {"replicas": 5}})
    other("shared", {"spec": {"replicas": 2}})

    # Configurations that are not written as the server prints them (see fingerprint.h).
    def unlike_live(name, env):
        body = copy.deepcopy(applied)
        body["metadata"]["name"] = name
        body["spec"]["template"]["spec"]["containers"][0]["env"].append(env)
        save(f"unlike/{name}.applied.json", body)
        save(f"unlike/{name}.live.json", server.apply(path.replace("/agent", f"/{name}"), body, OPERATOR))

    unlike_live("omitted-zero", {"name": "EMPTY", "value": ""})
    unlike_live("atomic-default", {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
    return path, applied, live["deployment"]


def record_status(server, path, applied, live):
    def refused(name, answer):
        status, retry_after, body = answer
        if status < 400:
            sys.exit(f"{name}: {status} {body}")
        if body.startswith("{"):
            body = json.loads(body)
        save(f"status/{name}.json", {"status": status, "body": body} | ({"retryAfter": retry_after} if retry_after else {}))
        print(name, status, body["message"] if isinstance(body, dict) else body)

    def apply(body, where=path, **kwargs):
        return server.apply(where, body, OPERATOR, call=lambda *a: server.call(*a, **kwargs))

    def variant(change):
        body = copy.deepcopy(applied)
        change(body)
        return body

    services = f"/api/v1/namespaces/{NS}/services"
    conflicting = copy.deepcopy(applied)
    conflicting["spec"]["replicas"] = 7
    refused("field-manager-conflict", server.apply(path, conflicting, "somebody", force=False, call=server.call))
    stale = copy.deepcopy(live)
    stale["metadata"]["resourceVersion"] = "1"
    stale["metadata"].pop("managedFields")
    refused("update-conflict", server.call("PUT", path, stale))
    refused("already-exists", server.call("POST", path.rsplit("/", 1)[0], applied))
    refused("apply-create-exists", apply(variant(lambda b: b["metadata"].update(resourceVersion="1"))))
    refused("apply-wrong-uid", apply(variant(lambda b: b["metadata"].update(uid="00000000-0000-0000-0000-000000000000"))))

    def gone(body):
        body["metadata"].update(uid=live["metadata"]["uid"], name="gone")
    refused("apply-gone", apply(variant(gone), path.replace("/agent", "/gone")))
    refused("delete-wrong-uid", server.call("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1",
                                                             "preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}))
    refused("not-found", server.call("GET", f"{services}/nothing"))
    refused("no-such-resource", server.call("GET", "/apis/incidentfox.io/v1/nothings"))
    refused("invalid", apply(variant(lambda b: b["spec"].update(replicas=-1))))
    refused("unknown-field", apply(variant(lambda b: b["spec"].update(nonsense=1))))
    refused("patch-test-failed", server.call("PATCH", path, [{"op": "test", "path": "/metadata/uid", "value": "x"}],
                                             "application/json-patch+json"))
    refused("forbidden", server.call("GET", path, token="viewer-token"))
    refused("unauthorized", server.call("GET", path, token="nobody"))
    refused("version-too-large",
            server.call("GET", f"{services}?resourceVersion=99999999999&resourceVersionMatch=NotOlderThan"))

    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
           "metadata": {"name": "goldens.example.org"},
           "spec": {"group": "example.org", "scope": "Namespaced", "names": {"plural": "goldens", "kind": "Golden"},
                    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                        "type": "object", "required": ["spec"], "properties": {"spec": {
                            "type": "object", "required": ["mode"], "properties": {
                                "mode": {"type": "string", "enum": ["Shared", "Dedicated"]},
                                "count": {"type": "integer", "minimum": 1}}}}}}}]}}
    server.apply("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/goldens.example.org", crd, OPERATOR)
    golden = f"/apis/example.org/v1/namespaces/{NS}/goldens/a"
    body = {"apiVersion": "example.org/v1", "kind": "Golden", "metadata": {"name": "a"}, "spec": {"mode": "No", "count": 0}}
    for _ in range(40):
        answer = apply(body, golden)
        if answer[0] == 422:
            break
        time.sleep(0.25)
    refused("invalid-custom-resource", answer)

    ending = "/api/v1/namespaces/golden-ending"
    server.apply(ending, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "golden-ending"}}, OPERATOR)
    held = {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": "golden-ending", "finalizers": ["example.org/hold"]}}
    server.apply(f"{ending}/configmaps/held", held, OPERATOR)
    server.call("DELETE", ending)
    body = copy.deepcopy(held)
    body["metadata"].update(name="late", finalizers=[])
    refused("namespace-terminating", apply(body, f"{ending}/configmaps/late"))
    json_patch(server, f"{ending}/configmaps/held", OPERATOR, {"op": "remove", "path": "/metadata/finalizers"})

    page = json.loads(server.call("GET", f"{services}?limit=1")[2])
    configmaps = "/api/v1/configmaps?limit=1"
    token = json.loads(server.call("GET", configmaps)[2])["metadata"]["continue"]
    version = page["metadata"]["resourceVersion"]
    input("now run `cluster expire` in another terminal, then press Enter: ")
    refused("expired-continue", server.call("GET", configmaps + "&continue=" + urllib.parse.quote(token)))
    status, _, text = server.call("GET", f"{services}?watch=1&resourceVersion={version}&timeoutSeconds=5")
    event = json.loads(text.splitlines()[0])
    if status != 200 or event["type"] != "ERROR":
        sys.exit(f"watch: {status} {text}")
    save("status/expired-watch.json", {"status": event["object"]["code"], "body": event["object"]})
    print("expired-watch", event["object"]["code"], event["object"]["message"])


def main():
    server = Server(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "kubectl")
    server.apply(f"/api/v1/namespaces/{NS}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}}, OPERATOR)
    server.apply("/apis/scheduling.k8s.io/v1/priorityclasses/high", {
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000}, OPERATOR)
    owner = server.apply(f"/api/v1/namespaces/{NS}/configmaps/team",
                         {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "team"}}, OPERATOR)
    record_status(server, *record_owned(server, owner))


main()
