"""Builds fim and its extension fim._core for the stable ABI of Python 3.6."""

import glob
import hashlib
import os
import re

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

WARNINGS = ["-Wall", "-Wextra"] + (["-Werror"] if os.environ.get("CI") else [])


def version():
    """What fim/version.py says; importing it needs the extension that is to be built."""
    with open("fim/version.py", encoding="ascii") as text:
        return re.search(r'VERSION = "(.*)"', text.read()).group(1)


class BuildPy(build_py):
    """Ships bpf_c/ inside the package, where an installed fim looks for it, with the digests
    that it checks (fim/sources.py)."""

    def run(self):
        super().run()
        place = os.path.join(self.build_lib, "fim", "bpf_c")
        self.copy_tree("bpf_c", place)
        with open(os.path.join(place, "SHA256SUMS"), "w", encoding="ascii") as sums:
            for name in sorted(os.listdir("bpf_c")):
                with open(os.path.join("bpf_c", name), "rb") as file:
                    sums.write("%s  %s\n" % (hashlib.sha256(file.read()).hexdigest(), name))


setup(
    name="fim",
    version=version(),
    description="File integrity monitor: real time, with who did it, from kernel 3.10 on",
    license="GPL-2.0-only",
    python_requires=">=3.6",
    packages=find_packages(include=["fim", "fim.*"]),
    package_data={"fim": ["_core.pyi", "dist/*", "dist/policies/*", "dist/collect/*"]},
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
