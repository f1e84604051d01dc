#!/bin/sh
# Installs the servers and clients that tests drive, by apt, where that is possible; each missing one skips its
# tests with the reason printed (ONEMAP_NO_SKIP=1 makes a missing one a failure).
#   sh tests/system_packages.sh                 everything for the tests
#   sh tests/system_packages.sh venv PY DIR     only what `PY -m venv DIR` lacks, then make it
set -eu

as_root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

install() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if [ "${1:-}" = venv ]; then
  if as_root_with_apt; then install python3-venv; else
    echo "python's venv module is missing: install python3-venv" >&2
    exit 1
  fi
  "$2" -m venv "$3"
  exit 0
fi

have() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

wanted=""
for package in postgresql postgresql-15-postgis-3 gdal-bin qgis python3-qgis chromium fonts-noto-cjk mosquitto; do
  have "$package" 2>/dev/null || wanted="$wanted $package"
done
# Node and npm may have come from elsewhere; their Debian packages are many.
command -v npm >/dev/null 2>&1 || wanted="$wanted nodejs npm"
[ -z "$wanted" ] && exit 0
if as_root_with_apt; then
  echo "installing for the tests:$wanted"
  # A package that this release names differently only skips its tests.
  install $wanted || for package in $wanted; do install "$package" || echo "not installed: $package" >&2; done
else
  echo "not installed, their tests are skipped:$wanted" >&2
fi
