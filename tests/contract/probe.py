"""Run in a process of its own: import `app`, and tell what that took. The arguments are the folders to watch."""

import importlib.machinery
import json
import sys
from pathlib import Path

loader = importlib.machinery.SourceFileLoader
compile_source = loader.source_to_code
watched = tuple(sys.argv[1:])
compiled = []


def recorded(self, data, path, **options):
    if str(path).startswith(watched):
        compiled.append(str(path))
    return compile_source(self, data, path, **options)


loader.source_to_code = recorded

import app  # noqa: E402

import connector  # noqa: E402

seen = {
    "handler": callable(app.handler),
    "app": app.__file__,
    "connector": connector.__file__,
    "compiled": compiled,
    "modules": sorted(sys.modules),
    "files": sorted(
        {str(Path(file)) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    ),
}
sys.stdout.write(json.dumps(seen))
