"""What the image is made of: pinned, small in rights, and free of GPL software unless its tag says otherwise."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPIN = "the pins are older than pyproject.toml: run the commands under 'What is pinned' in deploy/README.md"


def pins(name: str) -> dict[str, set[Version]]:
    """Return the versions of each package; more than one where they differ by Python's."""
    found: dict[str, set[Version]] = {}
    for package, version in re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (DEPLOY / name).read_text(), re.MULTILINE):
        found.setdefault(package, set()).add(Version(version))
    return found


def misfits(name: str, wanted: list[str]) -> list[str]:
    """Return the requirements that a constraints file does not meet."""
    have = pins(name)
    requirements = [Requirement(line) for line in wanted]
    return [
        str(one)
        for one in requirements
        if not (versions := have.get(re.sub(r"[-_.]+", "-", one.name.lower()), set()))
        or not all(version in one.specifier for version in versions)
    ]


def test_every_dependency_is_pinned_as_the_project_wants_it() -> None:
    extras = PROJECT["optional-dependencies"]
    plain = [*PROJECT["dependencies"], *extras["mcp"]]
    assert misfits("constraints.txt", plain) == [], REPIN
    assert misfits("constraints-offline.txt", [*plain, *extras["offline"]]) == [], REPIN
    assert misfits("constraints-build.txt", ["hatchling>=1.24"]) == [], REPIN


def test_both_images_have_the_same_versions() -> None:
    plain, offline = pins("constraints.txt"), pins("constraints-offline.txt")
    assert {name: offline[name] for name in plain} == plain


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-offline.txt", "constraints-build.txt"])
def test_every_pin_has_hashes_and_no_index_is_named(name: str) -> None:
    text = (DEPLOY / name).read_text()
    blocks = re.split(r"\n(?=[a-z])", text.strip())
    assert len(blocks) == sum(map(len, pins(name).values())) > 0
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links|file:", text)


def test_the_plain_image_has_no_gpl_software_of_the_offline_extra() -> None:
    assert "espeakng-loader" not in pins("constraints.txt")
    assert "espeakng-loader" in pins("constraints-offline.txt")


def test_the_dockerfile_does_nothing_that_ci_does_not_do() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^RUN (.*)$", text, re.MULTILINE) == ["/source/deploy/build.sh /opt/gateway ${KIND}"]
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["python:${PYTHON}-slim-bookworm"] * 2
    (user,) = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert user == "10001:10001"
    assert f"--chown={user}" in text
    assert 'CMD ["gateway-health"]' in text
    assert text.index("USER") < text.index("ENTRYPOINT")


def test_all_that_the_dockerfile_copies_gets_past_the_ignore_file() -> None:
    copied = re.findall(r"^COPY (?!--)(.*) /source", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line[1:].split("/")[0] for line in ignore if line.startswith("!")}
    assert names == let_in
    assert all((ROOT / name).exists() for name in names)
    assert ignore[1] == "*"


def test_the_build_script_tells_how_it_is_used() -> None:
    done = subprocess.run(["bash", DEPLOY / "build.sh"], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "PREFIX [offline]" in done.stderr) == (2, True)
    wrong = ["bash", DEPLOY / "build.sh", "/tmp/nowhere", "everything"]
    assert subprocess.run(wrong, capture_output=True, timeout=20, check=False).returncode == 2
    assert not Path("/tmp/nowhere").exists()


class Answer(BaseHTTPRequestHandler):
    """A gateway of which only the health is left."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()
        self.wfile.write(b'{"status":"draining"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def health(port: int, *path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, DEPLOY / "healthcheck.py", *path]
    environment = {"GATEWAY_PORT": str(port)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)


def test_the_health_check_says_yes_no_and_nobody_there() -> None:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        port = server.server_port
        alive, ready = health(port), health(port, "/readyz")
        server.shutdown()
        thread.join()
    assert (alive.returncode, alive.stdout) == (0, '{"status":"draining"}\n')
    assert (ready.returncode, ready.stderr) == (1, '/readyz: 503 {"status":"draining"}\n')
    gone = health(port)
    assert gone.returncode == 1
    assert "refused" in gone.stderr
