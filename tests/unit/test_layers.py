"""Imports go one way, names say what they are, and the sources fit the floor."""

import ast
import glob
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = sorted(glob.glob(os.path.join(ROOT, "fim", "*.py"))
                 + glob.glob(os.path.join(ROOT, "fim", "presets", "*.py"))
                 + glob.glob(os.path.join(ROOT, "fim", "sinks", "*.py")))
FLOOR = (3, 6)

# module: what it may import of ours. The loader runs under another interpreter.
LAYERS = {
    "errors": set(),
    "kernel": set(),
    "kernel_facts": {"hooks", "kernel"},
    "hooks": set(),
    "host": set(),
    "records": {"segments"},
    "loader": set(),
    "needs": set(),
    "diagnosis": set(),
    "rights": {"switches"},
    "conditions": {"diagnosis", "hooks", "needs", "rights", "switches"},
    "sources": {"errors"},
    "bpf": {"hooks", "errors", "needs", "program_cache", "rights", "sources", "switches"},
    "compiled": set(),
    "program_cache": {"kernel", "sources"},
    "coverage": {"hooks"},
    "attempts": {"_core", "hooks"},
    "places": set(),
    "acts": set(),
    "song": {"acts"},
    "canary": {"acts", "places", "song"},
    "ways": set(),
    "trial": {"acts", "canary", "places", "song", "ways"},
    "switches": set(),
    "vigil": {"facts", "switches"},
    "keys": {"vigil"},
    "growth": set(),
    "own": set(),
    "cost": set(),
    "roots": {"errors"},
    "spots": {"_core", "change", "facts", "places"},
    "sight": {"attempts", "canary", "coverage", "hooks", "keys", "places", "vigil"},
    "monitor": {"_core", "attempts", "bpf", "growth", "facts", "hooks", "host", "errors", "kernel",
                "own", "records", "roots", "sight", "spots", "version", "vigil"},
    "doctor": {"conditions", "coverage", "diagnosis", "hooks", "errors", "kernel", "monitor",
               "places", "trial"},
    "bundle": set(),
    "cli_doctor": {"bundle", "coverage", "diagnosis", "doctor", "errors", "kernel", "kernel_facts",
                   "monitor", "needs", "output"},
    "version": set(),
    "sinks": {"errors", "private", "sinks", "version"},  # each of its modules
    "output": {"errors", "sinks"},
    "facts": {"_core"},
    "database": {"_core", "errors", "private"},
    "findings": {"facts"},
    "stream": {"facts", "host"},
    "reach": set(),
    "baseline": {"_core", "errors", "facts", "findings", "host", "reach", "texts"},
    "texts": {"facts"},
    "approval": {"baseline", "errors", "findings", "texts"},
    "portable": {"baseline", "errors", "facts", "stream"},
    "packages": {"errors"},
    "kept": set(),
    "progress": set(),
    "chain": {"facts"},
    "seal": {"errors"},
    "private": set(),
    "segments": {"errors", "private"},
    "journal": {"chain", "errors", "facts"},
    "verify": {"chain", "errors", "seal"},
    "moments": {"errors"},
    "search": {"verify"},
    "record_text": {"records", "report"},
    "ready": {"errors", "output"},
    "stop": set(),
    "service": set(),
    "comparison": set(),
    "spool": {"errors", "journal"},
    "status": {"cost", "errors"},
    "observed": {"host", "told"},
    "told": {"chain", "facts", "verify"},
    "content": {"_core", "facts", "stream"},
    "ending": set(),
    "pulse": set(),
    "due": set(),
    "troubles": {"facts", "output"},
    "daemon": {"coverage", "due", "ending", "errors", "facts", "host", "judged", "monitor", "output",
               "pulse", "stream", "troubles"},
    "cli_run": {"cli_policy", "cli_sinks", "comparison", "content", "cost", "daemon", "database", "errors",
                "host", "journal", "monitor", "observed", "output", "ready", "seal", "segments",
                "service", "spool", "spots", "status", "stop"},
    "cli_journal": {"errors", "facts", "moments", "output", "record_text", "search", "segments",
                    "verify"},
    "report": {"facts", "output", "stream"},
    "spans": set(),
    "presence": {"facts", "spans"},
    "period": {"presence", "spans"},
    "period_text": {"facts", "presence", "report"},
    "period_page": {"period_text", "presence", "report"},
    "cli_report": {"cli_journal", "database", "errors", "facts", "moments", "output", "period",
                   "period_page", "period_text", "verify"},
    "cli_baseline": {"approval", "baseline", "cli_policy", "database", "errors", "guard", "output",
                     "packages", "portable", "progress", "report", "sinks", "stream"},
    "selection": set(),
    "change": {"records"},
    "rule": {"change"},
    "composer": {"change", "unclosed"},
    "unclosed": {"change"},
    "evidence": set(),
    "judge": {"composer", "evidence"},
    "policy": {"change", "judge", "records", "rule", "selection"},
    "presets/__init__": set(),
    "presets/catalogue": {"policy"},
    "presets/pci_dss": {"policy", "presets"},
    "presets/cis_rhel": {"policy", "presets"},
    "presets/minimal": {"policy", "presets"},
    "policy_file": {"errors", "kept"},
    "sandbox": {"judge", "policy", "presets", "records"},
    "child": {"errors"},
    "batches": set(),
    "worker": {"batches", "child", "errors"},
    "transaction": {"errors", "kept", "packages"},
    "maintenance": {"errors", "facts", "kept"},
    "actions": {"errors", "policy_file", "records", "report"},
    "once": {"rule"},
    "guard": {"actions", "errors", "maintenance", "once", "policy_file", "transaction", "worker"},
    "judged": {"errors", "report"},
    "plan_text": {"selection", "spots"},
    "cli_policy": {"errors", "guard", "output", "policy_file"},
    "cli_explain": {"child", "cli_policy", "errors", "plan_text", "policy_file", "report"},
    "cli_replay": {"cli_policy", "errors", "judged", "once", "output", "policy_file", "records",
                   "report", "stream", "verify", "worker"},
    "cli_maintenance": {"errors", "maintenance", "report", "rule"},
    "cli_sinks": {"errors", "output", "sinks"},
    "cli": {"cli_baseline", "cli_doctor", "cli_explain", "cli_journal", "cli_maintenance",
            "cli_policy", "cli_replay", "cli_report", "cli_run", "cli_sinks", "coverage", "errors", "guard", "judged", "monitor", "output", "ready",
            "sinks", "spots", "stop", "version"},
    "walk": {"_core", "facts", "records", "stream"},
    "__init__": {"errors", "monitor", "records", "version", "walk"},
    "__main__": {"cli"},
}


def name(path):
    inside = os.path.splitext(os.path.relpath(path, os.path.join(ROOT, "fim")))[0]
    return "sinks" if inside.startswith("sinks/") else inside


def tree(path):
    with open(path, encoding="utf-8") as text:
        return ast.parse(text.read(), path)


def imports(path):
    """Modules of ours that a file imports."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "fim":
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fim."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("fim."):
                    yield alias.name.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_go_one_way(path):
    assert set(imports(path)) <= LAYERS[name(path)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_things_have_docstrings(path):
    module = tree(path)
    assert ast.get_docstring(module)
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            assert ast.get_docstring(node), "%s:%d %s" % (path, node.lineno, node.name)


def test_no_module_is_a_bin():
    files = glob.glob(os.path.join(ROOT, "*", "**", "*.[pch]*"), recursive=True)
    assert not [path for path in files if re.search(r"/(utils?|helpers?|common)\.", path)]


@pytest.mark.skipif(sys.version_info < (3, 8), reason="ast.parse has feature_version from 3.8")
@pytest.mark.parametrize("path", MODULES, ids=name)
def test_syntax_is_of_the_floor(path):
    with open(path, encoding="utf-8") as text:
        ast.parse(text.read(), path, feature_version=FLOOR)


def interpreters():
    """Every other Python this machine has, by version; none is needed."""
    found = {}
    for path in glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3")):
        found[path.split("/")[-3]] = path
    return sorted(found.items())


@pytest.mark.parametrize("version,python", interpreters())
def test_other_interpreters_import_the_package(version, python):
    code = ("import fim, fim.cli, fim._core as c; assert c.OPERATIONS['rename'] == 8; "
            "s = c.Session('s', 'b', '{}', '{}', b'0' * 16); s.counts(); print('well')")
    done = subprocess.run([python, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"well\n", version


@pytest.mark.parametrize("name", ["loader.py", "compiled.py"])
def test_loader_is_python_2_7_too(name):
    python = next(iter(glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7"))
                       + [path for path in ("/usr/bin/python2.7",) if os.path.exists(path)]), None)
    path = os.path.join(ROOT, "fim", name)
    if python:
        subprocess.check_call([python, "-c", "import sys; compile(open(sys.argv[1]).read(), "
                               "sys.argv[1], 'exec')", path])
    with open(path, encoding="utf-8") as text:
        source = text.read()
    # What 2.7 has not, by its syntax.
    assert not re.search(r'\bf"|\bnonlocal\b|\byield from\b|print [^(]| -> ', source)


def test_extension_uses_the_stable_abi():
    path = os.path.join(ROOT, "fim", "_core.abi3.so")
    symbols = subprocess.check_output(["nm", "-D", "--undefined-only", path]).decode()
    used = set(re.findall(r"U (_?Py\w+)", symbols))
    later = {"PyType_FromModuleAndSpec", "PyModule_AddObjectRef", "PyObject_CallNoArgs",
             "PyModule_AddType", "PyUnicode_AsUTF8AndSize", "PyObject_GetBuffer",
             "PyStructSequence_NewType"}
    assert used and not used & later
    private = {symbol for symbol in used if symbol.startswith("_Py")}
    assert {symbol for symbol in private if not symbol.endswith("_SizeT")} <= {
        "_Py_Dealloc", "_Py_NoneStruct", "_Py_TrueStruct", "_Py_FalseStruct"}


def test_extension_is_documented():
    from fim import _core
    with open(os.path.join(ROOT, "fim", "_core.pyi"), encoding="utf-8") as text:
        stub = ast.parse(text.read())
    documented = {node.name: node for node in ast.walk(stub)
                  if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    named = {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
    public = [name for name in dir(_core) if not name.startswith("_")]
    methods = [name for kind in (_core.Session, _core.Survey) for name in dir(kind)
               if not name.startswith("_")]
    assert set(public) <= set(documented) | named
    assert set(methods) <= set(documented)
    assert all(ast.get_docstring(documented[name]) for name in methods)


def test_an_installed_package_is_whole(tmp_path):
    subprocess.check_call([sys.executable, "setup.py", "-q", "build_py", "-d", str(tmp_path)],
                          cwd=ROOT, stderr=subprocess.DEVNULL)
    for part in ("bpf_c", "dist"):
        source = os.path.join(ROOT, part if part == "bpf_c" else "fim/dist")
        made = {"SHA256SUMS"} if part == "bpf_c" else set()
        assert set(os.listdir(source)) - {"__pycache__"} | made == set(os.listdir(str(tmp_path / "fim" / part)))
