#!/bin/sh
# Make .venv: find Python 3.13, install the pinned packages. Quick when there is nothing to do.
#
# Usage: local/bootstrap.sh        PYTHON=/path/to/python3.13 names one by hand.
set -eu
cd "$(dirname "$0")/.."

pins=requirements-dev.txt
stamp=.venv/.installed

is_3_13() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_3_13 "$PYTHON" && { echo "$PYTHON"; return; }
        echo "PYTHON=$PYTHON is not Python 3.13. Name a Python 3.13, or leave PYTHON out." >&2
        exit 1
    fi
    for candidate in python3.13 python3 python "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.13*/bin/python3.13; do
        is_3_13 "$candidate" && { echo "$candidate"; return; }
    done
    echo "Python 3.13 is needed and was not found. Install it, or name it: make PYTHON=/path/to/python3.13 …" >&2
    exit 1
}

if [ -f "$stamp" ] && [ "$(cat "$pins")" = "$(cat "$stamp")" ] && [ -x .venv/bin/python ]; then
    exit 0
fi
python=$(find_python)
echo "First start: installing into .venv (about a minute, with a fast connection)."
[ -x .venv/bin/python ] && is_3_13 .venv/bin/python || { rm -rf .venv; "$python" -m venv .venv; }
# SAM looks for `python3.13` by name; a venv made by another name of it has no such file.
[ -e .venv/bin/python3.13 ] || ln -s python .venv/bin/python3.13
# uv, itself pinned by hash, fetches and unpacks the others in parallel: seconds instead of minutes.
grep -A 40 '^uv==' "$pins" | sed -n '1,/[^\\]$/p' >.venv/uv.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
.venv/bin/uv pip install --system-certs --python .venv/bin/python --require-hashes -r "$pins" ||
    .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r "$pins" # knows pip.conf
cp "$pins" "$stamp"
