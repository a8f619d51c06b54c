"""The OpenAPI 3.1 document of the control API, made from the routes and from the declarations of the settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emcc_emu.control.routes import Route
from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.documentation import field_texts
from emcc_emu.settings.json_schema import json_schema
from emcc_emu.settings.plans import settings_of

__all__ = ["openapi_document"]

Schema = dict[str, Any]

_ERROR = {"$ref": "#/components/responses/Error"}


def openapi_document(routes: Iterable[Route], version: str) -> Schema:
    """The document.

    Args:
        routes: What the server answers.
        version: Release of this software.
    """
    writer = _Writer()
    paths: Schema = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = writer.operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "emcc-emu control API",
            "version": version,
            "summary": "Administer the clusters of a running lab.",
        },
        "paths": paths,
        "components": {
            "schemas": {**dict(sorted(writer.schemas.items())), "Error": _ERROR_SCHEMA},
            "responses": {
                "Error": {
                    "description": "What is wrong: field, value, rule, nearest valid word; or which cluster is down.",
                    "content": _json({"$ref": "#/components/schemas/Error"}),
                }
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


_ERROR_SCHEMA: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}


class _Writer:
    """Collects the schemas that operations refer to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def operation(self, route: Route) -> Schema:
        operation: Schema = {"operationId": route.operation, "summary": route.summary}
        parameters = [_path_parameter(name) for name in route.path_names]
        if route.query is not None:
            parameters += self.query_parameters(route.query)
        if parameters:
            operation["parameters"] = parameters
        if route.body is not None:
            schema = self.reference(route.body, is_partial=route.is_partial)
            operation["requestBody"] = {"required": True, "content": _json(schema)}
        operation["responses"] = {
            "200": {"description": "Done.", "content": _json(self.answer(route))},
            "400": _ERROR,
            "401": _ERROR,
            "403": _ERROR,
            "503": _ERROR,
        }
        return operation

    def answer(self, route: Route) -> Schema:
        entry: Schema = {"type": ["object", "array", "null"]}
        if route.answer is not None:
            described = ", ".join(sorted(setting.key for setting in settings_of(route.answer.section.settings_class)))
            entry = {"type": "object", "description": f"{described}; secrets are left out."}
        if not route.is_list:
            return entry
        entries = {"type": "array", "items": {**entry, "type": "object"}}
        properties = {"count": {"type": "integer", "description": "How many there are."}, "entries": entries}
        return {"type": "object", "properties": properties, "required": ["count", "entries"]}

    def query_parameters(self, settings_class: type[Settings]) -> list[Schema]:
        schema = self.schema(settings_class)
        texts = {setting.key: field_texts(settings_class)[setting.field] for setting in settings_of(settings_class)}
        return [
            {"name": name, "in": "query", "description": texts[name], "schema": entry}
            for name, entry in schema["properties"].items()
        ]

    def reference(self, settings_class: type[Settings], *, is_partial: bool) -> Schema:
        name = f"{settings_class.__name__}Change" if is_partial else settings_class.__name__
        if name not in self.schemas:
            schema = self.schema(settings_class)
            if is_partial:
                schema.pop("required", None)
                properties = schema["properties"].items()
                schema["properties"] = {key: {"anyOf": [entry, {"type": "null"}]} for key, entry in properties}
            self.schemas[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def schema(self, settings_class: type[Settings]) -> Schema:
        """The schema of a class; those it refers to are collected."""
        schema = json_schema(settings_class, settings_class.__name__)
        del schema["$schema"]
        for name, entry in schema.pop("$defs").items():
            self.schemas[name] = _moved(entry)
        moved: Schema = _moved(schema)
        return moved


def _moved(schema: Any) -> Any:
    """A schema whose references lead to the document's components."""
    if isinstance(schema, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(value)
            for key, value in schema.items()
        }
    return [_moved(entry) for entry in schema] if isinstance(schema, list) else schema


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
