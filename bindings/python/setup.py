"""Builds the extension with SWIG, from the header of the installed libdialogs, which pkg-config finds."""

import pathlib
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import header  # noqa: E402

WRAPPER = pathlib.Path("build", "swig", "dialogs_wrap.c")


def pkg_config(*arguments):
    try:
        done = subprocess.run(["pkg-config", *arguments, "libdialogs"], check=True, stdout=subprocess.PIPE, text=True)
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit("libdialogs is not found: install it, or set PKG_CONFIG_PATH to where libdialogs.pc is") from None
    return done.stdout.split()


INCLUDE = pkg_config("--variable=includedir")[0]
LIBRARY = pkg_config("--variable=libdir")[0]
HEADER = header.read(pathlib.Path(INCLUDE, "dialogs.h"))

# The linker's own directories need no mention in the extension.
KNOWN = subprocess.run(["ldconfig", "-v", "-N", "-X"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                       check=False, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}).stdout
ELSEWHERE = [] if f"{LIBRARY}:" in KNOWN else [LIBRARY]


class BuildWithSwig(build_py):
    """Before the modules are copied and the extension is compiled, SWIG makes a part of both."""

    def run(self):
        super().run()
        package = pathlib.Path(self.build_lib, "dialogs")
        WRAPPER.parent.mkdir(parents=True, exist_ok=True)
        package.mkdir(parents=True, exist_ok=True)
        WRAPPER.with_name("docs.i").write_text(header.docs(HEADER), encoding="utf-8")
        subprocess.run(["swig", "-python", "-fastproxy", f"-I{INCLUDE}", f"-I{WRAPPER.parent}", "-outdir", str(package),
                        "-o", str(WRAPPER), "src/dialogs.i"], check=True, cwd=HERE)


setup(
    version=header.version(HEADER),
    cmdclass={"build_py": BuildWithSwig},
    ext_modules=[Extension("dialogs._native", [str(WRAPPER), "src/calls.c", "src/log_lines.c", "src/values.c"],
                           depends=["src/binding.h"], include_dirs=["src", INCLUDE],
                           libraries=["dialogs"], library_dirs=[LIBRARY], runtime_library_dirs=ELSEWHERE,
                           extra_compile_args=["-fvisibility=hidden"], extra_link_args=["-Wl,-z,nodelete"])],
)
