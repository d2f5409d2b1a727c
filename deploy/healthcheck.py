#!/usr/bin/env python3
"""Exit with 0 if the gateway on this machine answers: what HEALTHCHECK and CI run.

``gateway-health [path]`` asks ``/healthz``, or another path such as ``/readyz``, on ``GATEWAY_PORT``.
"""

import http.client
import os
import sys


def main() -> int:
    """Ask once, for three seconds at most, and tell what came when it was not 200."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/healthz"
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("GATEWAY_PORT") or 8000), timeout=3)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 1
    finally:
        connection.close()
    if response.status != 200:
        sys.stderr.write(f"{path}: {response.status} {body}\n")
        return 1
    sys.stdout.write(f"{body}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
