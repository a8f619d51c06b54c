import pytest

from emcc_emu.rules.codecs import CodecLimit, allowed_codecs, choose_codec, codec_named

CISCO_PHONE = ("G722", "PCMU", "PCMA", "iSAC", "G729")


@pytest.mark.parametrize(
    ("limit_kbps", "link_loss", "chosen"),
    [
        (8, "low_loss", "G729"),
        (8, "lossy", "G729"),
        (32, "low_loss", "ISAC"),
        (64, "low_loss", "G722"),
        (64, "lossy", "ISAC"),
        (256, "low_loss", "G722"),
        (7, "low_loss", None),
    ],
)
def test_the_limit_admits_and_the_link_loss_orders(limit_kbps, link_loss, chosen):
    assert choose_codec(CISCO_PHONE, CISCO_PHONE, CodecLimit(limit_kbps, link_loss)) == chosen


def test_only_what_both_sides_list_is_chosen():
    assert choose_codec(CISCO_PHONE, ("pcma", "pcmu"), CodecLimit(64)) == "PCMU"
    assert choose_codec(("G729",), ("PCMU",), CodecLimit(64)) is None


def test_without_a_limit_the_offering_side_decides_and_any_codec_will_do():
    assert choose_codec(("pcma", "PCMU"), ("pcmu", "pcma"), None) == "PCMA"
    assert choose_codec(("x-new", "PCMU"), ("PCMU", "X-New"), None) == "X-NEW"
    assert choose_codec(("x-new",), (), None) is None


@pytest.mark.parametrize(
    ("limit_kbps", "first", "last"), [(8, "G729", "G723"), (16, "ILBC", "G723"), (256, "MPEG4-GENERIC", "G723")]
)
def test_allowed_codecs_are_in_order_of_preference(limit_kbps, first, last):
    names = [codec.encoding_name for codec in allowed_codecs(CodecLimit(limit_kbps))]
    assert (names[0], names[-1]) == (first, last)


def test_lossy_links_only_move_isac_before_g722():
    low_loss = [codec.encoding_name for codec in allowed_codecs(CodecLimit(256))]
    lossy = [codec.encoding_name for codec in allowed_codecs(CodecLimit(256, "lossy"))]
    assert lossy.index("ISAC") == lossy.index("G722") - 1
    assert [name for name in lossy if name != "ISAC"] == [name for name in low_loss if name != "ISAC"]


def test_codecs_are_found_by_name_in_any_case():
    assert codec_named("pcmu").payload_type == 0
    assert codec_named("telephone-event") is None
