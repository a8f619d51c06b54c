# Sourced by the other scripts: makes .venv with the project and its tools, once per change of pyproject.toml.
set -euo pipefail
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin="$root/.venv/bin"

find_python() {
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: Python 3.11 or newer is needed; set PYTHON to its path" >&2
    exit 2
}

# make_venv WHAT: installs the project into .venv; WHAT is "" (to run it), or "dev" (tests and tools too).
make_venv() {
    local what="${1:-}" stamp="$root/.venv/.installed-${1:-run}"
    if [ -f "$stamp" ] && [ "$stamp" -nt "$root/pyproject.toml" ]; then return; fi
    [ -x "$bin/python" ] || "$(find_python)" -m venv "$root/.venv"
    echo "Installing into .venv (once) ..." >&2
    "$bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
    "$bin/python" -m pip install --quiet --disable-pip-version-check -e "$root"
    if [ "$what" = dev ]; then
        "$bin/python" -m pip install --quiet --disable-pip-version-check --group "$root/pyproject.toml:dev" -e "$root[interop,distributed]"
        touch "$root/.venv/.installed-run"
    fi
    touch "$stamp"
}

# install_programs NAME...: Debian packages whose command is missing, when this machine lets us install them.
install_programs() {
    local missing=() pair command package
    for pair in "$@"; do
        command="${pair%%:*}" package="${pair##*:}"
        command -v "$command" >/dev/null 2>&1 || [ -x "/usr/sbin/$command" ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing ${missing[*]} (once) ..." >&2
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "note: not installed, tests that need them are skipped: ${missing[*]}" >&2
    fi
}
