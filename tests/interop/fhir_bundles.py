"""Checks bundles, one a line, against the FHIR R4 (4.0.1) model of fhir.resources, and what the model does not know:
that every reference resolves inside its bundle, and that no resource says who anybody is."""

import json
import sys

import fhir.resources
from fhir.resources.bundle import Bundle

IDENTIFYING = {"name", "telecom", "address", "birthDate", "gender", "photo", "contact"}


def references(value):
    if isinstance(value, dict):
        if "reference" in value:
            yield value["reference"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def check(line):
    bundle = Bundle.parse_raw(line)
    raw = json.loads(line)
    known = {entry["fullUrl"] for entry in raw["entry"]}
    assert len(known) == len(raw["entry"]), "a fullUrl stands twice"
    lost = [reference for reference in references(raw) if reference not in known]
    assert not lost, f"references lead nowhere: {lost}"
    for entry in raw["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            told = IDENTIFYING & entry["resource"].keys()
            assert not told, f"a patient says {told}"
    return [entry.resource.resource_type for entry in bundle.entry]


assert fhir.resources.__fhir_version__ == "4.0.1", fhir.resources.__fhir_version__
counts = {}
for line in sys.stdin.buffer:
    for kind in check(line):
        counts[kind] = counts.get(kind, 0) + 1
print(json.dumps(counts))
