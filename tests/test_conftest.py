"""What ``conftest.py`` promises to all other tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
markers = peer(name, install): needs an outside program
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A directory of tests of its own, under the same ``conftest.py``."""
    monkeypatch.delenv("GATEWAY_REQUIRE_PEERS", raising=False)
    pytester.makeconftest(CONFTEST.read_text("utf-8").replace('pytest_plugins = ["pytester"]', ""))
    pytester.makeini(INI)
    return pytester


PEERS = """
import pytest

@pytest.mark.peer("no-such-program", install="apt-get install no-such-package")
def test_with_a_missing_peer(): raise AssertionError("not reached")

@pytest.mark.peer("sh", install="apt-get install dash")
def test_with_a_present_peer(): pass

@pytest.mark.peer("no-such-program", install="x", also="/bin/s[h]")
def test_with_a_peer_at_another_place(): pass
"""


def test_a_missing_peer_skips_with_the_line_that_installs_it(inner: pytest.Pytester) -> None:
    inner.makepyfile(PEERS)
    result = inner.runpytest_inprocess("-rs")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["*no-such-program is not installed: apt-get install no-such-package*"])


def test_a_missing_peer_fails_where_peers_are_required(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_REQUIRE_PEERS", "1")
    inner.makepyfile(PEERS)
    result = inner.runpytest_inprocess()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*no-such-program is not installed: apt-get install no-such-package*"])


def test_what_a_test_leaves_behind_fails_it(inner: pytest.Pytester) -> None:
    inner.makepyfile(
        """
        import asyncio, subprocess, sys, threading
        import pytest

        pytestmark = pytest.mark.usefixtures("leaves_nothing")
        kept = []

        async def test_clean():
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
            await process.wait()
            await asyncio.to_thread(int)
            await asyncio.create_task(asyncio.sleep(0))

        async def test_task():
            kept.append(asyncio.create_task(asyncio.Event().wait(), name="forgotten"))

        async def test_thread():
            stop = threading.Event()
            kept.append(stop)
            threading.Thread(target=stop.wait, name="forgotten", daemon=True).start()

        async def test_process():
            kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

        def test_end():
            kept[1].set()
            kept[2].communicate(b"\\n")
        """
    )
    # A patched wait keeps this quick: nothing here is going to end by itself.
    conftest = inner.path / "conftest.py"
    conftest.write_text(conftest.read_text("utf-8").replace("LEFTOVER_WAIT_S = 2.0", "LEFTOVER_WAIT_S = 0.1"), "utf-8")
    result = inner.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=5, errors=3)
    for left in ("task", "thread forgotten", "process*input()"):
        result.stdout.fnmatch_lines([f"*left behind: {left}*"])


def test_the_developers_keys_are_hidden() -> None:
    assert os.environ["OPENAI_API_KEY"] == ""
    assert os.environ["TWILIO_AUTH_TOKEN"] == ""
