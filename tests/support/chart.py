"""What the chart renders, and the pods in it."""

import functools
import json
import tempfile

import yaml

from support.cluster import CHART, RELEASE, ROOT, SYSTEM

EXAMPLES = ROOT / "examples" / "values"
# Where in an object of each kind the pod is described.
TEMPLATES = {"Deployment": ("spec", "template"), "StatefulSet": ("spec", "template"), "Job": ("spec", "template"),
             "CronJob": ("spec", "jobTemplate", "spec", "template"), "Pod": ()}


def render(cluster, values=None, files=(), namespace=SYSTEM):
    """The objects that `helm template` prints, hooks and tests among them. `values` come after the `files`."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values or {}, file)  # JSON is YAML
        file.flush()
        named = [f"--values={path}" for path in (*files, file.name)]
        text = cluster.helm("template", RELEASE, str(CHART), "--namespace", namespace, *named).stdout
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents, *kinds):
    return [d for d in documents if d["kind"] in kinds]


def named(documents, kind, name):
    (found,) = [d for d in of_kind(documents, kind) if d["metadata"]["name"] == name]
    return found


def pod_of(obj):
    """The pod template of a workload; the pod itself of a pod."""
    return functools.reduce(dict.get, TEMPLATES[obj["kind"]], obj)


def pods(documents):
    """(workload, its pod template)"""
    return [(d, pod_of(d)) for d in of_kind(documents, *TEMPLATES)]


def containers(pod):
    return pod["spec"]["containers"] + pod["spec"].get("initContainers", [])


def selects(selector, labels):
    assert set(selector) == {"matchLabels"}, selector
    return selector["matchLabels"].items() <= labels.items()


def environment(container):
    """name -> its value, or the (Secret, key) that it is from."""
    return {e["name"]: e["value"] if "value" in e else (e["valueFrom"]["secretKeyRef"]["name"], e["valueFrom"]["secretKeyRef"]["key"])
            for e in container.get("env", [])}
