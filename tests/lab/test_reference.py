from pathlib import Path

from emcc_emu.lab.model import ClusterConfig, EmccFeatureParameters, Lab
from emcc_emu.lab.reference import lab_reference
from emcc_emu.settings.documentation import field_texts
from emcc_emu.settings.plans import settings_of

PAGE = lab_reference()


def test_settings_are_listed_with_form_default_and_meaning():
    assert "| `remote_cluster_update_interval` | 15 min to 7 d | 30 min | How often" in PAGE
    assert "| `maximum_concurrent_requests` | 1 to 100 | `5` | Logins and logouts" in PAGE
    assert "| `reconcile` | true or false | true |" in PAGE
    assert "| `login` | duration | 0 s |" in PAGE
    assert "| `nodes` | mapping of [Node](#node) | required |" in PAGE
    assert "| `login_type` | empty, `UID`, `SP`, `DN` | none |" in PAGE


def test_every_class_has_one_section_with_its_ways_of_writing():
    assert PAGE.count("## Line\n") == 1
    assert "Its `directory_number` alone may stand for it." in PAGE
    assert "`user_id` as the key." in PAGE


def test_all_thirteen_feature_parameters_are_there():
    assert len(settings_of(EmccFeatureParameters)) == 13


def test_every_setting_is_documented():
    for settings_class in (Lab, ClusterConfig, EmccFeatureParameters):
        assert {setting.field for setting in settings_of(settings_class)} <= set(field_texts(settings_class))


def test_the_published_reference_is_current():
    published = Path("fixtures/labs/REFERENCE.md").read_text(encoding="utf-8")
    assert published == lab_reference(), "run: emcc-emu check --reference > fixtures/labs/REFERENCE.md"
