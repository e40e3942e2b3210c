"""The documents that tables in the code make, or that have to keep up with them."""

import re

from support.cluster import ROOT
from support.operator_process import run_operator

LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:|#)([^)#\s]+)[^)]*\)")


def test_configuration_lists_the_flags():
    printed = run_operator("docs")
    assert printed.returncode == 0
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert printed.stdout == written, "run: build/dev/bin/team-operator docs > docs/configuration.md"


def test_links_between_documents_lead_somewhere():
    documents = [p for p in ROOT.rglob("*.md") if not {"build", ".dev", "node_modules"} & set(p.relative_to(ROOT).parts)]
    assert documents
    broken = [f"{document.relative_to(ROOT)}: {target}" for document in documents
              for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()]
    assert not broken
