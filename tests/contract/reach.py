"""Which settings a handler can come to read: a walk over the source, from the handler along every name it mentions.

A node is a function, a class with all of its methods, or what a module does when it is imported. Whoever mentions a
name may use it, so the walk finds at least what can be read: callables handed over as values, and imports inside
functions, are followed too. It stops at what is not ours.
"""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.contract.deployment import ROOT

LAYER = ROOT / "layers" / "connector"
SETTINGS = "connector.settings"
_BODY = "<module>"

type Node = tuple[str, str]
_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def settings_of(handler: Path) -> set[str]:
    """Return the names of the functions of `connector.settings` that a handler can come to call."""
    app = _Module.read(handler, "app")
    seen: set[Node] = set()
    waiting = [target for part in app.tree.body for target in app.mentioned(part)]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        module, name = node
        if module != SETTINGS:
            waiting += (app if module == app.name else _module(module)).targets(name)
    return {name for module, name in seen if module == SETTINGS and name != _BODY}


@functools.cache
def _module(name: str) -> "_Module":
    return _Module.read(_file(name), name)


def _file(name: str) -> Path:
    path = LAYER.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == "connector" and _file(name).exists()


@dataclass(frozen=True)
class _Module:
    name: str
    tree: ast.Module
    definitions: dict[str, ast.stmt]
    imports: dict[str, Node]
    """What each imported name stands for."""

    @classmethod
    def read(cls, path: Path, name: str) -> "_Module":
        tree = ast.parse(path.read_text(), str(path))
        definitions = {one.name: one for one in tree.body if isinstance(one, _DEFINITION)}
        imports: dict[str, Node] = {}
        for one in ast.walk(tree):
            if isinstance(one, ast.Import):
                ours = [alias.name for alias in one.names if _is_ours(alias.name)]
                assert not ours, f"{path}: `import {ours}` is a form this walk does not follow; write `from … import …`"
            elif isinstance(one, ast.ImportFrom) and one.module and _is_ours(one.module):
                for alias in one.names:
                    submodule = f"{one.module}.{alias.name}"
                    node = (submodule, _BODY) if _is_ours(submodule) else (one.module, alias.name)
                    imports[alias.asname or alias.name] = node
        return cls(name, tree, definitions, imports)

    def targets(self, name: str) -> list[Node]:
        """Return what a node of this module leads to: what it mentions, and what importing the module does."""
        body = (self.name, _BODY)
        if name in self.definitions:
            return [body, *self.mentioned(self.definitions[name])]
        if name != _BODY:
            return [body, self.imports[name]] if name in self.imports else [body]
        imported = [(module, _BODY) for module, _ in self.imports.values()]
        statements = [part for part in self.tree.body if not isinstance(part, _DEFINITION)]
        return imported + [target for part in statements for target in self.mentioned(part)]

    def mentioned(self, part: ast.AST) -> Iterator[Node]:
        """Yield what the names in a piece of source stand for."""
        for one in ast.walk(part):
            if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in self.imports:
                module, name = self.imports[one.value.id]
                yield (module, one.attr) if name == _BODY else (module, name)
            elif isinstance(one, ast.Name) and one.id in self.imports:
                yield self.imports[one.id]
            elif isinstance(one, ast.Name) and one.id in self.definitions:
                yield (self.name, one.id)
