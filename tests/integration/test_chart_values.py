"""The chart's values: each is explained, is in the schema, and is in docs/values.md; and the schema knows no other."""

import json
import re
import subprocess

import yaml

from support.cluster import CHART, ROOT

DOCUMENT = ROOT / "docs" / "values.md"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# Kubernetes' own types, which the API server judges.
FOREIGN = {"ipBlock", "namespaceSelector", "podSelector", "nodeAffinity", "podAffinity", "podAntiAffinity", "valueFrom"}
ROW = re.compile(r"^\| `([\w.]+)` \| (?:`(.*)`)? \| (.*) \|$", re.M)


def resolved(schema):
    """The schema behind references; of several that all hold, together."""
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    merged = dict(schema)
    for part in schema.get("allOf", []):
        part = resolved(part)
        merged |= part | {"properties": merged.get("properties", {}) | part.get("properties", {})}
    return merged


def documented():
    """path -> (default, meaning)"""
    return {path: (default, meaning) for path, default, meaning in ROW.findall(DOCUMENT.read_text())}


def test_the_document_is_made_of_the_comments():
    made = subprocess.run([ROOT / "tools" / "values-docs"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert made == DOCUMENT.read_text(), "run: tools/values-docs > docs/values.md"


def test_every_value_is_explained():
    rows = documented()
    silent = []
    for path, (default, _) in rows.items():
        names = path.split(".")
        # Its own comment, or one of a group around it; that of the whole gateway says nothing of a value.
        around = [".".join(names[:n]) for n in range(len(names), 1 if names[0] == "gateway" else 0, -1)]
        if default and not any(rows.get(name, ("", ""))[1] for name in around):
            silent.append(path)
    assert not silent and len(rows) > 150


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def test_values_and_schema_name_the_same():
    unknown, unset = [], []
    for path in leaves(VALUES):
        schema = SCHEMA
        for name in path:
            schema = resolved(schema)
            if "properties" not in schema and "additionalProperties" in schema:
                break  # a map, as of labels
            if name not in schema["properties"]:
                unknown.append(".".join(path))
                break
            schema = schema["properties"][name]

    def look(schema, values, path):
        for name, inner in resolved(schema).get("properties", {}).items():
            here, inner = (*path, name), resolved(inner)
            if name not in values:
                unset.append(".".join(here))
            elif "properties" in inner and values[name]:  # of what is empty by default, the comment tells
                look(inner, values[name], here)

    look(SCHEMA, VALUES, ())
    assert (unknown, unset) == ([], ["global"])


def test_the_schema_lets_nothing_else_in():
    open_ones = []

    def look(schema, path):
        if isinstance(schema, list):
            for i, inner in enumerate(schema):
                look(inner, f"{path}[{i}]")
        elif isinstance(schema, dict):
            kinds = schema.get("type", [])
            if "object" in ([kinds] if isinstance(kinds, str) else kinds) and "additionalProperties" not in schema:
                open_ones.append(path)
            for name, inner in schema.items():
                look(inner, f"{path}.{name}")

    look(SCHEMA, "")
    # Left are Kubernetes' own types, what the gateway itself judges (`gateway.config`), and a key that Helm keeps for itself.
    strange = [path for path in open_ones if path.rpartition(".")[2] not in FOREIGN | {"global"} and ".config.properties." not in path
               and not re.search(r"\.(tolerations|spread)\.items$", path)]
    assert not strange
