"""The packages of a real Debian, read from its layers alone, are those that were recorded when it was made."""

import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from fakes import facts as recorded
from servers.bases import debian_base
from tagstone.actions.build import packages_of
from tagstone.bundle.sbom import sbom
from tagstone.image.packages_annotation import read_packages_annotation


@pytest.mark.engines
def test_a_debian_that_nobody_described_is_listed_all_the_same():
    registry, image = debian_base()
    told = read_packages_annotation(image.annotations)
    found = packages_of(registry, replace(image, annotations={}))
    assert {package for package in found if package.kind != "os"} == {package for package in told if package.kind != "os"}
    assert [package.version for package in found if package.kind == "os"] == ["12"]
    facts = recorded.facts()
    assert facts.image is not None
    text = sbom(facts, replace(facts.image, packages=found)).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert "pkg:deb/debian/apt@" in text
    assert len(json.loads(text)["components"]) == len(found)
