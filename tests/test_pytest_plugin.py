"""Other people's tests: a scratch project gets a lab from the plugin and talks to it with a plain blocking client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRATCH = """
import ssl
import urllib.parse
import urllib.request

import pytest

QUERY = (
    "<query><appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"
    "<deviceUserQuery><deviceName>{}</deviceName></deviceUserQuery></query>"
)


def who_is_on(lab, device, cluster):
    body = urllib.parse.urlencode({"xml": QUERY.format(device)}).encode()
    context = ssl.create_default_context(cafile=lab.ca_file)
    url = lab.url_of(cluster) + "/emservice/EMServiceServlet"
    with urllib.request.urlopen(url, body, context=context) as answer:
        return answer.read().decode()


def test_a_login_at_the_phone_is_seen_by_the_api(emcc_lab):
    example = emcc_lab.example
    phone = emcc_lab.phone()
    assert phone.lines == ("2001",)
    assert "successful" in phone.login(example.home_user, example.pin)
    phone.wait_registered(at="tokyo")
    assert phone.lines == ("3101",)
    assert "<emccDevice>yes</emccDevice>" in who_is_on(emcc_lab, phone.name, "tokyo")
    assert phone.dial(example.emergency_number) == "connected"
    phone.hang_up()
    emcc_lab.advance(11 * 3600)
    phone.wait_registered(at="sanjose")
    assert "<doesNotExist/>" in who_is_on(emcc_lab, phone.name, "tokyo")


def test_a_fault_holds_for_its_block_and_the_packets_tell_of_it(emcc_lab):
    example, phone = emcc_lab.example, emcc_lab.phone()
    with emcc_lab.fault("link_refused", link=["sanjose", "tokyo"]):
        assert phone.login(example.home_user, example.pin) == "Login is unavailable (208)"
    with emcc_lab.fault("message_truncated", cluster="tokyo", protocol="http"):
        assert phone.login(example.home_user, example.pin) == "Please try to login again (23)"
    assert any(packet.fault.startswith("truncated") for packet in emcc_lab.packets())
    assert "successful" in phone.login(example.home_user, example.pin)


def test_labs_run_side_by_side(start_emcc_lab):
    first, second = start_emcc_lab(), start_emcc_lab()
    assert first.base_url != second.base_url
    assert first.phone().registered_at != second.phone().registered_at


@pytest.mark.emcc_lab("one.yaml")
def test_a_mark_names_the_lab(emcc_lab):
    assert list(emcc_lab.ready.clusters) == ["paris"]
"""


def test_a_scratch_project_uses_the_fixture_with_a_blocking_client(tmp_path: Path) -> None:
    (tmp_path / "test_scratch.py").write_text(SCRATCH)
    (tmp_path / "one.yaml").write_text("clusters: {paris: {nodes: {paris-pub: 127.9.0.10}}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers", "-p", "no:asyncio", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_example_of_the_readme_works(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (tmp_path / "test_readme.py").write_text(readme.split("```python\n")[1].split("```")[0])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
