"""Two operators that compete for one Lease."""

import base64
import json
import os
import signal

from support.cluster import SYSTEM
from support.operator_process import OperatorProcess
from support.waiting import eventually

LEASE = "team-operator"


class Replica(OperatorProcess):
    """An operator that takes part in the election."""

    def __init__(self, cluster, state, **flags):
        super().__init__(cluster, state, **({"leader_elect": "true", "resync_interval": "10h"} | flags))

    def leads(self):
        return self.metric("leader_election_master_status") == 1

    def listings(self):
        return self.metric("kube_watch_listings_total")

    def requests(self, since):
        """What this process, and no other of the same ServiceAccount, has asked for since then: its token has an id."""
        kubeconfig = json.loads((self.state / "run" / "kubeconfig").read_text())
        payload = kubeconfig["users"][0]["user"]["token"].split(".")[1]
        token = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return self.cluster.audit.requests(since, credential=f"JTI={token['jti']}")

    def writes(self, since):
        """Those that change something, but for the Lease."""
        return [r for r in self.requests(since) if r.is_write and r.resource != "leases"]

    def suspend(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)


class Replicas:
    """Both of them; they are stopped at the end of a `with`."""

    def __init__(self, cluster, state, **flags):
        self.both = [Replica(cluster, state / f"replica-{name}", **flags) for name in "ab"]

    def __enter__(self):
        for replica in self.both:
            replica.start()
        return self

    def __exit__(self, *_):
        for replica in self.both:
            if replica.process is not None:
                replica.resume()
                replica.close()

    def roles(self, timeout=60):
        """(leader, standby), once there is one of each, both ready."""
        for replica in self.both:
            if replica.process is None:
                replica.start()

        def decided():
            leaders = [r for r in self.both if r.leads()]
            assert len(leaders) == 1, f"{len(leaders)} leaders"
            return leaders

        (leader,) = eventually(decided, timeout)
        (standby,) = [r for r in self.both if r is not leader]
        standby.wait_until_ready()
        return leader, standby


def lease(kube):
    return kube.get("Lease", SYSTEM, LEASE)["spec"]
