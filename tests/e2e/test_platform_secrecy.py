"""Tokens are in the Secret, in the services, and nowhere else."""

import json

from support.provisioning import PLANTED, ServiceSide, annotate, held_token, operator_process
from support.teams import Teams, condition, dedicated, scheduled
from support.waiting import eventually


def everything_readable(cluster, operator, namespace):
    """What people and collectors can read: all objects but Secrets, Events, the log, the metrics."""
    kube = cluster.kube
    kinds = ("TeamProvisioning", "CronJob", "Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", "Event", "Pod")
    texts = {kind: json.dumps(kube.list(kind, namespace)) for kind in kinds}
    texts["metadata of Secrets"] = json.dumps([s["metadata"] for s in kube.list("Secret", namespace)])
    texts["log"] = operator.log.read_text()
    texts["metrics"] = operator.fetch("metrics", "/metrics")[1]
    return texts


def test_no_token_is_anywhere_else(platform_cluster, services, state):
    platform_cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "secrecy"}})
    teams = Teams(platform_cluster.kube, "secrecy")
    operator = operator_process(platform_cluster, state / "operator-secrecy", services, drift_interval="2s", log_level="debug",
                                deletion_give_up="4s")
    operator.expect_errors("config service", "a deletion gives up")
    operator.start()
    planted = set(PLANTED)
    teams.apply("open", routing={"slackChannelIds": ["C0OPEN"]}, pipeline=scheduled(), runtime=dedicated(), token={"gracePeriod": "0s"})
    eventually(lambda: teams.ready("open"), 60)
    planted.add(held_token(teams, "open")[1])
    annotate(teams, "open", rotate_token="1")
    eventually(lambda: ServiceSide(services, "open").live_tokens() == {held_token(teams, "open")[0]} and held_token(teams, "open")[1] not in planted)
    planted.add(held_token(teams, "open")[1])
    # Every way to fail, with the secrets in what the service says about it.
    said = {"detail": f"bad token {' '.join(planted)}"}
    for status in (400, 401, 403, 404, 409, 422, 429, 500):
        services.config_service.faults({"status": status, "body": said})
        annotate(teams, "open", requested_at=str(status))
        eventually(lambda: condition(teams.get("open"), "ConfigSynced").get("status") == "False")
        services.config_service.faults()
        eventually(lambda s=status: teams.ready("open") and teams.get("open")["status"].get("lastHandledReconcileAt") == str(s), 60)
    services.config_service.faults({"do": "garbage"})
    teams.delete("open")
    texts = everything_readable(platform_cluster, operator, "secrecy")
    eventually(lambda: not teams.all(), 60)
    services.config_service.faults()
    texts |= {f"{k} at the end": v for k, v in everything_readable(platform_cluster, operator, "secrecy").items()}
    operator.close()
    for what, text in texts.items():
        for secret in planted:
            assert secret not in text, what
            assert secret.rpartition(".")[2] not in text, what
    assert len(texts["log"]) > 1000 and "GaveUp" in texts["Event at the end"]
