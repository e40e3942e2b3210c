"""What the service before this operator left in a cluster, made as it made it: by POST, with the Kubernetes client for Python."""

CLIENT = "OpenAPI-Generator"  # the field manager that the API server derives from that client's User-Agent
MANAGED_BY = "incidentfox-orchestrator"
URL = "http://config-service:8080"


def sanitised(text):
    return text.lower().replace("_", "-").replace(".", "-")[:63]


def name_of(prefix, org, node):
    return f"{prefix}-{sanitised(org)[:20]}-{sanitised(node)[:30]}"


def labels_of(app, component, org, node):
    return {
        "app.kubernetes.io/name": app, "app.kubernetes.io/component": component, "app.kubernetes.io/managed-by": MANAGED_BY,
        "incidentfox.io/org-id": sanitised(org), "incidentfox.io/team-node-id": sanitised(node),
    }


def env_of(**values):
    return [{"name": k, "value": v} for k, v in values.items()]


def resources(cpu, memory, cpu_limit, memory_limit):
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu_limit, "memory": memory_limit}}


def cron_job(namespace, name, labels, schedule, account, container):
    pod = {"restartPolicy": "Never", "serviceAccountName": account, "containers": [container | {"imagePullPolicy": "Always"}]}
    job = {"backoffLimit": 2, "ttlSecondsAfterFinished": 86400, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {
            "schedule": schedule, "concurrencyPolicy": "Forbid", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 3,
            "jobTemplate": {"metadata": {"labels": labels}, "spec": job},
        },
    }


def pipeline(namespace, org, node, schedule="0 2 * * *"):
    return cron_job(namespace, name_of("ai-pipeline", org, node), labels_of("ai-pipeline", "scheduled-ingestion", org, node), schedule,
                    "ai-pipeline", {
        "name": "ai-pipeline", "image": "incidentfox/ai-pipeline:latest",
        "command": ["python", "-m", "ai_learning_pipeline", "run-scheduled"], "args": ["--team-id", node, "--org-id", org],
        "env": env_of(ORG_ID=org, TEAM_NODE_ID=node, CONFIG_SERVICE_URL=URL), "resources": resources("500m", "1Gi", "2", "4Gi"),
    })


def discovery(namespace, org, node, schedule="0 3 * * *"):
    return cron_job(namespace, name_of("dep-discovery", org, node),
                    labels_of("dependency-discovery", "scheduled-discovery", org, node), schedule, "dependency-discovery", {
        "name": "dependency-discovery", "image": "incidentfox/dependency-service:latest",
        "command": ["python", "-m", "dependency_service.scripts.run_discovery"], "args": ["--team-id", node],
        "env": env_of(ORG_ID=org, TEAM_ID=node, CONFIG_SERVICE_URL=URL), "resources": resources("250m", "512Mi", "1", "2Gi"),
    })


def agent(namespace, org, node):
    """[Deployment, Service]"""
    name = name_of("agent-dedicated", org, node)
    labels = labels_of("incidentfox-agent", "dedicated-agent", org, node) | {"incidentfox.io/deployment-mode": "dedicated"}
    selector = {k: labels[k] for k in ("app.kubernetes.io/name", "incidentfox.io/org-id", "incidentfox.io/team-node-id")}
    meta = {"namespace": namespace, "name": name, "labels": labels}

    def probe(delay, period):
        return {"httpGet": {"path": "/health", "port": 8000}, "initialDelaySeconds": delay, "periodSeconds": period}

    container = {
        "name": "agent", "image": "incidentfox/agent:latest", "imagePullPolicy": "Always",
        "ports": [{"containerPort": 8000, "name": "http"}],
        "env": env_of(ORG_ID=org, TEAM_NODE_ID=node, CONFIG_SERVICE_URL=URL, DEPLOYMENT_MODE="dedicated"),
        "resources": resources("500m", "1Gi", "2", "4Gi"), "readinessProbe": probe(10, 10), "livenessProbe": probe(30, 30),
    }
    pod = {"serviceAccountName": "incidentfox-agent", "containers": [container]}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {
            "replicas": 1, "selector": {"matchLabels": selector}, "template": {"metadata": {"labels": labels}, "spec": pod}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {
            "type": "ClusterIP", "selector": selector,
            "ports": [{"name": "http", "port": 8000, "targetPort": 8000, "protocol": "TCP"}]}},
    ]


def accounts(namespace):
    """The platform's, as its installation made them."""
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
            for name in ("incidentfox-agent", "ai-pipeline", "dependency-discovery")]


def create(kube, *objects):
    """Creates them as that service did; what the API server made of them."""
    return [{"kind": obj["kind"]} | kube.create(obj, fieldManager=CLIENT) for obj in objects]
