#!/bin/sh
# The reference libraries of Standard Webhooks, for tests/it/webhooks.rs: from PyPI and npm, at fixed
# versions, into ${LAB_DIR:-.lab}/webhooks. Does nothing where they already are.
set -eu

VERSION_PY=1.1.0
VERSION_JS=1.1.1
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=${LAB_DIR:-$HERE/../../.lab}/webhooks
DONE=$DIR/installed-py$VERSION_PY-js$VERSION_JS

# What this needs of the host is installed where that is allowed, else named.
need_host_programs() {
    missing=
    command -v flock >/dev/null || missing="$missing util-linux"
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
    command -v npm >/dev/null || missing="$missing npm"
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        echo "webhooks: please install first, as root: apt-get install$missing" >&2
        exit 1
    fi
    echo "webhooks: installing$missing" >&2
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of words on purpose
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

mkdir -p "$DIR"
[ -e "$DONE" ] && exit 0
command -v flock >/dev/null || need_host_programs
# Tests run side by side: one installs, the others wait.
exec 9>"$DIR/lock"
flock 9
[ -e "$DONE" ] && exit 0
need_host_programs

python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install --quiet --disable-pip-version-check "standardwebhooks==$VERSION_PY"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$DIR/npm" "standardwebhooks@$VERSION_JS"
touch "$DONE"
