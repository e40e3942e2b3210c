"""Prometheus itself, on loopback: scrapes programs of ours as the chart's PodMonitors say, and has the chart's rules."""

import json
import math
import os
import pathlib
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import yaml

from support.cluster import SYSTEM
from support.gateway import free_port
from support.monitoring import of_kind, tool
from support.waiting import eventually

EVERY = "1s"  # scrapes and evaluations


def scrape_configs(documents, addresses):
    """What the Prometheus operator makes of the rendered PodMonitors. `addresses`: name of a Deployment -> where a program of ours, in
    place of its pod, serves its metrics."""
    deployments = [d for d in documents if d["kind"] == "Deployment"]
    found = []
    for name, monitor in of_kind(documents, "PodMonitor").items():
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        selected = monitor["spec"]["selector"]["matchLabels"].items()
        pods = [d for d in deployments if selected <= d["spec"]["template"]["metadata"]["labels"].items()]
        targets = []
        for deployment in pods:
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            (port,) = [p["containerPort"] for p in container["ports"] if p["name"] == endpoint["port"]]
            assert f"--metrics-bind-address=:{port}" in container["args"]
            job = deployment["spec"]["template"]["metadata"]["labels"][monitor["spec"]["jobLabel"]]
            targets.append({"targets": [addresses[deployment["metadata"]["name"]]], "labels": {
                "job": job, "namespace": SYSTEM, "pod": f"{deployment['metadata']['name']}-0", "container": container["name"],
                "endpoint": endpoint["port"]}})
        found.append({"job_name": name, "honor_labels": endpoint.get("honorLabels", False), "static_configs": targets})
    return found


def rule_files(documents, directory):
    """The rendered rules, in a hurry: what has to last for minutes lasts for a second."""
    for name, rule in of_kind(documents, "PrometheusRule").items():
        for group in rule["spec"]["groups"]:
            for one in group["rules"]:
                if "for" in one:
                    one["for"] = EVERY
        (directory / f"{name}-rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
        yield str(directory / f"{name}-rules.yaml")


class Prometheus:
    """Use it in a `with`."""

    def __init__(self, directory, documents, addresses):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        config = {"global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
                  "scrape_configs": scrape_configs(documents, addresses), "rule_files": list(rule_files(documents, self.directory))}
        (self.directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = None

    def __enter__(self):
        command = [tool("prometheus"), f"--config.file={self.directory / 'prometheus.yaml'}", f"--storage.tsdb.path={self.directory / 'data'}",
                   f"--web.listen-address={self.url.removeprefix('http://')}", "--log.level=warn"]
        with open(self.directory / "prometheus.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"]})
        eventually(self.is_ready, 60, "Prometheus is ready")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"Prometheus ended with {self.process.returncode}: {(self.directory / 'prometheus.log').read_text()}")
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False

    def get(self, path, **query):
        asked = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None

    def query(self, expression):
        """[(labels, value)] that are numbers."""
        data = self.get("query", query=expression)
        samples = [({}, data["result"])] if data["resultType"] == "scalar" else [(s["metric"], s["value"]) for s in data["result"]]
        return [(labels, float(value[1])) for labels, value in samples if not math.isnan(float(value[1]))]

    def targets(self):
        """job -> (pod, health, what went wrong) of each."""
        found = {}
        for target in self.get("targets")["activeTargets"]:
            found.setdefault(target["labels"]["job"], []).append((target["labels"]["pod"], target["health"], target["lastError"]))
        return found

    def firing(self):
        """name -> the alerts of this name that fire."""
        found = {}
        for alert in self.get("alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found
