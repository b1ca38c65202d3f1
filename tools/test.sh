#!/usr/bin/env bash
# Every test, in two lanes side by side, for half of them wait more than they compute. The services are started once and
# stopped at the end; the second lane has a broker of its own, as a test empties the broker that it is given.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -d .runtime/tessdata ] && export TESSDATA_PREFIX="$PWD/.runtime/tessdata"

"$python" tools/services.py up
told=$(mktemp)
trap 'kill %1 2>/dev/null || true; "$python" tools/services.py down; rm -f "$told"' EXIT
set -a
# shellcheck disable=SC1091 # written by the line above
. .runtime/services/services.env
OCR_TEST_REQUIRE_SERVICES=1
set +a

# A test that hangs ends the run: an interrupted property test would be tried again and again.
second="tests/unit tests/properties tests/e2e tests/faults"
# shellcheck disable=SC2086 # a list of folders
env -u OCR_TEST_AMQP_URL "$python" -m pytest -q -o timeout_method=thread $second "$@" >"$told" 2>&1 &

failed=0
# shellcheck disable=SC2046 # the same
"$python" -m pytest -q tests $(printf -- '--ignore=%s ' $second tests/vllm) "$@" || failed=$?
wait %1 || failed=$?
cat "$told"
exit "$failed"
