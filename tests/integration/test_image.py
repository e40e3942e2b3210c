"""The images, as far as they can be judged without a container engine: tools/image/stage makes their root directories from
the programs at hand, and the programs run from there, as nobody and with nothing else around them."""

import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import threading

import cyclonedx.schema
import jsonschema_rs
import pytest
import yaml

from support.cluster import ROOT
from support.gateway import free_port
from support.waiting import eventually
from support.webhooks import SECRETS

PROGRAMS = ("team-operator", "webhook-gateway")
EPOCH = 1_763_856_000
USER = "65532:65532"  # the Dockerfile's


def run(*command, code=0, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=120, **more)
    assert done.returncode == code, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def inside(root, *command):
    """A command that sees `root` as everything, as a user without rights."""
    if os.geteuid() == 0:
        return ["chroot", f"--userspec={USER}", str(root), *map(str, command)]
    return ["unshare", "--user", "--map-root-user", "chroot", str(root), *map(str, command)]


def stage(program, directory):
    root = directory / program
    run(ROOT / "tools/image/stage", "--bin", os.environ["TP_BIN"], "--root", root, "--tar", directory / f"{program}.tar",
        "--debug", directory / "debug", program, env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)})
    return root


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    directory = tmp_path_factory.mktemp("images")
    return {program: stage(program, directory) for program in PROGRAMS}


def files_of(root):
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree(root):
    """All that could differ."""
    return {path.relative_to(root): (path.lstat().st_mode, path.lstat().st_mtime,
                                     os.readlink(path) if path.is_symlink() else sha256(path) if path.is_file() else "")
            for path in root.rglob("*")}


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_image_holds_what_its_program_needs_and_nothing_more(images, tmp_path, program):
    root = images[program]
    before = tree(root)
    assert {(mode & 0o7777, mtime) for mode, mtime, _ in before.values()} <= {(0o755, EPOCH), (0o644, EPOCH), (0o777, EPOCH)}
    assert not any(path.stat().st_mode & 0o022 for path in (root, *root.rglob("*"))), "nobody but root writes"
    assert {path.lstat().st_uid for path in root.rglob("*")} == {os.geteuid()}

    # The same again, byte for byte.
    stage(program, tmp_path)
    assert tree(tmp_path / program) == before
    assert sha256(tmp_path / f"{program}.tar") == sha256(root.parent / f"{program}.tar")

    # It runs there, and finds each of its libraries; there is no other one, and no other program.
    outside = run(pathlib.Path(os.environ["TP_BIN"]) / program, "version")
    assert run(*inside(root, f"/usr/local/bin/{program}", "version")) == outside
    assert program in run(*inside(root, f"/usr/local/bin/{program}", "help"))
    listing = run(*inside(root, "/lib64/ld-linux-x86-64.so.2" if os.uname().machine == "x86_64" else "/lib/ld-linux-aarch64.so.1",
                          "--list", f"/usr/local/bin/{program}"))
    assert "not found" not in listing
    found = {(root / path[1:]).resolve() for path in re.findall(r"(/\S+) \(0x", listing)}
    assert found == {path for path in files_of(root) if ".so" in path.name}
    assert [path.name for path in (root / "usr/local/bin").iterdir()] == [program]
    assert tree(root) == before, "it wrote nothing"

    # Debug symbols are apart, where gdb looks for them.
    build_id = re.search(r"Build ID: (\w\w)(\w+)", run("readelf", "--notes", root / "usr/local/bin" / program))
    assert ".debug_info" not in run("readelf", "--sections", "--wide", root / "usr/local/bin" / program)
    symbols = root.parent / "debug/.build-id" / build_id[1] / f"{build_id[2]}.debug"
    assert ".debug_info" in run("readelf", "--sections", "--wide", symbols)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_bill_of_materials_names_every_file_that_a_package_brought(images, program):
    root = images[program]
    bill = json.loads((root / f"usr/share/sbom/{program}.cdx.json").read_text())
    schemas = pathlib.Path(cyclonedx.schema.__file__).parent / "_res"
    named = {name: json.loads((schemas / f"{name}.SNAPSHOT.schema.json").read_text()) for name in ("bom-1.6", "spdx", "jsf-0.82")}
    registry = jsonschema_rs.Registry([(f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", its) for name, its in named.items()])
    validator = jsonschema_rs.Draft7Validator(named["bom-1.6"], registry=registry, validate_formats=True)
    assert not [error.message for error in validator.iter_errors(bill)]
    assert [error.message for error in validator.iter_errors(bill | {"components": [{"type": "librarry", "name": "x"}]})]

    own = bill["metadata"]["component"]
    assert f"{own['name']} {own['version']}\n" == run(pathlib.Path(os.environ["TP_BIN"]) / program, "version")
    listed = {file["name"]: file["hashes"][0]["content"] for its in (own, *bill["components"]) for file in its.get("components", ())}
    present = {f"/{path.relative_to(root)}": sha256(path) for path in files_of(root)}
    ours = {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", f"/usr/share/sbom/{program}.cdx.json"}
    papers = {name for name in present if name.startswith(("/usr/share/doc/", "/var/lib/dpkg/"))}
    assert {name: present[name] for name in present.keys() - ours - papers} == listed
    assert ours <= present.keys()

    # What dpkg would say to a scanner is the same; what is compiled in is in the bill alone.
    status = {}
    for path in (root / "var/lib/dpkg/status.d").iterdir():
        fields = dict(re.findall(r"^(Package|Version): (.+)$", path.read_text(), re.M))
        status[fields["Package"]] = fields["Version"]
    linkage = {its["name"]: next(p["value"] for p in its["properties"] if p["name"] == "linkage") for its in bill["components"]}
    assert status == {its["name"]: its["version"] for its in bill["components"] if linkage[its["name"]] != "header"}
    assert {"libc6", "libssl3", "ca-certificates", "base-files"} <= {name.removesuffix("t64") for name in status}
    assert any("boost" in name for name, how in linkage.items() if how == "header") and linkage["nlohmann-json3-dev"] == "header"
    assert all((root / f"usr/share/doc/{name}/copyright").stat().st_size for name in linkage)
    assert bill["dependencies"][0]["dependsOn"] == [its["purl"] for its in bill["components"]]


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_as_process_1_it_ends_when_it_is_told_to(images):
    """Without an init: a first process has no default actions for signals, and there are no orphans to wait for."""
    ports = {listener: free_port() for listener in ("webhooks", "metrics", "health-probe")}
    command = inside(images["webhook-gateway"], "/usr/local/bin/webhook-gateway", "serve", "--roles=webhooks",
                     *(f"--{listener}-bind-address=127.0.0.1:{port}" for listener, port in ports.items()))
    if os.geteuid() == 0:
        command = ["unshare", "--pid", "--fork", "--kill-child", *command]
    else:
        command[1:1] = ["--pid", "--fork", "--kill-child"]
    process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], "DATABASE_URL": "postgresql://127.0.0.1:1/nobody"}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        def healthy():
            assert process.poll() is None, process.stdout.read()
            with contextlib.suppress(OSError):
                return subprocess.run(["curl", "-fs", f"http://127.0.0.1:{ports['health-probe']}/healthz"], check=False).returncode == 0

        eventually(healthy)
        (gateway,) = children(process.pid)
        status = pathlib.Path(f"/proc/{gateway}/status").read_text()
        assert re.search(r"^NSpid:.*\t1$", status, re.M) and not children(gateway)
        if os.geteuid() == 0:
            assert re.search(r"^Uid:\t65532\t65532\t65532\t65532$", status, re.M)
        os.kill(gateway, signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert [json.loads(line)["msg"] for line in said.splitlines()][-1] == "stopped"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def make_authority(directory):
    """A certificate authority of our own, and a server's certificate of it."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tests", "-days", "2", "-keyout", directory / "ca.key",
        "-out", directory / "ca.pem")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1")
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", directory / "key", "-out", directory / "csr")
    run("openssl", "x509", "-req", "-in", directory / "csr", "-CA", directory / "ca.pem", "-CAkey", directory / "ca.key", "-days", "2",
        "-extfile", directory / "names", "-out", directory / "cert")


class Refuse(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(418)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_it_trusts_the_systems_roots_and_nobody_else(images, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(images["webhook-gateway"], root, symlinks=True)
    make_authority(tmp_path)
    (root / "secret").write_text(SECRETS["probe"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        probe = inside(root, "/usr/local/bin/webhook-gateway", "probe", f"--url=https://127.0.0.1:{server.server_port}", "--secret-file=/secret")
        assert "certificate" in run(*probe, code=1)
        with open(root / "etc/ssl/certs/ca-certificates.crt", "a") as roots:
            roots.write((tmp_path / "ca.pem").read_text())
        assert "the webhook was answered 418" in run(*probe, code=1)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def instructions():
    """(instruction, arguments) of the Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def test_the_dockerfile_builds_these_images_from_what_it_is_given(images, tmp_path):
    run("hadolint", ROOT / "Dockerfile")
    stages, copied = {}, []
    for word, arguments in instructions():
        if word == "FROM":
            stage_of = stages.setdefault(arguments.split()[-1], [])
        elif word != "ARG" or stages:
            stage_of.append((word, arguments))
        if word == "COPY" and "--from" not in arguments:
            copied += arguments.split()[:-1]
    assert all((ROOT / path).exists() for path in copied), copied

    with open(ROOT / "charts/team-provisioning/values.yaml") as file:
        values = yaml.safe_load(file)
    assert {values["image"]["repository"], values["gateway"]["image"]["repository"]} == {f"incidentfox/{name}" for name in images}
    for program, root in images.items():
        its = dict(stages[program])
        assert its["USER"] == USER and its["ENV"] == "PATH=/usr/local/bin"
        assert (root / json.loads(its["ENTRYPOINT"])[0][1:]).is_file()
        assert its["COPY"] == f"--from=builder /out/{program}/ /"

    # The context holds all that CMake asks for: nothing but what .dockerignore lets in, in a place of its own.
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert {path for path in copied if path != "."} <= set(allowed)
    context = tmp_path / "context"
    for path in allowed:
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy2
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / path, context / path)
    run("cmake", "--preset", "image", cwd=context)
    embed = "operator/src/provisioner/commands/embed.cmake"
    for here in (context, ROOT):
        run("cmake", f"-DROOT={here}", f"-DOUTPUT={tmp_path / here.name}.cc", "-P", here / embed)
    assert sha256(tmp_path / f"{context.name}.cc") == sha256(tmp_path / f"{ROOT.name}.cc")
    # And the packages that are installed there are a part of what is installed here.
    assert set(run(ROOT / "tools/deps", "--list-build").split()) <= set(run(ROOT / "tools/deps", "--list").split())
