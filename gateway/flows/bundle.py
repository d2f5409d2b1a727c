"""Bundles: the flows of a folder as they were at one moment, checked, kept under their digest, rolled out and pinned.

    data_dir/flows/
    ├── bundles/<digest>/…      the files of every bundle that is live, pinned or being rolled out
    └── routing.json            what of them answers: pins by number, a candidate and its percentage by flow

A bundle is taken whole or not at all: what does not load, or what lint calls an error, changes nothing. Calls hold the
:class:`~gateway.flows.model.Flow` that they began with, so nothing here ever reaches a call that is under way.
Everything here blocks: callers on the event loop go through a thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigurationError
from gateway.flows.issues import Finding
from gateway.flows.lint import LintOptions, lint
from gateway.flows.load import Folder, load_folder
from gateway.flows.model import Flow

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
SHORT: Final = 12
"""How much of a digest people are shown, and may type."""
_FOLLOWED: Final = frozenset({".yaml", ".yml", ".md", ".txt", ".wav", ".json", ".csv"})
"""What belongs to a folder's flows: the rest is editors' leavings."""
MAX_FOLDER_BYTES: Final = 256 * 1024 * 1024


class NotLive(ConfigurationError):
    """A folder's flows can't go live; ``faults`` has a line for each finding."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The flows of a folder at one moment."""

    digest: str
    root: Path
    """Where its files lie; recordings are read from there."""
    flows: Mapping[str, Flow]
    findings: tuple[Finding, ...] = ()
    """Warnings and advice; errors keep a bundle from being."""


def digest_of(root: Path) -> str:
    """Return the name of what a folder holds now: every file that belongs to its flows, by path and content.

    Raises:
        NotLive: the folder is not there, or holds too much to be one of flows.

    """
    if not root.is_dir():
        raise NotLive(f"flows.folder: {root} is not a folder; create it, or correct the setting")
    whole, size = hashlib.sha256(), 0
    for path in files_of(root):
        try:
            content = path.read_bytes()
        except OSError:
            continue  # an editor is just putting it in its place: the next look sees it
        size += len(content)
        if size > MAX_FOLDER_BYTES:
            raise NotLive(
                f"flows.folder: {root} holds more than {MAX_FOLDER_BYTES} bytes; give flows a folder of their own"
            )
        whole.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def files_of(root: Path) -> list[Path]:
    """Return the files that belong to a folder's flows, in order."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in _FOLLOWED and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def load_bundle(root: Path, options: LintOptions | None = None) -> Bundle:
    """Read, check and compile a folder.

    Args:
        root: the folder.
        options: what is known of where its flows will run; None checks the flows alone.

    Raises:
        NotLive: anything in it is an error; names every place.

    """
    digest = digest_of(root)
    folder: Folder = load_folder(root)
    findings = lint(folder, options)
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    if errors:
        raise NotLive(list(dict.fromkeys(errors)))
    warnings = tuple(finding for finding in findings if finding.severity != "error")
    return Bundle(digest, root, folder.flows, warnings)


# --- what answers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bundle that takes a part of a flow's calls."""

    bundle: str
    percent: int


@dataclass(frozen=True, slots=True)
class Routing:
    """Which bundle answers, where that is not the newest."""

    pins: Mapping[str, str] = field(default_factory=dict)
    """Dialled number → bundle."""
    rollouts: Mapping[str, Candidate] = field(default_factory=dict)
    """Flow → the bundle that takes part of its calls."""
    stable: Mapping[str, str] = field(default_factory=dict)
    """Flow → the bundle that takes the rest, while a part goes elsewhere."""

    def bundle_for(self, flow: str, number: str, call_id: str) -> str | None:
        """Return the digest of the bundle that a call gets; None is the newest.

        The part is drawn by the call's id, so that the same call is always drawn alike.
        """
        if number in self.pins:
            return self.pins[number]
        candidate = self.rollouts.get(flow)
        if candidate is None:
            return None
        drawn = zlib.crc32(f"{flow}/{call_id}".encode()) % 100
        return candidate.bundle if drawn < candidate.percent else self.stable.get(flow)

    @property
    def used(self) -> frozenset[str]:
        """Return every bundle that is named."""
        candidates = (candidate.bundle for candidate in self.rollouts.values())
        return frozenset({*self.pins.values(), *candidates, *self.stable.values()})


class Shelf:
    """The bundles kept in a data directory, and the routing between them."""

    def __init__(self, data_dir: Path) -> None:
        self._bundles = data_dir / "flows" / "bundles"
        self._routing = data_dir / "flows" / "routing.json"

    def routing(self) -> Routing:
        """Return what is to answer; nothing special if nobody said so.

        Raises:
            ConfigurationError: the file is not what :meth:`write_routing` writes.

        """
        try:
            raw = json.loads(self._routing.read_text(encoding="utf-8"))
            return Routing(
                pins={str(number): _digest(bundle) for number, bundle in raw.get("pins", {}).items()},
                rollouts={
                    str(flow): Candidate(_digest(one["bundle"]), int(one["percent"]))
                    for flow, one in raw.get("rollouts", {}).items()
                },
                stable={str(flow): _digest(bundle) for flow, bundle in raw.get("stable", {}).items()},
            )
        except FileNotFoundError:
            return Routing()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{self._routing}: can't be read as routing of flows ({type(error).__name__}); delete it to let the "
                "newest flows answer everywhere"
            ) from error

    def write_routing(self, routing: Routing) -> None:
        """Write what is to answer; a running gateway takes it at its next look."""
        plain: dict[str, Any] = {
            "pins": dict(routing.pins),
            "rollouts": {
                flow: {"bundle": one.bundle, "percent": one.percent} for flow, one in routing.rollouts.items()
            },
            "stable": dict(routing.stable),
        }
        self._routing.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = self._routing.with_suffix(".half")
        half.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
        half.replace(self._routing)

    def keep(self, bundle: Bundle) -> None:
        """Copy a bundle's files here, so that it can answer after the folder has changed."""
        place = self._bundles / bundle.digest
        if place.is_dir():
            return
        half = self._bundles / f".{bundle.digest}.{os.getpid()}"
        shutil.rmtree(half, ignore_errors=True)
        for path in files_of(bundle.root):
            to = half / path.relative_to(bundle.root)
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(path, to)
        half.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            half.rename(place)
        except OSError:
            shutil.rmtree(half, ignore_errors=True)  # another process was quicker

    def load(self, digest: str, options: LintOptions | None = None) -> Bundle:
        """Return a bundle that was kept, checked once more against where it will run.

        Raises:
            NotLive: it is not here, or this version no longer takes it.

        """
        place = self._bundles / digest
        if not place.is_dir():
            raise NotLive(f"bundle {digest[:SHORT]} is not kept here; `gateway flow bundles` lists those that are")
        bundle = load_bundle(place, options)
        return Bundle(digest, place, bundle.flows, bundle.findings)

    def kept(self) -> list[str]:
        """Return the digests of all bundles here, the newest first."""
        if not self._bundles.is_dir():
            return []
        places = [place for place in self._bundles.iterdir() if _DIGEST.fullmatch(place.name)]
        return [place.name for place in sorted(places, key=lambda place: place.stat().st_mtime, reverse=True)]

    def find(self, beginning: str) -> str:
        """Return the digest that begins so.

        Raises:
            ConfigurationError: none does, or several.

        """
        found = [digest for digest in self.kept() if beginning and digest.startswith(beginning.lower())]
        if len(found) != 1:
            what = "no bundle" if not found else f"{len(found)} bundles"
            known = ", ".join(digest[:SHORT] for digest in self.kept()[:5]) or "none is kept yet"
            raise ConfigurationError(f"{beginning!r}: {what} begin so; the latest: {known}")
        return found[0]

    def sweep(self, used: frozenset[str], now_s: float, keep_s: float) -> int:
        """Delete the bundles that were not in use for ``keep_s``; return how many.

        The time of last use is the folder's time of access; that of change is when it was kept, and stays.
        """
        swept = 0
        for digest in self.kept():
            place = self._bundles / digest
            times = place.stat()
            if digest in used:
                os.utime(place, (now_s, times.st_mtime))
            elif now_s - max(times.st_atime, times.st_mtime) > keep_s:
                shutil.rmtree(place, ignore_errors=True)
                swept += 1
        return swept


def _digest(text: object) -> str:
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise ValueError("a bundle's digest is wanted")
    return text
