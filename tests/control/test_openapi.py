"""The OpenAPI document: valid, and true to what the server answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from administered_lab import LAB_FILE
from openapi_spec_validator import OpenAPIV31SpecValidator

from emcc_emu.control.api import ControlServer
from emcc_emu.control.openapi import openapi_document
from emcc_emu.control.routes import ROUTES
from emcc_emu.lab.load import load_lab

BODIES: dict[str, dict[str, Any]] = {
    "advance_clock": {"by": "0"},
    "run_job": {"job": "remote cluster update"},
    "submit_bulk_job": {"action": "insert", "count": 1},
}


class AnyLab:
    """A lab that answers every question with the question."""

    lab = load_lab(LAB_FILE)
    cluster_names = ("tokyo",)
    trace_directory = None
    state_directory = Path("state")

    async def status(self) -> dict[str, Any]:
        return {}

    async def ask(self, cluster: str, method: str, **params: Any) -> Any:
        clock = {"offset_s": 0.0, "next_due_s": None}
        answers: dict[str, Any] = {"clock": clock, "move_clock": [], "faults": {}, "set_fault": {}, "clear_faults": []}
        return answers.get(method, {"cluster": cluster, "asked": method, **params})


async def test_the_document_is_valid_and_has_every_route_and_no_other() -> None:
    async with ControlServer(AnyLab(), ("127.0.0.1", 0)) as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/openapi.json") as answer:
            document = await answer.json()
        OpenAPIV31SpecValidator(document).validate()
        described = {(method.upper(), path) for path, entry in document["paths"].items() for method in entry}
        assert described == {(route.method, route.path) for route in ROUTES}
        for method, path in sorted(described):
            operation = document["paths"][path][method.lower()]
            body = BODIES.get(operation["operationId"], {}) if "requestBody" in operation else None
            url = server.url + path.format(cluster="tokyo", name="thing", device="SEP001122334455")
            async with session.request(method, url, json=body) as answer:
                assert answer.status == 200, (method, path, await answer.text())


async def test_every_parameter_of_a_path_is_declared() -> None:
    document = openapi_document(ROUTES, "1")
    operations = [operation for entry in document["paths"].values() for operation in entry.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    change = document["paths"]["/clusters/{cluster}/service-parameters"]["patch"]
    reference = change["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    field = document["components"]["schemas"][reference]["properties"]["maximum_concurrent_requests"]
    assert field["anyOf"][0] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "description": "Logins and logouts in progress at one EMService node; one more is answered with code 26.",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/clusters/tokyo/service-parameters", 405), ("POST", "/clock/advance", 400)],
)
async def test_what_is_not_described_is_refused_as_json(method: str, path: str, status: int) -> None:
    async with (
        ControlServer(AnyLab(), ("127.0.0.1", 0)) as server,
        aiohttp.ClientSession() as session,
        session.request(method, server.url + path, data=b"[1]") as answer,
    ):
        assert (answer.status, set(await answer.json())) == (status, {"error"})
