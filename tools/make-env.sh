#!/bin/sh
# make-env.sh FOLDER LOCK: a virtual environment in FOLDER with exactly what LOCK pins, hashes checked.
set -eu
folder=$1
lock=$2

python=$(sh tools/find-python.sh)
UV_PYTHON=$python
UV_PYTHON_DOWNLOADS=never
export UV_PYTHON UV_PYTHON_DOWNLOADS

# An environment whose interpreter went away, or is another, is made anew.
if ! "$folder/bin/python" -c '' 2>/dev/null; then
    rm -rf "$folder"
fi

# uv comes first, by its own hash, into the main environment; it then fills all of them.
uv=.venv/bin/uv
if ! "$uv" --version >/dev/null 2>&1; then
    echo "setup: .venv with $python"
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
fi
if [ ! -x "$folder/bin/python" ]; then
    echo "setup: $folder with $python"
    "$uv" venv --quiet --python "$python" "$folder"
fi

echo "setup: $folder from $lock"
"$uv" pip sync --quiet --require-hashes --python "$folder/bin/python" "$lock"
