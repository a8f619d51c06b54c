import json
from pathlib import Path

from emcc_emu.lab.model import Lab
from emcc_emu.lab.schema import lab_schema_text, write_lab_schema
from emcc_emu.settings.json_schema import json_schema

PUBLISHED = Path("fixtures/labs/lab.schema.json")


def test_the_published_schema_is_current():
    assert PUBLISHED.read_text(encoding="utf-8") == lab_schema_text(), (
        "run: emcc-emu check --schema > fixtures/labs/lab.schema.json"
    )


def test_the_schema_describes_labs(tmp_path):
    file = tmp_path / "schema.json"
    write_lab_schema(file)
    schema = json.loads(file.read_text(encoding="utf-8"))
    assert schema == json_schema(Lab, "emcc-emu lab file")
    assert schema["required"] == ["clusters"]
    assert "RoutePattern" in schema["$defs"]
