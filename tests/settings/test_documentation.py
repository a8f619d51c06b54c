from emcc_emu.lab.model import RoutePattern
from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.documentation import class_text, field_texts


class Documented(Settings, frozen=True, kw_only=True):
    """First paragraph,
    two lines.

    More.
    """

    size: int = 1
    """How large
    it is."""

    color: str = ""
    shape: str = ""
    """Its shape."""

    @property
    def area(self) -> int:
        """No setting."""
        return 1


def test_field_texts_are_the_docstrings_below_the_fields():
    assert field_texts(Documented) == {"size": "How large it is.", "shape": "Its shape."}


def test_class_text_is_the_first_paragraph():
    assert class_text(Documented) == "First paragraph, two lines."


def test_inherited_fields_are_documented():
    assert "discard" in field_texts(RoutePattern)
    assert "pattern" in field_texts(RoutePattern)
