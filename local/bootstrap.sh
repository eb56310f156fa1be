#!/bin/sh
# Make .venv: find Python 3.13 or fetch it, install the pinned packages. Quick when there is nothing to do.
#
# Usage: local/bootstrap.sh        PYTHON=/path/to/python3.13 names one by hand.
set -eu
cd "$(dirname "$0")/.."

pins=requirements-dev.txt
stamp=.venv/.installed
fetched=.python
export UV_PYTHON_INSTALL_DIR="$PWD/$fetched"

fail() {
    echo "$1" >&2
    exit 1
}

# Print the version of an interpreter, such as 3.11; without one, or with one that does not run, nothing.
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null || true; }

# Say in a few words what an interpreter is that is not Python 3.13.
describe() {
    found=$(version "$1")
    if [ -n "$found" ]; then
        echo "$1 is Python $found"
    elif command -v "$1" >/dev/null 2>&1; then
        words=$("$1" -c '' 2>&1 </dev/null | head -n 1) || true
        echo "$1 does not run (${words:-it says nothing})"
    fi
}

# Set `python` to a Python 3.13; return 1 where there is none.
find_python() {
    for candidate in "${PYTHON:-python3.13}" python3 python "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.13*/bin/python3.13 \
        "$fetched"/cpython-3.13*/bin/python3.13; do
        [ "$(version "$candidate")" = 3.13 ] && { python=$candidate; return 0; }
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not Python 3.13: $(
            words=$(describe "$PYTHON"); echo "${words:-there is no such program}"). Name a Python 3.13, or leave PYTHON out."
    done
    return 1
}

# Say that a step begins, print a dot for each second of it, and keep what it writes in `log`.
step() {
    printf '  %s ' "$1"
    shift
    "$@" >"$log" 2>&1 </dev/null &
    running=$!
    while kill -0 "$running" 2>/dev/null; do
        printf .
        sleep 1
    done
    running_status=0
    wait "$running" || running_status=$?
    [ "$running_status" != 0 ] || printf ' done\n'
    [ "$running_status" = 0 ] || printf ' failed\n'
    return "$running_status"
}

# The last line that a failed step has written, which is its reason.
reason() { grep -v '^[[:space:]]*$' "$log" | tail -n 1 | sed 's/^[[:space:]]*//; s/[[:space:].]*$//'; }

pinned_uv() { grep -A 40 '^uv==' "$pins" | sed -n '1,/[^\\]$/p'; }

# Fetch Python 3.13 by uv, which any Python 3 with pip can install, into a folder of this project.
fetch_python() {
    other=
    seen=
    for candidate in python3.13 python3 python; do
        words=$(describe "$candidate")
        seen="$seen${words:+${seen:+, }$words}"
        case $(version "$candidate") in
        3.*) [ -n "$other" ] || ! "$candidate" -m pip --version >/dev/null 2>&1 </dev/null || other=$candidate ;;
        esac
    done
    help="Install Python 3.13, or name it: make PYTHON=/path/to/python3.13 …"
    [ -n "$other" ] || fail "Python 3.13 is needed and was not found (${seen:-there is no python3}), and no Python 3 with pip is there to fetch it. $help"
    echo "Python 3.13 was not found: $seen. uv fetches it into $fetched/ (about 35 MB):"
    mkdir -p "$fetched"
    pinned_uv >"$fetched/uv.txt"
    step "uv" "$other" -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade \
        --target "$fetched/uv" -r "$fetched/uv.txt" || fail "uv could not be installed by $other: $(reason). Check the network and try again. $help"
    step "Python 3.13" "$fetched/uv/bin/uv" python install --system-certs --no-bin 3.13 ||
        fail "uv could not fetch Python 3.13: $(reason). Check the network and try again. $help"
    find_python || fail "uv fetched Python 3.13, but it does not run here. $help"
}

install_packages() {
    # uv, itself pinned by hash, fetches and unpacks the others in parallel: seconds instead of minutes.
    pinned_uv >.venv/uv.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt || return
    .venv/bin/uv pip install --system-certs --python .venv/bin/python --require-hashes -r "$pins" ||
        .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r "$pins" # knows pip.conf
}

make_venv() {
    rm -rf .venv
    "$python" -m venv .venv
}

if [ -f "$stamp" ] && [ "$(cat "$pins")" = "$(cat "$stamp")" ] && [ -x .venv/bin/python ]; then
    exit 0
fi
log=$(mktemp)
running=
trap 'rm -f "$log"' EXIT
trap 'kill "$running" 2>/dev/null; exit 130' INT TERM
find_python || fetch_python
echo "Installing into .venv with $python (about a minute, with a fast connection):"
[ -x .venv/bin/python ] && [ "$(version .venv/bin/python)" = 3.13 ] || step ".venv" make_venv ||
    fail "$python cannot make a venv: $(reason). On Debian and Ubuntu, install the package python3.13-venv."
# SAM looks for `python3.13` by name; a venv made by another name of it has no such file.
[ -e .venv/bin/python3.13 ] || ln -s python .venv/bin/python3.13
step "$(grep -c '^[A-Za-z0-9]' "$pins") packages" install_packages ||
    fail "The packages could not be installed: $(reason). Check the network (HTTPS_PROXY, pip.conf) and try again."
cp "$pins" "$stamp"
