#!/usr/bin/env bash
# Builds the gateway as the image does, in a clean directory, starts it as nobody in particular, and asks how it is.
#
#   deploy/check.sh
#
# Run by CI. As root it starts the gateway under another user id, like the image; else under the caller's own.
set -euo pipefail

readonly uid=10001
deploy=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=
finish() {
    local status=$?
    set +e
    [[ -z $server ]] || { kill -KILL "$server"; wait "$server"; } 2>/dev/null
    ((status == 0)) || cat "$work/log" >&2
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
chmod 755 "$work"

# As root: drop it. An interpreter under /root is out of that user's reach, so take one that is not.
as_nobody=()
[[ $(id -u) == 0 ]] && as_nobody=(setpriv "--reuid=$uid" "--regid=$uid" --clear-groups --no-new-privs)
find_python() {
    local candidate
    for candidate in $(type -aP python3.13 python3.12 python3.11 python3); do
        if "${as_nobody[@]}" "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "no python >= 3.11 that user $uid may run; install one outside of /root (apt-get install python3-venv)" >&2
    return 1
}
python=$(find_python)
PYTHON=$python "$deploy/build.sh" "$work/opt"

if "$work/opt/bin/python" -c 'import espeakng_loader' 2>/dev/null; then
    echo "the plain image has eSpeak NG (GPL-3.0) in it; that belongs into the offline one alone" >&2
    exit 1
fi

mkdir "$work/home"
[[ ${#as_nobody[@]} == 0 ]] || chown -R "$uid:$uid" "$work/opt/var" "$work/home"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$work/home"
"${as_nobody[@]}" env -i PATH="$work/opt/bin:/usr/bin:/bin" GATEWAY_PORT="$port" GATEWAY_DATA_DIR="$work/opt/var" \
    OPENAI_API_KEY=never-used gateway serve >"$work/log" 2>&1 &
server=$!

health() { GATEWAY_PORT=$port "$work/opt/bin/gateway-health" "$@"; }
for ((tries = 100; tries > 0; tries--)); do
    health >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 0.1
done
[[ ${#as_nobody[@]} == 0 || $(stat -c %u "/proc/$server") == "$uid" ]]
health
health /readyz
health /metrics | grep gateway_build_info
kill -TERM "$server"
wait "$server"
server=
echo "started as user $([[ ${#as_nobody[@]} == 0 ]] && id -u || echo $uid), healthy, ready, measured, and stopped when told to"
