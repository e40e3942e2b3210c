"""Who may talk to whom, as the chart renders it: network policies, the Ingress, and where each Service leads."""

import pytest

from support.chart import EXAMPLES, containers, named, of_kind, pods, render, selects
from support.cluster import SYSTEM

PIPELINE = {"configServiceToken": {"secret": "operator"}, "pipelineUrl": "http://ai-pipeline", "pipelineToken": {"secret": "pipeline"}}
# Each destination by an address of its own, so that an egress rule tells which it is.
NAMES = ("dns", "apiServer", "configService", "pipeline", "agents", "database", "internet")
ADDRESSES = {name: {"ipBlock": {"cidr": f"192.0.2.{i}/32"}} for i, name in enumerate(NAMES)}
SENDERS = {name: {"namespaceSelector": {"matchLabels": {"is": name}}} for name in ("metrics", "webhooks", "admin")}
POLICIES = {"enabled": True, "from": {name: [peer] for name, peer in SENDERS.items()},
            "to": {name: {"peers": [peer]} for name, peer in ADDRESSES.items()}}
EVERYBODY = None


def kind_of(workload):
    """What a pod is for."""
    labels = workload["metadata"]["labels"]
    name, component = labels["app.kubernetes.io/name"], labels.get("app.kubernetes.io/component")
    return component if name == "webhook-gateway" and component != "probe" else {"team-operator": "operator"}.get(name, name.removeprefix("webhook-gateway-"))


def reach(documents):
    """kind of pod -> (port -> who comes in there, where it may go). Each pod is selected by exactly one policy."""
    policies = of_kind(documents, "NetworkPolicy")
    known = {str([peer]): name for name, peer in (ADDRESSES | SENDERS).items()}
    found, used = {}, set()
    for workload, pod in pods(documents):
        (policy,) = [p for p in policies if selects(p["spec"]["podSelector"], pod["metadata"]["labels"])]
        used.add(policy["metadata"]["name"])
        spec = policy["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        ports = {p["name"] for c in containers(pod) for p in c.get("ports", [])}
        who = {}
        for rule in spec["ingress"]:
            (port,) = [p["port"] for p in rule["ports"]]
            assert port in ports, f"{port} is no port of {workload['metadata']['name']}"
            who.setdefault(port, set()).add(known.get(str(rule["from"]), "gateway") if "from" in rule else EVERYBODY)
        found[kind_of(workload)] = (who, {known[str(rule["to"])] for rule in spec["egress"]})
    assert used == {p["metadata"]["name"] for p in policies}
    return found


# What makes the probe.
PROBE = {"probe": {"enabled": True, "adminToken": {"secret": "admin"}}, "signingSecrets": {"probe": {"secret": "probe"}}}
PROBED = {"metrics": {"metrics"}, "health": {EVERYBODY}}


def test_nothing_is_closed_unless_it_is_asked_for(cluster):
    assert not of_kind(render(cluster, {"gateway": {"enabled": True}}), "NetworkPolicy")


def test_each_pod_reaches_what_its_role_needs_and_nothing_else(cluster):
    values = {"networkPolicy": POLICIES, "services": PIPELINE, "gateway": {"enabled": True, "database": {"embedded": {"enabled": True}}}}
    services = {"configService", "pipeline"}
    assert reach(render(cluster, values)) == {
        "operator": (PROBED, {"dns", "apiServer"} | services),
        "team-operator-errand": ({}, {"dns", "apiServer"} | services),
        "webhooks": (PROBED | {"webhooks": {"webhooks"}}, {"dns", "database"}),
        "worker": (PROBED, {"dns", "database", "configService", "agents", "internet"}),
        "admin": (PROBED | {"admin": {"admin"}}, {"dns", "database", "apiServer", "agents"} | services),
        "database": ({"postgres": {"gateway"}}, set()),
    }
    # Without a principal in the Config Service there is nobody there to talk to.
    assert reach(render(cluster, {"networkPolicy": POLICIES}))["operator"][1] == {"dns", "apiServer"}


@pytest.mark.parametrize("shared", [False, True])
def test_one_process_for_all_roles_has_the_rights_of_all(cluster, shared):
    gateway = {"enabled": True, "topology": "combined", "sharedListener": shared}
    who, where = reach(render(cluster, {"networkPolicy": POLICIES, "gateway": gateway}))["combined"]
    assert who == PROBED | ({"webhooks": {"webhooks", "admin"}} if shared else {"webhooks": {"webhooks"}, "admin": {"admin"}})
    assert where == set(NAMES) - {"pipeline"}


@pytest.mark.parametrize("given, where, ports", [
    ({}, {"dns"}, ["webhooks", "admin"]), ({"url": "https://hooks.example.com"}, {"dns", "internet"}, ["admin"]),
    ({"url": "https://hooks.example.com", "adminToken": {"secret": ""}}, {"dns", "internet"}, None)], ids=["inside", "outside", "outside-only"])
def test_the_probe_gets_to_the_gateway(cluster, given, where, ports):
    gateway = {"enabled": True} | PROBE | {"probe": PROBE["probe"] | given}
    documents = render(cluster, {"networkPolicy": POLICIES, "gateway": gateway})
    policy = named(documents, "NetworkPolicy", "webhook-gateway-probe")["spec"]
    inside = [rule for rule in policy["egress"] if "podSelector" in rule["to"][0]]
    outside = {name for rule in policy["egress"] for name in NAMES if rule["to"] == [ADDRESSES[name]]}
    assert outside == where and len(inside) == (ports is not None) and [[p["port"] for p in rule["ports"]] for rule in inside] == [ports] * len(inside)
    for workload, pod in pods(documents):
        if kind_of(workload) == "probe":
            assert selects(policy["podSelector"], pod["metadata"]["labels"])
        elif ports and kind_of(workload) in ports:
            assert selects(inside[0]["to"][0]["podSelector"], pod["metadata"]["labels"])
            its = named(documents, "NetworkPolicy", workload["metadata"]["name"])["spec"]
            (rule,) = [rule for rule in its["ingress"] if rule["ports"][0]["port"] == kind_of(workload)]
            assert rule["from"] == [SENDERS[kind_of(workload)], {"podSelector": policy["podSelector"]}]


def test_ports_without_peers_are_open_to_everybody(cluster):
    documents = render(cluster, {"networkPolicy": {"enabled": True, "to": {"internet": {"ports": []}}}, "gateway": {"enabled": True}})
    worker = named(documents, "NetworkPolicy", "webhook-gateway-worker")["spec"]
    assert {"ports": [{"protocol": "TCP", "port": 5432}]} in worker["egress"] and {} in worker["egress"]
    assert {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]} in worker["egress"]
    assert all("from" not in rule for rule in worker["ingress"])


def backends(ingress):
    return [(rule.get("host"), path["path"], path["pathType"], path["backend"]["service"]["name"], path["backend"]["service"]["port"]["name"])
            for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]


@pytest.mark.parametrize("topology", ["split", "combined"])
def test_the_ingress_leads_to_the_webhooks_alone(cluster, topology):
    assert not of_kind(render(cluster, {"gateway": {"enabled": True, "topology": topology}}), "Ingress")
    ingress = {"enabled": True, "className": "nginx", "annotations": {"a": "b"}, "tls": [{"secretName": "cert", "hosts": ["a.example.com"]}]}
    documents = render(cluster, {"gateway": {"enabled": True, "topology": topology, "ingress": ingress}})
    found = named(documents, "Ingress", "webhook-gateway")
    assert backends(found) == [(None, "/webhooks", "Prefix", "webhook-gateway", "webhooks")]
    assert (found["spec"]["ingressClassName"], found["spec"]["tls"], found["metadata"]["annotations"]) == ("nginx", ingress["tls"], {"a": "b"})
    ingress |= {"hosts": ["a.example.com", "b.example.com"], "health": True}
    documents = render(cluster, {"gateway": {"enabled": True, "topology": topology, "ingress": ingress}})
    assert sorted(backends(named(documents, "Ingress", "webhook-gateway"))) == [
        (host, path, kind, "webhook-gateway", "webhooks") for host in ("a.example.com", "b.example.com")
        for path, kind in (("/health", "Exact"), ("/webhooks", "Prefix"))]


def ways(documents):
    """Service, port -> roles of the pods behind it, and the address on which they listen there."""
    found = {}
    for service in of_kind(documents, "Service"):
        (port,) = service["spec"]["ports"]
        for workload, pod in pods(documents):
            if selects({"matchLabels": service["spec"]["selector"]}, pod["metadata"]["labels"]) and kind_of(workload) != "database":
                (container,) = pod["spec"]["containers"]
                (number,) = [p["containerPort"] for p in container["ports"] if p["name"] == port["targetPort"]]
                listeners = [a.split("=")[0].removeprefix("--").removesuffix("-bind-address") for a in container["args"] if a.endswith(f"-address=:{number}")]
                found.setdefault((service["metadata"]["name"], port["port"]), set()).add((kind_of(workload), *listeners))
    return found


def test_drop_in_values_keep_the_former_name_and_port(cluster):
    former = ("incidentfox-orchestrator", 8070)
    one = render(cluster, files=[EXAMPLES / "drop-in.yaml"], namespace="incidentfox")
    assert ways(one) == {former: {("combined", "webhooks", "admin")}, ("webhook-gateway-metrics", 8080): {("combined", "metrics")}}
    split = render(cluster, files=[EXAMPLES / "drop-in.yaml", EXAMPLES / "drop-in-split.yaml"], namespace="incidentfox")
    found = ways(split)
    assert found[former] == {("admin", "admin")} and found["incidentfox-webhooks", 8070] == {("webhooks", "webhooks")}
    # What the former load balancer led to, and nothing else of that name.
    assert {path[1:4] for path in backends(named(split, "Ingress", "webhook-gateway"))} == {
        ("/webhooks", "Prefix", "incidentfox-webhooks"), ("/health", "Exact", "incidentfox-webhooks")}
    with pytest.raises(AssertionError, match="gateway.topology combined"):
        render(cluster, {"gateway": {"enabled": True, "sharedListener": True}})


def test_services_are_of_the_kind_that_is_asked_for(cluster):
    service = {"type": "LoadBalancer", "port": 80, "nodePort": 30080, "externalTrafficPolicy": "Local", "annotations": {"cloud": "yes"},
               "loadBalancerSourceRanges": ["192.0.2.0/24"]}
    documents = render(cluster, {"gateway": {"enabled": True, "service": {"webhooks": service}}})
    found = named(documents, "Service", "webhook-gateway")
    assert found["metadata"]["namespace"] == SYSTEM and found["metadata"]["annotations"] == {"cloud": "yes"}
    assert {key: found["spec"][key] for key in ("type", "externalTrafficPolicy", "loadBalancerSourceRanges")}.items() <= service.items()
    (port,) = found["spec"]["ports"]
    assert (port["port"], port["nodePort"], port["targetPort"]) == (80, 30080, "webhooks")
    assert named(documents, "Service", "webhook-gateway-admin")["spec"]["type"] == "ClusterIP"
