"""The table of elements and limits."""

import dataclasses

import pytest

from emcc_emu.wire.phone_shapes import ITEM_SHAPES, ROOT_SHAPES, SHAPE_BY_ROOT, Items, Leaf


@pytest.mark.parametrize("kind", [*ROOT_SHAPES, *ITEM_SHAPES], ids=lambda kind: kind.__name__)
def test_every_entry_of_a_shape_is_a_field_of_its_dataclass(kind):
    shape = {**ROOT_SHAPES, **ITEM_SHAPES}[kind]
    fields = {field.name for field in dataclasses.fields(kind)} - {"title_icon_index"}
    assert {entry.field for entry in (*shape.attributes, *shape.children)} == fields


def test_every_repeated_element_has_a_shape():
    items = [child for shape in ROOT_SHAPES.values() for child in shape.children if isinstance(child, Items)]
    assert all(ITEM_SHAPES[item.item].element == item.element for item in items)


def test_roots_are_found_by_name():
    assert len(SHAPE_BY_ROOT) == len(ROOT_SHAPES) == 15
    assert all(name.startswith("CiscoIPPhone") for name in SHAPE_BY_ROOT)


def test_limits_are_ordered():
    leaves = [
        entry
        for shape in (*ROOT_SHAPES.values(), *ITEM_SHAPES.values())
        for entry in (*shape.attributes, *shape.children)
        if isinstance(entry, Leaf)
    ]
    assert all(leaf.low <= leaf.high for leaf in leaves)
