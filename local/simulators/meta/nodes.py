"""Graph objects, and the selection of their fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.simulators.meta import errors
from local.simulators.meta.fields import Field
from local.simulators.meta.world import Json

DEFAULT_LIMIT = 25


@dataclass(frozen=True)
class Node:
    """An object as the Graph API can show it.

    A value is plain JSON, another Node, an Edge, or a function that makes one of these when it is asked for. A
    value of None is a field that the object has and that is empty now: Meta then leaves the key out.
    """

    kind: str
    values: Mapping[str, Any]
    default: tuple[str, ...]


@dataclass(frozen=True)
class Edge:
    """Objects that a field leads to, shown as `{"data": […]}`."""

    nodes: Sequence[Node]


def select(node: Node, fields: Sequence[Field]) -> Json:
    """Show the wanted fields of `node`, in the order asked; `id` always comes along."""
    wanted = fields or [Field(name) for name in node.default]
    shown: Json = {}
    for field in wanted:
        if field.name not in node.values:
            raise errors.unknown_field(field.name, node.kind)
        value = node.values[field.name]
        value = value() if callable(value) else value
        if value is not None:
            shown[field.name] = _show(value, field)
    return shown | {"id": node.values["id"]}


def _show(value: Any, field: Field) -> Any:
    if isinstance(value, Node):
        return select(value, field.children or [Field("id")])
    if isinstance(value, Edge):
        limit = DEFAULT_LIMIT if field.limit is None else field.limit
        return {"data": [select(node, field.children) for node in value.nodes[:limit]]}
    return value
