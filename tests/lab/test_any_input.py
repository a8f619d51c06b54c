"""Whatever a lab file holds, it is read or refused by an InputError, never by anything else."""

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from emcc_emu.errors import InputError
from emcc_emu.lab.load import parse_lab

GOOD = Path("fixtures/labs/two-clusters.yaml").read_text(encoding="utf-8")


def is_read_or_refused(text):
    try:
        parse_lab(text)
    except InputError as refused:
        return bool(str(refused))
    return True


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text):
    assert is_read_or_refused(text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_the_standard_lab_with_lines_lost_swapped_or_cut(seed):
    rng = random.Random(seed)
    lines = GOOD.splitlines()
    for _ in range(rng.randint(1, 4)):
        position = rng.randrange(len(lines))
        change = rng.choice(["drop", "cut", "swap", "repeat"])
        if change == "drop":
            del lines[position]
        elif change == "cut":
            lines[position] = lines[position][: rng.randint(0, len(lines[position]))]
        elif change == "swap":
            other = rng.randrange(len(lines))
            lines[position], lines[other] = lines[other], lines[position]
        else:
            lines.insert(position, lines[position])
    assert is_read_or_refused("\n".join(lines))
