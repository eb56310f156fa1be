"""JSON as Python holds it."""

from typing import Any

type Json = dict[str, Any]
