"""The direction of imports, and that an import does nothing: a breach fails with file and line.

    events <- projections <- connectors <- streams      the left is imported by the right, never the reverse

The contracts themselves are in pyproject.toml, [tool.importlinter].
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("events", "projections", "connectors", "streams")
PURE: Final = ("events", "projections", "streams/deciders")
WRITERS: Final = ("events/schemas.py",)  # a command that writes docs/: it is run, never imported by the core
CLOCKS: Final = {"now", "utcnow", "today", "getenv", "environ"}

LINT: Final = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

# Runs in an interpreter of its own: what an import must not do fails there, in the line that does it.
GUARD: Final = '''
import importlib, os, sys, threading

root, names = sys.argv[1], sys.argv[2:]
ours = tuple(os.path.join(root, package, "") for package in ("events", "projections", "connectors", "streams"))

def fail(frame, what):
    while frame is not None and not frame.f_code.co_filename.startswith(ours):
        frame = frame.f_back
    line = f"{frame.f_code.co_filename[len(root) + 1:]}:{frame.f_lineno}" if frame else "?"
    sys.stderr.write(f"{line} {what} while it is imported\\n")
    os._exit(1)

def third_party(frame):
    """Whether the innermost line outside the standard library is none of ours: uname, say, is asked by some."""
    while not frame.f_code.co_filename.startswith(ours):
        if "site-packages" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False

class Guarded(type(os.environ)):
    def __getitem__(self, key):
        frame = sys._getframe(1)
        while frame.f_code.co_filename in ("<frozen os>", "<frozen _collections_abc>"):
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(ours):
            fail(frame, f"reads {key} of the environment")
        return super().__getitem__(key)

def hook(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo"):
        fail(sys._getframe(1), event)
    if event in ("subprocess.Popen", "os.system", "os.fork") and not third_party(sys._getframe(1)):
        fail(sys._getframe(1), event)

def refuse(kind):
    kind.__init__ = lambda *_, **__: fail(sys._getframe(1), f"makes a {kind.__name__}")

import aiohttp.web, faust.app.base
refuse(aiohttp.web.Application)
refuse(faust.app.base.App)
sys.path.insert(0, root)
os.environ.__class__ = Guarded
sys.addaudithook(hook)
for name in names:
    threads = threading.active_count()
    importlib.import_module(name)
    if threading.active_count() > threads:
        sys.exit(f"{name} starts a thread while it is imported")
'''


def test_imports_run_one_way_and_the_core_is_pure() -> None:
    """import-linter over the whole tree; its report, with files in place of modules, is the failure."""
    run = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, "\n" + re.sub(r"([a-z_.]+) -> (\S+) \(l\.(\d+)", _as_file, run.stdout + run.stderr)


def test_the_core_asks_no_clock_and_no_environment() -> None:
    breaches = [
        f"{path.relative_to(ROOT)}:{node.lineno} uses .{node.attr}: time and settings are arguments here"
        for path in _files(*PURE)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS
    ]
    assert breaches == []


def test_an_import_opens_nothing_reads_no_environment_and_makes_no_app() -> None:
    names = [_module(path) for path in _files(*PACKAGES)]
    assert "events" in names
    run = subprocess.run(
        [sys.executable, "-c", GUARD, str(ROOT), *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, "\n" + run.stderr


def test_the_guard_sees_what_it_is_there_for(tmp_path: Path) -> None:
    for what, source in {
        "os.environ": "import os\nHOME = os.environ.get('HOME')\n",
        "connects": "import socket\nsocket.create_connection(('127.0.0.1', 1))\n",
        "app": "from aiohttp import web\nAPP = web.Application()\n",
    }.items():
        package = tmp_path / what / "events"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(source, "utf-8")
        run = subprocess.run(
            [sys.executable, "-c", GUARD, str(package.parent), "events"], capture_output=True, text=True, check=False
        )
        assert run.returncode == 1, what
        assert "while it is imported" in run.stderr, what


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name != "__main__.py" and str(path.relative_to(ROOT)) not in WRITERS:
                yield path


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _as_file(found: re.Match[str]) -> str:
    base = ROOT / found[1].replace(".", "/")
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    return f"{path.relative_to(ROOT)}:{found[3]} imports {found[2]} ("
