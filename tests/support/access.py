"""What a kubelet gives a pod to reach the API server with: a token and the cluster's CA, in files that it replaces."""

import base64
import dataclasses
import itertools
import json
import os
import pathlib
import subprocess

import yaml

from support.cluster import SYSTEM

SERVICE_ACCOUNT = "team-operator"


@dataclasses.dataclass(frozen=True)
class Token:
    secret: str  # that it is bound to: with it, it ceases to be valid
    credential: str  # as the audit log names it


class Access:
    """A kubeconfig of the operator's ServiceAccount that names such files."""

    def __init__(self, cluster, directory, server=None):
        """`server`: another URL than that of the cluster."""
        self.kube, self.directory, self.numbers = cluster.kube, pathlib.Path(directory), itertools.count(1)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(cluster.kubeconfig) as file:
            admin = yaml.safe_load(file)["clusters"][0]["cluster"]
        self.authority = pathlib.Path(admin["certificate-authority"]).read_text()
        self.write("ca.crt", self.authority)
        self.token = self.renew()
        self.kubeconfig = self.write("kubeconfig", json.dumps({  # JSON is YAML
            "apiVersion": "v1", "kind": "Config", "current-context": "pod",
            "clusters": [{"name": "pod", "cluster": {"server": server or admin["server"], "certificate-authority": "ca.crt"}}],
            "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod", "namespace": SYSTEM}}],
            "users": [{"name": "pod", "user": {"tokenFile": "token"}}],
        }))

    def write(self, name, text):
        """Whoever reads it sees all of the old or all of the new."""
        unfinished = self.directory / f".{name}"
        unfinished.touch(mode=0o600)
        unfinished.write_text(text)
        os.replace(unfinished, self.directory / name)
        return self.directory / name

    def renew(self):
        """Another token in the file. The one before stays valid."""
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": SYSTEM, "name": f"{self.directory.name}-{next(self.numbers)}"}}
        bound = self.kube.apply(secret)["metadata"]
        request = {"spec": {"expirationSeconds": 3600, "boundObjectRef": {"apiVersion": "v1", "kind": "Secret"}
                            | {key: bound[key] for key in ("name", "uid")}}}
        path = self.kube.path("ServiceAccount", SYSTEM, SERVICE_ACCOUNT, "token")
        token = self.kube.call("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"} | request)["status"]["token"]
        self.write("token", token)
        claims = token.split(".")[1]
        self.token = Token(bound["name"], "JTI=" + json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"])
        return self.token

    def revoke(self, token):
        """The server may believe in it for ten seconds more, which it keeps what it has verified."""
        self.kube.delete("Secret", SYSTEM, token.secret)

    def authorities(self):
        """What may stand in ca.crt one after the other, without an end. Some of it is what a reader finds who comes too early."""
        other = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch",
                                "-subj", "/CN=the next one", "-days", "1", "-keyout", "/dev/null"],
                               capture_output=True, text=True, check=True, timeout=60).stdout
        return itertools.cycle((self.authority + other, other + self.authority, self.authority[:len(self.authority) // 2], "",
                                "# the same again\n" + self.authority))
