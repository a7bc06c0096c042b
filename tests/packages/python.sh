#!/usr/bin/env bash
# The Python package: by CMake; and by pip in a clean virtual environment, from the sources, and from the sdist by way of
# a wheel. Its version is the library's, and it needs no package index.
source "$(dirname "$0")/common.sh"
python=/usr/bin/python3
[ -x "$python" ] || python=python3
cp -r bindings/python "$work/source"
rm -rf "$work/source/build" "$work"/source/*.egg-info
export PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1
unset PYTHONPATH
version=$(pkg-config --modversion libdialogs)

# check_package PYTHON PLACE: it sends and lists, from this place and with this library.
check_package() {
    cp examples/hello.py "$work"
    (cd "$work" && [ "$("$1" hello.py "embedded:$work/data" | grep -c '^Hello, Boris$')" -ge 1 ])
    (cd "$work" && "$1" - <<END
import dialogs, dialogs._native, importlib.metadata, pathlib
assert dialogs.__version__ == importlib.metadata.version("dialogs") == "$version", dialogs.__version__
assert pathlib.Path(dialogs.__file__).is_relative_to("$2")
assert pathlib.Path(dialogs.__file__).with_name("py.typed").exists()
assert any(line.split()[-1].startswith("$libdir/libdialogs.so") for line in open("/proc/self/maps"))
END
    )
}

installed=$prefix/lib/python3/dist-packages
PYTHONPATH=$installed check_package "$python" "$installed"

# setuptools is Debian's, which the environment sees only to build.
"$python" -m venv --system-site-packages "$work/build"
"$work/build/bin/pip" install --no-build-isolation "$work/source"
check_package "$work/build/bin/python" "$work/build"
cp -r tests/python "$work/tests"
for suite in dialogs asyncio bad_input examples; do
    DIALOGS_EXAMPLES=$PWD/examples "$work/build/bin/python" -m pytest -q -p no:cacheprovider "$work/tests/test_$suite.py"
done
(cd "$work/source" && "$python" setup.py --quiet sdist --dist-dir "$work/dist")
"$work/build/bin/pip" wheel --no-build-isolation --no-deps --wheel-dir "$work/dist" "$work/dist/dialogs-$version.tar.gz"

"$python" -m venv "$work/clean"
"$work/clean/bin/pip" install "$work/dist/dialogs-$version"-*.whl
check_package "$work/clean/bin/python" "$work/clean"
