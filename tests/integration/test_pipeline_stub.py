"""The stub of the AI pipeline counts requests by their Idempotency-Key: what the operator relies on after a crash."""

import pytest

from support.stubs import StubServices, request

TOKEN = {"Authorization": "Bearer pipeline"}


@pytest.fixture(scope="module")
def stubs(state):
    with StubServices(state / "stubs-pipeline") as stubs:
        yield stubs


@pytest.mark.parametrize(("word", "kept"), [("bootstrap", "bootstraps"), ("run", "runs")])
def test_a_key_counts_once(stubs, word, kept):
    def ask(key, body=None, team="t1", headers=TOKEN):
        headers = headers | ({"Idempotency-Key": key} if key else {})
        return request(f"{stubs.pipeline.url}/api/v1/teams/{team}/{word}", "POST", body, headers)

    assert ask("k1", headers={})[0] == 401
    first = ask("k1", {"sources": ["a"]})
    assert first[0] == 200
    assert ask("k1", {"sources": ["a"]})[1]["run_id"] == first[1]["run_id"]
    assert ask("k1", {"sources": ["b"]})[0] == 409
    other_key, other_team = ask("k2"), ask("k1", team="t2")
    unkeyed = [ask(None)[1]["run_id"] for _ in range(2)]
    assert stubs.pipeline.state()[kept] == {
        "t1": [{"key": "k1", "run_id": first[1]["run_id"], "body": {"sources": ["a"]}},
               {"key": "k2", "run_id": other_key[1]["run_id"], "body": None},
               *({"key": None, "run_id": run_id, "body": None} for run_id in unkeyed)],
        "t2": [{"key": "k1", "run_id": other_team[1]["run_id"], "body": None}],
    }
    stubs.pipeline.reset()
    assert stubs.pipeline.state()[kept] == {}
