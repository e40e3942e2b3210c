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
from support.monitoring import DASHBOARDS, by_program, panels, tool
from support.waiting import eventually

EVERY = "1s"  # scrapes and evaluations


def scrape_configs(documents, addresses):
    """What the Prometheus operator makes of the rendered PodMonitors. `addresses`: name of a Deployment -> where a program of ours, in
    place of its pod, serves its metrics."""
    deployments = [d for d in documents if d["kind"] == "Deployment"]
    found = []
    for name, monitor in by_program(documents, "PodMonitor").items():
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
    for name, rule in by_program(documents, "PrometheusRule").items():
        for group in rule["spec"]["groups"]:
            for one in group["rules"]:
                if "for" in one:
                    one["for"] = EVERY
        (directory / f"{name}-rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
        yield str(directory / f"{name}-rules.yaml")


def command(directory, documents, addresses, listen):
    """What starts it, with its configuration and its data in `directory`."""
    directory.mkdir(parents=True)
    config = {"global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
              "scrape_configs": scrape_configs(documents, addresses), "rule_files": list(rule_files(documents, directory))}
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
    return [tool("prometheus"), f"--config.file={directory / 'prometheus.yaml'}", f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={listen}", "--log.level=warn"]


class PrometheusApi:
    """Of one that runs at `url`."""

    def __init__(self, url):
        self.url = url

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

    def panels_without_data(self):
        """Of both dashboards: (dashboard: panel, query)."""
        asked = [(f"{file.stem}: {panel['title']}", target["expr"]) for file in DASHBOARDS for panel in panels(file) for target in panel["targets"]]
        return [(where, expression) for where, expression in asked
                if not self.query(expression.replace("$__rate_interval", "5m").replace("$namespace", ".*"))]


class Prometheus(PrometheusApi):
    """Started for a test. Use it in a `with`."""

    def __init__(self, directory, documents, addresses):
        super().__init__(f"http://127.0.0.1:{free_port()}")
        self.directory = pathlib.Path(directory)
        self.command = command(self.directory, documents, addresses, self.url.removeprefix("http://"))
        self.process = None

    def __enter__(self):
        with open(self.directory / "prometheus.log", "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            env={"PATH": os.environ["PATH"]})
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
