"""Builds fim and its extension fim._core for the stable ABI of Python 3.6."""

import glob
import os
import re

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

WARNINGS = ["-Wall", "-Wextra"] + (["-Werror"] if os.environ.get("CI") else [])


def version():
    """What fim/version.py says; importing it needs the extension that is to be built."""
    with open("fim/version.py", encoding="ascii") as text:
        return re.search(r'VERSION = "(.*)"', text.read()).group(1)


class BuildPy(build_py):
    """Ships bpf_c/ inside the package, which is where an installed fim looks for it."""

    def run(self):
        super().run()
        self.copy_tree("bpf_c", os.path.join(self.build_lib, "fim", "bpf_c"))


setup(
    name="fim",
    version=version(),
    description="File integrity monitor: real time, with who did it, from kernel 3.10 on",
    license="GPL-2.0-only",
    python_requires=">=3.6",
    packages=["fim", "fim.sinks"],
    package_data={"fim": ["_core.pyi", "dist/*"]},
    entry_points={"console_scripts": ["fim = fim.cli:main"]},
    cmdclass={"build_py": BuildPy},
    ext_modules=[Extension(
        "fim._core",
        sources=sorted(glob.glob("ext/*.c")),
        depends=sorted(glob.glob("ext/*.h")) + ["bpf_c/event.h"],
        include_dirs=["ext", "bpf_c"],
        define_macros=[("Py_LIMITED_API", "0x03060000"), ("_GNU_SOURCE", "1")],
        libraries=["dl", "pthread"],
        extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden"] + WARNINGS,
        py_limited_api=True,
    )],
)
