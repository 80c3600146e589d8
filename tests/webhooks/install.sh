#!/bin/sh
# The reference libraries of Standard Webhooks, for tests/it/webhooks.rs: from PyPI and npm, at fixed
# versions, into ${LAB_DIR:-.lab}/webhooks. Does nothing where they already are.
set -eu

VERSION_PY=1.1.0
VERSION_JS=1.1.1
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=${LAB_DIR:-$HERE/../../.lab}/webhooks
DONE=$DIR/installed-py$VERSION_PY-js$VERSION_JS

mkdir -p "$DIR"
# Tests run side by side: one installs, the others wait.
exec 9>"$DIR/lock"
flock 9
[ -e "$DONE" ] && exit 0

python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install --quiet --disable-pip-version-check "standardwebhooks==$VERSION_PY"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$DIR/npm" "standardwebhooks@$VERSION_JS"
touch "$DONE"
