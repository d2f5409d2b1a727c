#!/usr/bin/env bash
# Installs the gateway into a directory of its own: all the steps of the image, for deploy/Dockerfile and for CI.
#
#   deploy/build.sh PREFIX            to talk to models elsewhere
#   deploy/build.sh PREFIX offline    with local speech, too; that brings eSpeak NG (GPL-3.0)
#
# PYTHON names the interpreter (default python3). What is installed, down to its hashes, is in the constraints files
# beside this one; nothing is compiled and nothing but PREFIX is written. PREFIX has no pip.
set -euo pipefail

if (($# < 1 || $# > 2)) || [[ ${2:-} != "" && $2 != offline ]]; then
    echo "usage: $0 PREFIX [offline]" >&2
    exit 2
fi
prefix=$1
python=${PYTHON:-python3}
deploy=$(cd "$(dirname "$0")" && pwd)
constraints=$deploy/constraints${2:+-$2}.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

# Our own wheel. Its tools are pinned, too, and stay out of the image; the source is copied, so that it is not written to.
"$python" -m venv "$work/build"
pip=("$work/build/bin/pip" --quiet)
"${pip[@]}" install --only-binary :all: --require-hashes -r "$deploy/constraints-build.txt"
mkdir "$work/source"
cp -R "$deploy/../pyproject.toml" "$deploy/../README.md" "$deploy/../LICENSE" "$deploy/../gateway" "$deploy/../config" \
    "$work/source/"
"${pip[@]}" wheel --no-deps --no-build-isolation --wheel-dir "$work/dist" "$work/source"

"$python" -m venv --without-pip "$prefix"
into=("${pip[@]}" --python "$prefix/bin/python")
"${into[@]}" install --only-binary :all: --require-hashes -r "$constraints"
"${into[@]}" install --no-deps --no-index "$work"/dist/*.whl
"${into[@]}" check
install -m 755 "$deploy/healthcheck.py" "$prefix/bin/gateway-health"
sed -i "1s|.*|#!$prefix/bin/python|" "$prefix/bin/gateway-health"
install -d -m 700 "$prefix/var"

"$prefix/bin/gateway" --help >/dev/null
echo "installed $("$prefix/bin/python" -c 'import gateway; print(gateway.__version__)') in $prefix, $(du -sm "$prefix" | cut -f1) MB"
