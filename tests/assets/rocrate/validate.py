"""Validate a crate with roc-validator, offline: the contexts come from this folder. Prints JSON: one object per issue."""

import io
import json
import sys
import tempfile
from pathlib import Path

import requests
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings
from urllib3 import HTTPResponse

HERE = Path(__file__).parent
PAGES = {
    "https://w3id.org/ro/crate/1.1/context": "ro-crate-1.1-context.jsonld",
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run-context.jsonld",
}


class Contexts(requests.adapters.HTTPAdapter):
    """Answers for the network; everything else is unreachable."""

    def send(self, request, *_arguments, **_options):
        name = PAGES.get(request.url.rstrip("/"))
        if name is None:
            raise requests.ConnectionError(request.url)
        body = (HERE / name).read_bytes()
        headers = {"Content-Type": "application/ld+json", "Content-Length": str(len(body))}
        raw = HTTPResponse(io.BytesIO(body), headers, 200, preload_content=False, request_method="GET")
        return self.build_response(request, raw)


def main(folder: str, level: str, profile: str = "process-run-crate-0.5") -> int:
    requests.adapters.HTTPAdapter.send = Contexts.send
    with tempfile.TemporaryDirectory() as cache:
        settings = ValidationSettings(
            rocrate_uri=folder,
            profile_identifier=profile,
            requirement_severity=Severity[level.upper()],
            cache_path=Path(cache) / "http",
        )
        result = services.validate(settings)
    issues = [
        {
            "check": issue.check.identifier,
            "message": issue.message,
            "entity": issue.violatingEntity,
            "severity": issue.severity.name,
        }
        for issue in result.get_issues()
    ]
    print(json.dumps({"checks": len(result.executed_checks), "issues": issues}, indent=1))
    return 1 if issues else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
