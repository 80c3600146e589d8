#!/bin/sh
# Tries a running daemon against its own OpenAPI description with schemathesis (PyPI, at a fixed version, in a venv
# of its own): no answer may be a server's error, or of a status, type or form that the description does not name.
# It edits the directory that it finds: let it run on a world of its own.
# usage: tests/api/fuzz.sh [URL [TOKEN [EXAMPLES FOR EACH OPERATION]]]
set -eu

VERSION=4.32.5
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=${LAB_DIR:-$HERE/../../.lab}/schemathesis-$VERSION
URL=${1:-http://127.0.0.1:8080}
TOKEN=${2:-demo-admin}
EXAMPLES=${3:-20}

if [ ! -e "$DIR/installed" ]; then
    python3 -m venv "$DIR"
    "$DIR/bin/pip" --quiet --disable-pip-version-check install "schemathesis==$VERSION"
    touch "$DIR/installed"
fi

# An event stream does not end, and a token that was revoked can try nothing more.
exec "$DIR/bin/schemathesis" run "$URL/v1/openapi.json" --header "Authorization: Bearer $TOKEN" \
    --exclude-operation-id followEvents --exclude-operation-id revokeToken --phases fuzzing \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --max-examples "$EXAMPLES" --request-timeout 20
