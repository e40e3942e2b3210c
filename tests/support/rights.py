"""What the chart grants to the operator, and what it has used of that."""

import yaml

from support.cluster import CHART

RULES = [rule for file in ("operator-rules.yaml", "operator-release-rules.yaml")
         for rule in yaml.safe_load((CHART / "files" / file).read_text())]
# Asked only of API servers that do not stream lists, as the rules say.
FALL_BACK = "list"


def granted():
    """{(group, resource, verb)}"""
    return {(group, resource, verb) for rule in RULES
            for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}


def used(requests):
    """The rights behind these requests. A server-side apply is a patch to the audit log, and needs create where it makes something."""
    rights = {(r.group, r.resource, r.verb) for r in requests}
    return rights | {(r.group, r.resource, "create") for r in requests if r.verb == "patch" and r.code == 201}
