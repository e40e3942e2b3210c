"""Stands between a program and its API server, and does to single resources what a server or a network in trouble does to all."""

import collections
import contextlib
import http.client
import http.server
import json
import pathlib
import ssl
import threading
import time
import urllib.parse

import yaml

HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length")
PIECE = 1 << 16


def resource_of(target):
    """The resource that a request is about, in the plural."""
    parts = urllib.parse.urlsplit(target).path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    parts = parts[2:] if parts[:1] == ["namespaces"] and len(parts) > 2 else parts
    return parts[0] if parts else ""


class ApiProxy:
    """Presents the API server's own certificate. Use it in a `with`; at first it changes nothing."""

    def __init__(self, cluster):
        with open(cluster.kubeconfig) as file:
            server = yaml.safe_load(file)["clusters"][0]["cluster"]
        self.target = urllib.parse.urlsplit(server["server"])
        # Without the administrator's certificate: the program is who its token says.
        self.trust = ssl.create_default_context(cafile=server["certificate-authority"])
        keys = pathlib.Path(server["certificate-authority"]).parent
        identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identity.load_cert_chain(keys / "apiserver.crt", keys / "apiserver.key")
        self.server = _Server((self.target.hostname, 0), identity, self)
        self.url = f"https://{self.target.hostname}:{self.server.server_address[1]}"
        self.changed = threading.Condition()
        self.retry_after = {}  # by resource that is refused
        self.held = set()
        self.mutes = collections.Counter()
        self.asked = collections.defaultdict(list)  # by resource: when each request came

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, name="api-proxy", daemon=True).start()
        return self

    def __exit__(self, *_):
        self.behave()
        self.server.shutdown()
        self.server.server_close()

    def refuse(self, resource, retry_after):
        """429 to each request from now on."""
        self.retry_after[resource] = retry_after

    def hold(self, resource):
        """Each request from now on waits for behave()."""
        self.held.add(resource)

    def mute(self, resource):
        """Streams that are open now stay open and show nothing more, for good. Later ones are as they should be."""
        self.mutes[resource] += 1

    def behave(self):
        with self.changed:
            self.retry_after.clear()
            self.held.clear()
            self.changed.notify_all()

    def connect(self):
        return http.client.HTTPSConnection(self.target.hostname, self.target.port, context=self.trust, timeout=300)

    def refusal(self, resource):
        """Waits as long as requests for this resource are held. How many seconds it is refused for, or None."""
        self.asked[resource].append(time.monotonic())
        with self.changed:
            self.changed.wait_for(lambda: resource not in self.held)
            return self.retry_after.get(resource)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address, identity, proxy):
        super().__init__(address, _Exchanges)
        self.identity, self.proxy = identity, proxy

    def get_request(self):
        # The handshake is for the connection's own thread.
        plain, address = super().get_request()
        return self.identity.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        """Either side may go at any time."""


class _Exchanges(http.server.BaseHTTPRequestHandler):
    """Those of one connection, each with a connection of its own to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def exchange(self):
        proxy, resource = self.server.proxy, resource_of(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mutes = proxy.mutes[resource]
        retry_after = proxy.refusal(resource)
        if retry_after is not None:
            return self.refuse(retry_after)
        with contextlib.closing(proxy.connect()) as server:
            server.request(self.command, self.path, body or None,
                           {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP})
            answer = server.getresponse()
            self.begin(answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP])
            while (piece := answer.read1(PIECE)) and proxy.mutes[resource] == mutes:
                self.piece(piece)
        if proxy.mutes[resource] != mutes:
            self.close_connection = True
            self.rfile.read(1)  # until the other side has had enough
            return None
        return self.piece(b"")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = exchange

    def begin(self, status, headers):
        self.send_response_only(status)
        for name, value in (*headers, ("Transfer-Encoding", "chunked")):
            self.send_header(name, value)
        self.end_headers()

    def piece(self, content):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def refuse(self, retry_after):
        self.begin(429, [("Content-Type", "application/json"), ("Retry-After", str(retry_after))])
        self.piece(json.dumps({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "TooManyRequests",
                               "message": "test: not yet", "code": 429}).encode())
        self.piece(b"")
