"""Serves stub services, each on an address of its own on loopback, until it is told to stop.

    python -m stubs --config-service 127.0.0.1:0 --agent 127.0.0.1:0 --ports-file ports.json

Only those with an address are served; port 0 is any free one. When all listen, the file gets one JSON object with the port
of each, and of "control". There, /__stub/SERVICE/WORD is what /__stub/WORD is at the service itself, which has to listen for
that.
"""

import argparse
import asyncio
import json
import os
import pathlib
import resource
import signal
import sys

from aiohttp import web

from stubs.agent import Agent
from stubs.config_service import ConfigService
from stubs.others import GitHub, Pipeline, Slack


def loopback(text):
    host, _, port = text.rpartition(":")
    if host not in ("127.0.0.1", "localhost") or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no HOST:PORT on loopback")
    return host, int(port)


def arguments():
    parser = argparse.ArgumentParser(prog="python -m stubs", description=__doc__.split("\n\n")[0])
    for service in ("config-service", "agent", "pipeline", "slack", "github", "control"):
        default = ("127.0.0.1", 0) if service == "control" else None
        parser.add_argument(f"--{service}", type=loopback, metavar="HOST:PORT", default=default)
    parser.add_argument("--ports-file", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--seed", type=pathlib.Path, metavar="FILE", help="orgs, teams, configurations and tokens, as JSON")
    parser.add_argument("--admin-token", default="admin-token", help="the Config Service's global one; it has no dot")
    parser.add_argument("--jwt-secret", default="impersonation-secret")
    parser.add_argument("--token-ttl", type=int, default=900, metavar="SECONDS", help="of impersonation tokens")
    parser.add_argument("--run-seconds", type=float, default=0.0, help="how long an agent run takes")
    parser.add_argument("--no-record", action="store_true", help="the agent does not record its runs at the Config Service")
    return parser.parse_args()


def control_app(services):
    """A fault may take a service's own listener away; this one stays."""
    async def control(request):
        service = services.get(request.match_info["service"])
        if service is None:
            raise web.HTTPNotFound(text=f"no service {request.match_info['service']}; there are: {', '.join(services)}")
        return await service.control(request)

    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/__stub/{service}/{word}", control)
    return app


async def main():
    args = arguments()
    # Thousands of runs at once are thousands of connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    config_service = ConfigService(args.admin_token, args.jwt_secret, args.token_ttl)
    if args.seed:
        config_service.seed(json.loads(args.seed.read_text()))
    made = [config_service, Agent(config_service, args.run_seconds, not args.no_record), Pipeline(), Slack(), GitHub()]
    services = {s.name: s for s in made if getattr(args, s.name.replace("-", "_"))}
    ports = {}
    for name, service in services.items():
        await service.listen(*getattr(args, name.replace("-", "_")))
        ports[name] = service.address[1]
    control = web.AppRunner(control_app(services), access_log=None)
    await control.setup()
    site = web.TCPSite(control, *args.control)
    await site.start()
    ports["control"] = site._server.sockets[0].getsockname()[1]
    if args.ports_file:
        # Whole or not at all: somebody waits for it.
        partial = args.ports_file.with_suffix(".partial")
        partial.write_text(json.dumps(ports))
        os.replace(partial, args.ports_file)
    print(json.dumps(ports), flush=True)
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    await stop.wait()
    for service in services.values():
        await service.stop_listening()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
