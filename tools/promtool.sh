#!/bin/sh
# Runs promtool on what stands after it: `tools/promtool.sh check rules deploy/prometheus/alerts.yml`. Without one on this
# machine, Debian's package is fetched and unpacked under .runtime, and nothing is installed. Leaves with 3, and says so,
# where there is none and none can be had.
set -eu

cd "$(dirname "$0")/.."
own=$PWD/.runtime/promtool/usr/bin/promtool

if command -v promtool >/dev/null; then
    exec promtool "$@"
fi
if [ ! -x "$own" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "promtool is missing: install Prometheus" >&2
        exit 3
    fi
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    if ! (cd "$scratch" && apt-get download -qq prometheus >/dev/null 2>&1); then
        echo "promtool is missing, and Debian's package prometheus cannot be fetched: run apt-get update" >&2
        exit 3
    fi
    mkdir -p .runtime/promtool
    dpkg-deb --fsys-tarfile "$scratch"/prometheus_*.deb | tar -x -C .runtime/promtool ./usr/bin/promtool
fi
exec "$own" "$@"
