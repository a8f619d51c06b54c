"""A lab file into a `Lab`: read, completed with derived defaults, checked as a whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from emcc_emu.lab.check import find_mistakes
from emcc_emu.lab.defaults import with_defaults
from emcc_emu.lab.model import Lab
from emcc_emu.settings.mistakes import input_error
from emcc_emu.settings.reading import read_settings, read_text_file

__all__ = ["load_lab", "parse_lab"]


def load_lab(path: Path | str) -> Lab:
    """The lab that a file describes.

    Raises:
        InputError: The file cannot be read, or has mistakes; its text lists all of them with line and field.
    """
    file = Path(path)
    return parse_lab(read_text_file(file), str(path))


def parse_lab(text: str, file_name: str = "lab") -> Lab:
    """The lab that a YAML text describes.

    Args:
        file_name: What messages call the text.

    Raises:
        InputError: It has mistakes.
    """
    reading = read_settings(text, Lab)
    if reading.settings is None:
        raise input_error(file_name, reading.mistakes)
    lab = with_defaults(reading.settings)
    mistakes = find_mistakes(lab)
    if mistakes:
        raise input_error(
            file_name, (dataclasses.replace(mistake, line=reading.line_of(mistake.path)) for mistake in mistakes)
        )
    return lab
