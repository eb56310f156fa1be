"""Graph objects, and the selection of their fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.simulators.meta import errors
from local.simulators.meta.fields import Field
from local.simulators.meta.paging import DEFAULT_LIMIT, Slice, cut, show_paging
from local.simulators.meta.shapes import Json


@dataclass(frozen=True)
class Node:
    """An object as the Graph API can show it.

    A value is plain JSON, another Node, an Edge, or a function that makes one of these when it is asked for. A
    value of None is a field that the object has and that is empty now: Meta then leaves the key out.
    """

    kind: str
    values: Mapping[str, Any]
    default: tuple[str, ...]

    @property
    def node_id(self) -> str:
        """The object's id."""
        return str(self.values["id"])


@dataclass(frozen=True)
class Edge:
    """Objects that a field leads to, shown as `{"data": […], "paging": {…}}`."""

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
            shown[field.name] = _show(node, value, field)
    return shown | {"id": node.values["id"]}


def select_page(nodes: Sequence[Node], fields: Sequence[Field], path: str, limit: int, after: str | None) -> Json:
    """Show at most `limit` of `nodes`, from behind the cursor `after`; `path` leads to all of them."""
    ids = [node.node_id for node in nodes]
    part: Slice = cut(ids, limit, after)
    shown: Json = {"data": [select(node, fields) for node in nodes[part.start : part.end]]}
    return shown | show_paging(ids, part, path, fields)


def _show(node: Node, value: Any, field: Field) -> Any:
    if isinstance(value, Node):
        return select(value, field.children or [Field("id")])
    if isinstance(value, Edge):
        limit = DEFAULT_LIMIT if field.limit is None else field.limit
        return select_page(value.nodes, field.children, f"{node.node_id}/{field.name}", limit, None)
    return value
