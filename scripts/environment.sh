# The virtual environment that demo and test share. Sourced, in the repository's root.

find_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "locum needs Python 3.11 or later, and none was found: install one" >&2
  return 1
}

# prepare_environment [EXTRA]: make .venv, install locum with an extra, set $python. Constraints keep
# torch at a version that has a CPU build of its own.
prepare_environment() {
  local base_python
  base_python=$(find_python)
  [ -x .venv/bin/python ] || "$base_python" -m venv .venv
  python=$PWD/.venv/bin/python
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  "$python" -m pip install --quiet --constraint scripts/constraints.txt --editable ".${1:+[$1]}"
}
