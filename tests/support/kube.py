"""A Kubernetes API server as the tests see it: a small client of the standard library, and kubectl.

Objects are dicts as the API has them. The client is for everything that is done often or needs what kubectl hides (an
apply with a field manager of one's own, a watch, a status code); kubectl is for what a person would type.
"""

import base64
import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import yaml

TEAM_API = "incidentfox.io/v1alpha1"
TEAM = "TeamProvisioning"

# kind -> (path of its API, resource)
RESOURCES = {
    TEAM: (f"apis/{TEAM_API}", "teamprovisionings"),
    "AgentRelease": (f"apis/{TEAM_API}", "agentreleases"),
    "CronJob": ("apis/batch/v1", "cronjobs"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"),
    "Service": ("api/v1", "services"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Secret": ("api/v1", "secrets"),
    "Event": ("apis/events.k8s.io/v1", "events"),
    "Namespace": ("api/v1", "namespaces"),
    "Pod": ("api/v1", "pods"),
    "NetworkPolicy": ("apis/networking.k8s.io/v1", "networkpolicies"),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets"),
    "HorizontalPodAutoscaler": ("apis/autoscaling/v2", "horizontalpodautoscalers"),
    "CustomResourceDefinition": ("apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles"),
    "Lease": ("apis/coordination.k8s.io/v1", "leases"),
}
CLUSTER_SCOPED = ("AgentRelease", "Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding")

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class ApiError(Exception):
    """An answer that is no success: its code, and the Status object in it, where it is one."""

    def __init__(self, code, body):
        status = body if isinstance(body, dict) else {"message": str(body)}
        super().__init__(f"{code} {status.get('reason', '')}: {status.get('message', '')}")
        self.code = code
        self.message = status.get("message", "")
        self.causes = (status.get("details") or {}).get("causes") or []


class Unreachable(Exception):
    """No answer."""


class Kube:
    """One API server, as the user of a kubeconfig. Any number of threads may share it: each has a connection of its own."""

    def __init__(self, kubeconfig):
        self.kubeconfig = str(kubeconfig)
        with open(self.kubeconfig) as file:
            config = yaml.safe_load(file)
        context = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
        cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == context["cluster"])
        user = next(u["user"] for u in config["users"] if u["name"] == context["user"])
        self.url = urllib.parse.urlsplit(cluster["server"])
        self.token = user.get("token")
        with contextlib.ExitStack() as files:
            def path(holder, key):
                return holder[key] if key in holder else files.enter_context(_file_of(holder.get(f"{key}-data")))

            self.tls = ssl.create_default_context(cafile=path(cluster, "certificate-authority"))
            if not self.token:
                self.tls.load_cert_chain(path(user, "client-certificate"), path(user, "client-key"))
        self.connections = threading.local()

    # -------------------------------------------------- requests

    def connect(self, timeout):
        return http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.tls, timeout=timeout)

    def headers(self, **more):
        return {"Accept": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {}) | more

    def request(self, method, path, body=None, content_type="application/json", query=None, timeout=30):
        """(code, decoded body). Raises Unreachable when there is no answer."""
        target = "/" + path + ("?" + urllib.parse.urlencode(query) if query else "")
        payload = json.dumps(body) if body is not None else None
        headers = self.headers(**({"Content-Type": content_type} if payload else {}))
        while True:
            kept = getattr(self.connections, "kept", None)
            self.connections.kept = None
            connection = kept or self.connect(timeout)
            connection.timeout = timeout
            if kept and kept.sock:
                kept.sock.settimeout(timeout)
            try:
                connection.request(method, target, payload, headers)
                answer = connection.getresponse()
                result = answer.status, _decode(answer.read())
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # The server may have closed a kept connection in the meantime: that is no answer yet.
                if kept and isinstance(error, (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
                    continue
                raise Unreachable(f"{method} {target}: {error}") from error
            self.connections.kept = connection
            return result

    def call(self, method, path, *args, **kwargs):
        """The decoded body of a success. An answer that asks for patience is given it, as every client of Kubernetes does."""
        code, body = self.request(method, path, *args, **kwargs)
        for _ in range(30):
            if code != 429:
                break
            time.sleep(0.5)
            code, body = self.request(method, path, *args, **kwargs)
        if code >= 300:
            raise ApiError(code, body)
        return body

    # -------------------------------------------------- objects

    @staticmethod
    def path(kind, namespace=None, name=None, subresource=None):
        api, resource = RESOURCES[kind]
        scope = [] if kind in CLUSTER_SCOPED or namespace is None else ["namespaces", namespace]
        return "/".join([api, *scope, resource, *filter(None, (name, subresource))])

    def path_of(self, obj):
        return self.path(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])

    def get(self, kind, namespace, name):
        """The object, or None."""
        try:
            return self.call("GET", self.path(kind, namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind, namespace=None, labels=None, fields=None):
        query = {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}
        items = self.call("GET", self.path(kind, namespace), query=query)["items"]
        return [{"kind": kind} | item for item in items]

    def create(self, obj, **query):
        collection = self.path(obj["kind"], obj["metadata"].get("namespace"))
        return self.call("POST", collection, obj, query=query)

    def apply(self, obj, manager="tests", **query):
        query = {"fieldManager": manager, "force": "true"} | query
        return self.call("PATCH", self.path_of(obj), obj, APPLY, query=query)

    def merge(self, kind, namespace, name, patch, subresource=None):
        return self.call("PATCH", self.path(kind, namespace, name, subresource), patch, MERGE)

    def json_patch(self, kind, namespace, name, operations):
        return self.call("PATCH", self.path(kind, namespace, name), operations, JSON_PATCH)

    def delete(self, kind, namespace, name, **options):
        """Whether there was something to delete."""
        try:
            self.call("DELETE", self.path(kind, namespace, name), options or None)
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    def watch(self, kind, version, opened, namespace=None, fields=None):
        """Events (type, object) from a resourceVersion on, until the server ends the watch. `opened` is called with the socket
        first: to shut it down is the way to end the watch from another thread."""
        query = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": "300"}
        query |= {"fieldSelector": fields} if fields else {}
        connection = self.connect(timeout=None)
        try:
            connection.connect()
            opened(connection.sock)
            connection.request("GET", f"/{self.path(kind, namespace)}?{urllib.parse.urlencode(query)}", headers=self.headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise ApiError(answer.status, _decode(answer.read()))
            while line := answer.readline():
                event = json.loads(line)
                yield event["type"], event["object"]
        except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: cut in the middle of a line
            raise Unreachable(str(error)) from error
        finally:
            connection.close()

    # -------------------------------------------------- kubectl

    def kubectl(self, *args, stdin=None, check=True):
        """Runs kubectl; its standard output, or with check=False the whole CompletedProcess."""
        done = subprocess.run([os.environ["TP_KUBECTL"], "--kubeconfig", self.kubeconfig, *args],
                              input=stdin, capture_output=True, text=True, check=False, timeout=100)
        if check:
            assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr.strip()}"
        return done.stdout if check else done


@contextlib.contextmanager
def _file_of(data):
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(data))
        file.flush()
        yield file.name


def _decode(body):
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


class Follower:
    """A thread that sees every version of the objects of a kind, from now on, and hands each to `seen(type, object)`.

    Survives an API server that goes away, restarts or forgets: then it begins anew from a list, and what happened in
    between was not seen.
    """

    def __init__(self, kube, kind, seen, namespace=None, fields=None):
        self.kube, self.kind, self.seen, self.where = kube, kind, seen, {"namespace": namespace, "fields": fields}
        self.stopping = threading.Event()
        self.socket = None
        self.error = None
        version = self.list()
        self.thread = threading.Thread(target=self.run, args=(version,), name=f"follow-{kind}", daemon=True)
        self.thread.start()

    def list(self):
        query = {"fieldSelector": self.where["fields"]} if self.where["fields"] else None
        listed = self.kube.call("GET", self.kube.path(self.kind, self.where["namespace"]), query=query)
        for item in listed["items"]:
            self.seen("ADDED", item)
        return listed["metadata"]["resourceVersion"]

    def run(self, version):
        try:
            while not self.stopping.is_set():
                try:
                    version = version or self.list()
                    for event, obj in self.kube.watch(self.kind, version, self.opened, **self.where):
                        if event == "ERROR":
                            version = None
                            break
                        version = obj["metadata"]["resourceVersion"]
                        if event != "BOOKMARK":
                            self.seen(event, obj)
                except (Unreachable, ApiError):
                    version = None
                    time.sleep(0.2)  # not an assumption about anything: only not to spin
        except Exception as error:  # noqa: BLE001 - handed to the test by stop()
            self.error = error

    def opened(self, connection):
        self.socket = connection

    def stop(self):
        self.stopping.set()
        for _ in range(100):
            if self.socket:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self.socket, socket.SHUT_RDWR)  # not the TLS layer's, which the thread is using
            self.thread.join(timeout=0.2)
            if not self.thread.is_alive():
                break
        assert not self.thread.is_alive(), "the follower does not end"
        if self.error:
            raise self.error

