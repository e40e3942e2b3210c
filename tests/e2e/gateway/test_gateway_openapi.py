"""What the admin API's document says is what it does: schemathesis makes requests from the document, valid ones and others, and
compares each answer with it. There is no Kubernetes here: what needs it says so."""

import subprocess
import sys

import pytest

from support import platform
from support.stubs import ADMIN_TOKEN, request

SEED = 20260131
EXAMPLES = 15  # of each operation and phase


@pytest.fixture
def gateway(database, gateways, stubs, tmp_path):
    token = tmp_path / "pipeline-token"
    token.write_text("token-of-the-pipeline")
    return gateways(database, roles="admin", ai_pipeline_url=stubs.pipeline.url, ai_pipeline_token_file=token)


def test_answers_are_those_of_the_document(gateway, stubs, tmp_path):
    stubs.config_service.word("POST", "seed", {"orgs": {platform.ORG: {"teams": {platform.team(0): {"tokens": ["team.secret"]}}}}})
    for token in (ADMIN_TOKEN, "team.secret"):
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{gateway.admin_url}/openapi.json", "--url", gateway.admin_url,
             "--header", f"Authorization: Bearer {token}", "--seed", str(SEED), "--max-examples", str(EXAMPLES),
             "--generation-database", "none", "--suppress-health-check", "all", "--request-timeout", "30", "--no-color",
             # A valid request may name what is not there. 502 and 503 are in the document, 500 is not.
             "--exclude-checks", "positive_data_acceptance,not_a_server_error"],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    # It has reached the handlers: valid requests were answered with success.
    _, audit = request(f"{gateway.admin_url}/api/v1/admin/audit?action=controls.put&limit=200", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    assert {"200", "422"} <= {entry["result"] for entry in audit["entries"]}
