#!/bin/bash
# Usage: tools/install.sh SECTION...
# Installs what is missing of the named sections of tools/packages.txt. Silent and fast (one dpkg-query) when nothing is.
set -euo pipefail
list="$(dirname "$(readlink -f "$0")")/packages.txt"

wanted=()
for section in "$@"; do
  mapfile -t -O "${#wanted[@]}" wanted < <(
    awk -v want="[$section]" '/^#|^$/ {next} /^\[/ {on = ($0 == want); next} on {print $1}' "$list")
done

missing() {
  dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
    awk '$1 == "installed" {print $2}' | sort -u |
    comm -13 - <(printf '%s\n' "${wanted[@]}" | sort -u) || true
}

if ! command -v dpkg-query >/dev/null; then
  echo "gapless: not a Debian system; install these by hand: ${wanted[*]}" >&2
  exit 0
fi
mapfile -t todo < <(missing)
[ "${#todo[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "gapless: needs root or sudo to run: apt-get install ${todo[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "gapless: installing ${todo[*]}" >&2
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
run() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1; }
if ! { run apt-get update -q && run apt-get install -y -q --no-install-recommends "${todo[@]}"; }; then
  cat "$log" >&2
  echo "gapless: could not install the packages above" >&2
  exit 1
fi
