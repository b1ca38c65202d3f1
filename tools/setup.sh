#!/bin/sh
# Brings a Debian machine what no Python package holds: Tesseract's Korean and English data and, when called as
# `tools/setup.sh services`, the programs of RabbitMQ, HAProxy and Chromium for the tests on real services. Does
# nothing, at once, where they are there. Root (or sudo) installs with apt; anyone else gets the data unpacked under
# .runtime/tessdata and is told what to have installed.
set -eu

case "${1:-}" in
    "") with_services=false ;;
    services) with_services=true ;;
    *) echo "usage: $0 [services]" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
runtime=$PWD/.runtime
own_tessdata=$runtime/tessdata
tessdata_packages="tesseract-ocr-script-hang tesseract-ocr-eng"
rabbitmq_bin=/usr/lib/rabbitmq/bin

has_rabbitmq() { ! $with_services || { [ -x "$rabbitmq_bin/rabbitmq-server" ] && command -v epmd >/dev/null; }; }

has_haproxy() { ! $with_services || command -v haproxy >/dev/null || [ -x "$runtime/haproxy/usr/sbin/haproxy" ]; }

has_chromium() { ! $with_services || command -v chromium >/dev/null; }

has_language() {
    for data in "$own_tessdata/$1.traineddata" /usr/share/tesseract-ocr/*/tessdata/"$1.traineddata"; do
        [ -s "$data" ] && return 0
    done
    return 1
}

has_tessdata() { has_language Hangul && has_language eng; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }

# A package's service must not start by itself: tests run their own private instances.
install_packages() {
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$guard" >/dev/null
        as_root chmod 755 "$guard"
        trap 'as_root rm -f "$guard"' EXIT
        trap 'exit 129' HUP
        trap 'exit 130' INT
        trap 'exit 143' TERM
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq -o DPkg::Lock::Timeout=300
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

unpack_tessdata() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    (cd "$scratch" && apt-get download -qq $tessdata_packages)
    for package in "$scratch"/*.deb; do
        dpkg -x "$package" "$scratch/tree"
    done
    mkdir -p "$own_tessdata"
    cp "$scratch"/tree/usr/share/tesseract-ocr/*/tessdata/*.traineddata "$own_tessdata/"
    echo "Tesseract's data unpacked: export TESSDATA_PREFIX=$own_tessdata"
}

if has_rabbitmq && has_haproxy && has_chromium && has_tessdata; then
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    has_tessdata || echo "Install Tesseract's Hangul.traineddata and eng.traineddata (and set TESSDATA_PREFIX to its folder)." >&2
    has_haproxy || echo "Install HAProxy." >&2
    has_chromium || echo "Install Chromium." >&2
    has_rabbitmq || echo "Install RabbitMQ and epmd, with RabbitMQ's programs in $rabbitmq_bin." >&2
    exit 1
fi

wanted=""
has_rabbitmq || wanted="$wanted rabbitmq-server"
has_haproxy || wanted="$wanted haproxy"
has_chromium || wanted="$wanted chromium"
has_tessdata || wanted="$wanted $tessdata_packages"

if can_be_root; then
    # shellcheck disable=SC2086  # a list of package names
    install_packages $wanted
    exit 0
fi

has_tessdata || unpack_tessdata
has_haproxy || echo "HAProxy is missing: the tests that need it are skipped." >&2
has_chromium || echo "Chromium is missing: the tests that need it are skipped." >&2
if ! has_rabbitmq; then
    echo "RabbitMQ is missing: have root run 'apt-get install rabbitmq-server'. Tests that need it are skipped." >&2
fi
