import json

import pytest
from click.testing import CliRunner

from emcc_emu.cli.check import command
from emcc_emu.errors import InputError


def run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_a_right_lab_is_summed_up():
    result = run("fixtures/labs/two-clusters.yaml")
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "two-clusters: OK"
    assert "sanjose (Cluster ID sanjose, release 12.5.1.14900-11, non-secure): sanjose-pub 127.1.0.10" in result.output


def test_a_wrong_lab_is_an_input_error_that_lists_everything(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text("cluster: {}\nseed: x\n")
    with pytest.raises(InputError, match=r"(?s)lab\.yaml:1: cluster: .*lab\.yaml:2: seed: 'x'"):
        CliRunner().invoke(command, [str(file)], catch_exceptions=False)


def test_schema_and_reference_are_printed():
    assert json.loads(run("--schema").output)["title"] == "emcc-emu lab file"
    assert run("--reference").output.startswith("# Lab file reference")


def test_without_a_file_it_says_what_it_needs():
    result = run()
    assert result.exit_code == 2
    assert "Give a lab file" in result.output
