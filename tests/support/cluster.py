"""Control planes for tests, and the chart installed on them."""

import os
import pathlib
import shlex
import subprocess

from support.audit import AuditLog
from support.kube import TEAM, TEAM_API, Kube
from support.waiting import eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "team-provisioning"
DEMO = ROOT / "examples" / "values" / "demo.yaml"
CRD = ROOT / "crds" / "teamprovisionings.yaml"
CRDS = sorted((ROOT / "crds").glob("*.yaml"))
CRD_NAME = "teamprovisionings.incidentfox.io"
CRD_NAMES = (CRD_NAME, "agentreleases.incidentfox.io")
SYSTEM = "incidentfox-system"
RELEASE = "team-provisioning"
OPERATOR_USER = f"system:serviceaccount:{SYSTEM}:team-operator"


class Cluster:
    """A running API server: the administrator's client, and what the environment of `./dev` says about it."""

    def __init__(self, kubeconfig, audit_log=None):
        self.kubeconfig = str(kubeconfig)
        self.kube = Kube(kubeconfig)
        self.audit = AuditLog(audit_log, OPERATOR_USER) if audit_log else None

    @classmethod
    def of_environment(cls):
        return cls(os.environ["TP_KUBECONFIG"], os.environ.get("TP_AUDIT_LOG"))

    def helm(self, *args, check=True):
        done = subprocess.run([os.environ["TP_HELM"], "--kubeconfig", self.kubeconfig, *args],
                              capture_output=True, text=True, check=False, timeout=100)
        if check:
            assert done.returncode == 0, f"helm {' '.join(args)}: {done.stderr}"
        return done

    def install_chart(self, *args):
        self.helm("upgrade", "--install", RELEASE, str(CHART), "--namespace", SYSTEM, "--create-namespace", *args)
        self.wait_for_crd()

    def uninstall_chart(self):
        """Without its hook, whose pod nobody would run here; test_chart_installed does."""
        self.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--no-hooks")

    def schemas(self):
        """The kinds of our group whose schemas are published."""
        code, found = self.kube.request("GET", f"openapi/v3/apis/{TEAM_API}")
        return {name.rpartition(".")[2] for name in found["components"]["schemas"]} if code == 200 else set()

    def wait_for_crd(self):
        self.kube.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in CRD_NAMES), "--timeout=60s")
        # Established comes a moment before the API is served, and before discovery and the schemas that kubectl reads have it.
        for kind, short in ((TEAM, "tprov"), ("AgentRelease", "arel")):
            eventually(lambda kind=kind: self.kube.request("GET", self.kube.path(kind))[0] == 200, what=f"{kind} is served")
            eventually(lambda kind=kind: kind in self.schemas(), what=f"the schema of {kind} is published")
            eventually(lambda short=short: self.kube.kubectl("get", short, check=False).returncode == 0, what=f"kubectl knows {short}")


class OwnCluster(Cluster):
    """A control plane of the caller's own, which may be broken. Use it in a `with`."""

    def __init__(self, directory, **settings):
        """`settings` are those of tools/controlplane/cluster, without TP_CLUSTER_, in lower case. Its version is that of the run."""
        names = {f"TP_CLUSTER_{key.upper()}": value for key, value in settings.items()}
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TP_CLUSTER_") or k == "TP_CLUSTER_EMULATE"}
        self.environment |= {"TP_CLUSTER_DIR": str(directory)} | names

    def word(self, *words):
        """Runs tools/controlplane/cluster, as in word("pause", "etcd")."""
        done = subprocess.run([os.environ["TP_CLUSTER"], *words], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, f"cluster {' '.join(words)}: {done.stderr}"
        return done.stdout

    def __enter__(self):
        self.word("down")
        self.word("up")
        env = dict(shlex.split(line)[1].split("=", 1) for line in self.word("env").splitlines())
        super().__init__(env["KUBECONFIG"], env["TP_AUDIT_LOG"])
        return self

    def __exit__(self, *_):
        self.word("down")
