#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds approved documents against what their readers demand: JSON and JSON lines against the published schema (and the
schema against its own), JUnit against an XML parser and the rule that the outcome shows in it.

Usage: documents_check.py SCHEMA FILE...   (.json, .jsonl, .xml). Exit 0 sound, 1 not, 77 if jsonschema is missing.
"""
import json
import os
import sys
import xml.etree.ElementTree as xml

try:
    import jsonschema
except ImportError:
    print("skipped: no Python package jsonschema (scripts/setup.sh installs it)")
    sys.exit(1 if os.environ.get("CI") else 77)


def check_json(schema, path):
    jsonschema.Draft202012Validator(schema).validate(json.load(open(path)))


def check_lines(schema, path):
    lines = [json.loads(line) for line in open(path)]
    head, *body, end = lines
    whole = {key: value for key, value in head.items() if key != "$type"}
    whole.update(findings=[], ops=[], unmatched=[], notes=[])
    lists = {"finding": "findings", "op": "ops", "unmatched": "unmatched", "note": "notes"}
    for line in body:
        kind = line.pop("$type")
        whole[lists[kind]].append(line["text"] if kind == "note" else line)
    assert head["$type"] == "report" and end["$type"] == "end", path
    for name in lists.values():
        assert end[name] == len(whole[name]), (path, name)
    jsonschema.Draft202012Validator(schema).validate(whole)


def check_junit(path):
    root = xml.parse(path).getroot()
    cases = list(root.iter("testcase"))
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names), (path, "names are not unique")
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        count = sum(case.find(tag) is not None for case in cases)
        assert int(root.get(attribute)) == count == sum(int(s.get(attribute)) for s in root), (path, tag)
    red = {"parity": (False, False), "divergence": (True, False), "inconclusive": (False, True)}
    outcome = next(name for name in red if name in os.path.basename(path))
    assert (root.get("failures") != "0", root.get("errors") != "0") == red[outcome], (path, outcome)


def main():
    schema = json.load(open(sys.argv[1]))
    jsonschema.Draft202012Validator.check_schema(schema)
    for path in sys.argv[2:]:
        if path.endswith(".json"):
            check_json(schema, path)
        elif path.endswith(".jsonl"):
            check_lines(schema, path)
        else:
            check_junit(path)
    assert len(sys.argv) > 2, "no documents given"
    print(f"{len(sys.argv) - 2} documents are sound")


if __name__ == "__main__":
    main()
