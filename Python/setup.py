"""Builds the extension module with Swift. What is declarative stands in pyproject.toml."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
# A source distribution has its own copy of the Swift package; in the repository it is the folder above.
SWIFT_PACKAGE = HERE / "swift" if (HERE / "swift").exists() else HERE.parent

# What the copy is made of: the targets that Package.swift builds with MACTCP_PYTHON set.
SWIFT_TARGETS = [
    "CMacTCPSystem", "CPythonShims", "MacDNR", "MacTCP", "MacTCPCore", "MacTCPHost", "MacTCPPython", "MacTCPWire",
]


class SwiftBuild(build_ext):
    """Compiles the one extension, a Swift library that has the Swift runtime in it."""

    def build_extension(self, extension):
        scratch = Path(os.environ.get("MACTCP_PYTHON_SCRATCH") or Path(self.build_temp).resolve() / "swift")
        command = [
            "swift", "build", "--configuration", "release", "--product", "MacTCPPython",
            "--package-path", str(SWIFT_PACKAGE), "--scratch-path", str(scratch),
            "-Xcc", f"-I{sysconfig.get_path('include')}",
            # SwiftPM's own option does not reach dynamic libraries.
            "-Xswiftc", "-static-stdlib",
            "-Xswiftc", "-use-ld=lld",
            # Only the function that Python calls is to be seen; the rest is stripped.
            "-Xlinker", f"--version-script={HERE / 'exports.map'}",
            "-Xlinker", "-s",
        ]
        environment = dict(os.environ, MACTCP_PYTHON="1")
        try:
            subprocess.run(command, env=environment, check=True)
            products = subprocess.run(
                [*command, "--show-bin-path"], env=environment, check=True, capture_output=True, text=True,
            ).stdout.strip()
        except FileNotFoundError:
            raise SystemExit("mactcp is built with Swift 6.3 or later, which is not in PATH: https://www.swift.org/install")
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"swift build failed with exit status {error.returncode}")
        target = Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(products) / "libMacTCPPython.so", target)


class SelfContainedSource(sdist):
    """Puts the Swift package into the source distribution."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        swift = Path(base_dir) / "swift"
        if SWIFT_PACKAGE == HERE / "swift":
            shutil.copytree(SWIFT_PACKAGE, swift, dirs_exist_ok=True)
            return
        (swift / "Sources").mkdir(parents=True)
        shutil.copy2(SWIFT_PACKAGE / "Package.swift", swift)
        shutil.copy2(SWIFT_PACKAGE / "LICENSE", base_dir)
        for target in SWIFT_TARGETS:
            shutil.copytree(
                SWIFT_PACKAGE / "Sources" / target, swift / "Sources" / target,
                ignore=shutil.ignore_patterns("*.docc"),
            )


class StableWheel(bdist_wheel):
    """The wheel is for Python 3.11 and every later version."""

    def finalize_options(self):
        self.py_limited_api = "cp311"
        super().finalize_options()


setup(
    packages=["mactcp", "macdnr", "mactcpsocket", "MACTCPconst", "MACTCP"],
    # The folder has another name, because some file systems do not tell MACTCP from mactcp.
    package_dir={"MACTCP": "old_names"},
    package_data={"": ["*.pyi", "py.typed"]},
    ext_modules=[Extension("mactcp._mactcp", sources=[], py_limited_api=True)],
    cmdclass={"build_ext": SwiftBuild, "sdist": SelfContainedSource, "bdist_wheel": StableWheel},
)
