import pytest

from emcc_emu.rules.codecs import CODECS, allowed_codecs, choose_codec, codec_named, video_kbps

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
    codec = choose_codec(CISCO_PHONE, CISCO_PHONE, limit_kbps, link_loss)
    assert (codec.encoding_name if codec else None) == chosen


def test_only_what_both_sides_list_is_chosen():
    assert choose_codec(CISCO_PHONE, ("pcma", "pcmu"), 64).encoding_name == "PCMU"
    assert choose_codec(("G729",), ("PCMU",), 64) is None


@pytest.mark.parametrize(
    ("limit_kbps", "first", "last"), [(8, "G729", "G723"), (16, "ILBC", "G723"), (256, "MPEG4-GENERIC", "G723")]
)
def test_allowed_codecs_are_in_order_of_preference(limit_kbps, first, last):
    names = [codec.encoding_name for codec in allowed_codecs(limit_kbps, "low_loss")]
    assert (names[0], names[-1]) == (first, last)


def test_lossy_links_only_move_isac_before_g722():
    low_loss = [codec.encoding_name for codec in allowed_codecs(256, "low_loss")]
    lossy = [codec.encoding_name for codec in allowed_codecs(256, "lossy")]
    assert lossy.index("ISAC") == lossy.index("G722") - 1
    assert [name for name in lossy if name != "ISAC"] == [name for name in low_loss if name != "ISAC"]


def test_codecs_are_found_by_name_in_any_case():
    assert codec_named("pcmu").payload_type == 0
    assert codec_named("telephone-event") is None


@pytest.mark.parametrize(("limit_kbps", "expected"), [(384, 376), (0, 0), (4, 0)])
def test_video_gets_what_audio_leaves(limit_kbps, expected):
    g729 = next(codec for codec in CODECS if codec.encoding_name == "G729")
    assert video_kbps(limit_kbps, g729) == expected
