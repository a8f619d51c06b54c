"""The published JSON Schema of lab files."""

from __future__ import annotations

import json
from pathlib import Path

from emcc_emu.lab.model import Lab
from emcc_emu.settings.json_schema import json_schema

__all__ = ["lab_schema_text", "write_lab_schema"]


def lab_schema_text() -> str:
    """The schema as JSON text."""
    return json.dumps(json_schema(Lab, "emcc-emu lab file"), indent=1, ensure_ascii=False) + "\n"


def write_lab_schema(file: Path) -> None:
    """Writes the schema where editors find it; the project keeps it at `fixtures/labs/lab.schema.json`."""
    file.write_text(lab_schema_text(), encoding="utf-8")
