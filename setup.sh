#!/usr/bin/env bash
# Sets Pingpad up and does what is asked. Can be run again: what is there already is kept.
#
#   ./setup.sh run  [ARGUMENTS OF main.py]   set up, then open the instrument
#   ./setup.sh test [ARGUMENTS OF pytest]    set up with the tools for development, then run all checks
#   ./setup.sh install                       set up only
#
# PINGPAD_PYTHON names the Python to use (3.11 or newer), PINGPAD_VENV the folder of the
# environment (.venv beside this file).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${PINGPAD_VENV:-$root/.venv}
torch_cpu_index=https://download.pytorch.org/whl/cpu

# "a|b": the name differs between releases.
window_libraries=(
    libportaudio2 'libasound2|libasound2t64' 'libglib2.0-0|libglib2.0-0t64'
    libegl1 libgl1 libdbus-1-3 libfontconfig1 fonts-dejavu-core libx11-xcb1 libwayland-cursor0
    libwayland-egl1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
    libxcb-render-util0 libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 libxkbcommon-x11-0
)
test_tools=(xvfb xauth xdotool openbox jackd2)

say() { printf 'pingpad: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# The packages among "$@" that are not there yet, one a line; of alternatives the first one known.
missing_packages() {
    local package name known alternatives
    for package in "$@"; do
        known=''
        IFS='|' read -ra alternatives <<<"$package"
        for name in "${alternatives[@]}"; do
            is_installed "$name" && continue 2
            [ -z "$known" ] && [ -n "$(apt-cache madison "$name" 2>/dev/null)" ] && known=$name
        done
        echo "${known:-${alternatives[0]}}"
    done | sort -u
}

install_packages() {
    local missing as_root=()
    if ! command -v apt-get >/dev/null; then
        [ "$(uname)" = Linux ] && say "no apt-get here: install PortAudio, Qt's X11 libraries and Python's venv with your package manager if something is missing below"
        return 0
    fi
    [ -n "$(missing_packages "$@")" ] || return 0
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    if [ ${#as_root[@]} -gt 0 ] && ! command -v sudo >/dev/null; then
        fail "system libraries are missing and there is no sudo. As root: apt-get install --no-install-recommends" $(missing_packages "$@")
    fi
    "${as_root[@]}" apt-get update -q >&2 || say "the package lists could not be updated; going on with the old ones"
    mapfile -t missing < <(missing_packages "$@") # again: fresh lists know more names
    say "installing ${missing[*]}"
    # JACK asks about real-time priority; noninteractive takes its default answer, no.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in ${PINGPAD_PYTHON:+"$PINGPAD_PYTHON"} python3.11 python3 python3.12 python3.13; do
        if is_new_enough "$name"; then echo "$name"; return; fi
    done
    fail "Python 3.11 or newer is needed: install python3.11, or set PINGPAD_PYTHON"
}

# Makes the environment, or completes the one there is: nothing in it is ever removed.
make_venv() {
    local python=$venv/bin/python version
    [ -x "$python" ] || python=$(find_python)
    is_new_enough "$python" || fail "$venv is broken or older than Python 3.11: remove it and try again"
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return 0
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        install_packages "python$version-venv|python3-venv"
    fi
    say "preparing $venv with $("$python" --version)"
    [ -x "$venv/bin/python" ] || "$python" -m venv --without-pip "$venv"
    "$venv/bin/python" -m ensurepip >/dev/null
}

# What pyproject.toml asks for, one requirement a line; "$1" is an extra or nothing.
requirements() {
    "$venv/bin/python" - "$root/pyproject.toml" "$1" <<'PYTHON'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extra = project["optional-dependencies"][sys.argv[2]] if sys.argv[2] else []
print(*project["dependencies"], *extra, sep="\n")
PYTHON
}

pip() { "$venv/bin/python" -m pip "$@" >&2; }

has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }

# PyPI's torch for Linux brings several GB of CUDA. Without a GPU the CPU build is asked for, from
# wherever pip is set up to look, then from PyTorch's own index.
install_torch() {
    local torch=$1
    "$venv/bin/python" -c "import sys, importlib.metadata as m; sys.exit(m.version('torch').split('+')[0] != '${torch#torch==}')" 2>/dev/null && return 0
    if [ "$(uname)" = Linux ] && ! has_gpu; then
        pip install -q "$torch+cpu" 2>/dev/null && return 0
        pip install -q --extra-index-url "$torch_cpu_index" "$torch+cpu" 2>/dev/null && return 0
        say "no CPU build of $torch was found; installing the larger one"
    fi
    pip install -q "$torch"
}

install_python_packages() {
    local extra=$1 stamp=$venv/.pingpad${1:+-$1} wanted list
    wanted=$(cat "$root/pyproject.toml" "$root/setup.sh" | cksum)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return 0
    list=$(requirements "$extra")
    say "installing Python packages (a few minutes the first time)"
    install_torch "$(grep '^torch==' <<<"$list")"
    pip install -q -r <(echo "$list")
    echo "$wanted" | tee "$stamp" >"$venv/.pingpad"
}

main() {
    local command=${1:-}
    [ $# -gt 0 ] && shift
    case $command in
    run | install)
        install_packages "${window_libraries[@]}"
        make_venv
        install_python_packages ''
        [ "$command" = install ] || exec "$venv/bin/python" "$root/main.py" "$@"
        ;;
    test)
        install_packages "${window_libraries[@]}" "${test_tools[@]}"
        make_venv
        install_python_packages dev
        cd "$root"
        exec "$venv/bin/python" -m pytest "$@"
        ;;
    *)
        sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    esac
}

main "$@"
