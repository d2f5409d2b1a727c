"""Versions of a flows folder out of git."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.flows.load import Folder


def load_version(what: str, folder: Path) -> Folder:
    """Return flows as they are in another folder, or as ``folder`` was at a git revision.

    Raises:
        ConfigurationError: it is neither a folder nor a revision.
    """
    from gateway.flows.load import load_folder, load_texts

    if Path(what).is_dir():
        return load_folder(Path(what))
    listed = _git(folder, "ls-tree", "-r", "--name-only", "-z", what, "--", ".", wanted=what)
    names = [name for name in listed.split("\0") if name.endswith((".yaml", ".yml", ".md", ".txt"))]
    return load_texts({name: _git(folder, "show", f"{what}:./{name}", wanted=what) for name in names}, folder)


def _git(folder: Path, *arguments: str, wanted: str) -> str:
    if wanted.startswith("-"):
        raise ConfigurationError(f"'{wanted}' is no revision")
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and a revision never begins with "-"
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the operator's own git
            capture_output=True, check=True, text=True, encoding="utf-8", errors="replace", timeout=30,
        )  # fmt: skip
    except FileNotFoundError:
        raise ConfigurationError("git is needed to compare with a revision; give a folder instead") from None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        why = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise ConfigurationError(
            f"'{wanted}' is neither a folder nor a git revision of {folder}: {why[0] if why else ''}"
        ) from None
    return done.stdout
