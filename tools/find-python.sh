#!/bin/sh
# Prints the path of a Python that can build the environments: 3.11 or newer, with venv and ensurepip.
# $PYTHON is tried alone when it is set. Says in one line what is missing where none fits.
set -u

probe='
import os, sys
if sys.version_info < (3, 11):
    print("old %d.%d" % sys.version_info[:2])
else:
    try:
        import ensurepip, venv
        print("good " + os.path.realpath(sys.executable))
    except ImportError:
        print("bare %d.%d" % sys.version_info[:2])
'

if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3 python3.13 python3.12 python3.11 python3.14
fi

seen=""
for candidate; do
    answer=$("$candidate" -I -c "$probe" 2>/dev/null) || continue
    case $answer in
        "good "*) printf '%s\n' "${answer#good }"; exit 0 ;;
        *) seen="$seen $answer;" ;;
    esac
done

case $seen in
    *bare*)
        version=${seen#*bare }; version=${version%%;*}
        echo "error[python]: Python $version has no venv module (apt-get install python$version-venv)" >&2 ;;
    *old*)
        version=${seen#*old }; version=${version%%;*}
        echo "error[python]: Python is $version, and 3.11 or newer is needed (apt-get install python3.11 python3.11-venv, or set PYTHON=/path/to/python)" >&2 ;;
    *)
        echo "error[python]: no Python found (apt-get install python3 python3-venv, or set PYTHON=/path/to/python)" >&2 ;;
esac
exit 2
