#!/bin/sh
# Runs docker-compose, wherever it comes from: `tools/docker_compose.sh config -q`. What is installed is taken; else the
# program out of Debian's package, unpacked under .runtime/docker-compose and installed nowhere. It needs no engine for
# what is asked of it here. Leaves with 77 where it cannot be had.
set -eu

cd "$(dirname "$0")/.."
room=$PWD/.runtime/docker-compose

if command -v docker-compose >/dev/null; then exec docker-compose "$@"; fi
if docker compose version >/dev/null 2>&1; then exec docker compose "$@"; fi
if [ -x "$room/docker-compose" ]; then exec "$room/docker-compose" "$@"; fi
command -v apt-get >/dev/null || { echo "there is no docker-compose, and no apt-get to fetch it with" >&2; exit 77; }

# The mirror this machine installs from, of whichever kind its sources are written. Debian 12 has no Compose 2.
mirror=$({
    sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources
    sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
} 2>/dev/null | grep -m 1 '/debian/\?$') || { echo "no Debian mirror is known here to fetch docker-compose from" >&2; exit 77; }

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$room"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt";
END
(
    cd "$apt/archives"
    APT_CONFIG=$apt/apt.conf apt-get update -qq && APT_CONFIG=$apt/apt.conf apt-get download -qq docker-compose
) >&2 2>/dev/null || { echo "Debian's docker-compose cannot be fetched" >&2; exit 77; }
dpkg -x "$apt"/archives/docker-compose_*.deb "$apt/tree"
mv "$apt/tree/usr/libexec/docker/cli-plugins/docker-compose" "$room/"
rm -rf "$apt"
trap - EXIT
exec "$room/docker-compose" "$@"
