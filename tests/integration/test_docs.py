"""The documents that tables in the code make, or that have to keep up with them."""

import re

from support.cluster import ROOT
from support.gateway import run_gateway
from support.operator_process import run_operator

LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:|#)([^)#\s]+)[^)]*\)")


def test_configuration_lists_the_flags():
    printed = [run("docs") for run in (run_operator, run_gateway)]
    assert [p.returncode for p in printed] == [0, 0]
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert "".join(p.stdout for p in printed) == written, \
        "run: (build/dev/bin/team-operator docs; build/dev/bin/webhook-gateway docs) > docs/configuration.md"


def test_the_gateway_takes_the_config_file_of_its_manual(tmp_path):
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "gateway.md").read_text(), re.M | re.S)
    file = tmp_path / "gateway.yaml"
    file.write_text(example)
    # It ends at the first thing that is wrong after the file.
    done = run_gateway("serve", "--roles=webhooks", f"--config={file}", "--connect-to=nowhere", env={"DATABASE_URL": "host=127.0.0.1 port=1"})
    assert done.returncode == 2 and "--connect-to" in done.stderr, done.stderr


def test_links_between_documents_lead_somewhere():
    documents = [p for p in ROOT.rglob("*.md") if not {"build", ".dev", "node_modules"} & set(p.relative_to(ROOT).parts)]
    assert documents
    broken = [f"{document.relative_to(ROOT)}: {target}" for document in documents
              for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()]
    assert not broken
