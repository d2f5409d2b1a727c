"""``python -m gateway`` and the ``gateway`` command."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line.

    pydantic would look through every installed distribution for plug-ins of its own; this program has none.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from gateway.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
