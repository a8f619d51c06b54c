"""Writes what documents say about settings and codes anew: run it after changing either.

`.venv/bin/python scripts/update_docs.py`.  A test checks that nothing is out of date.
"""

from __future__ import annotations

import re
from pathlib import Path

from emcc_emu.lab.reference import lab_reference
from emcc_emu.lab.schema import lab_schema_text
from emcc_emu.rules.codes import CODES, displays

ROOT = Path(__file__).resolve().parents[1]
MARKERS = re.compile(r"(<!-- codes -->\n).*?(<!-- /codes -->)", re.DOTALL)


def documents() -> dict[Path, str]:
    """Every generated document with what it should say now."""
    readme = ROOT / "README.md"
    return {
        ROOT / "fixtures" / "labs" / "REFERENCE.md": lab_reference(),
        ROOT / "fixtures" / "labs" / "lab.schema.json": lab_schema_text(),
        readme: MARKERS.sub(lambda found: found[1] + codes_table() + found[2], readme.read_text()),
    }


def codes_table() -> str:
    """Every code with what the phone shows and what provokes it, as Markdown."""
    lines = ["| code | the phone shows | meaning | provoke it here |", "| --- | --- | --- | --- |"]
    for number, code in sorted(CODES.items()):
        shown = displays(code, "en") or "nothing"
        lines.append(f"| {number} | {shown} | {code.meaning} | {_in_cell(code.provoke)} |")
    return "\n".join(lines) + "\n"


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    for path, text in documents().items():
        if path.read_text() != text:
            path.write_text(text)
            print(f"updated {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
