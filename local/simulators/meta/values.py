"""Parameters that Meta takes in several forms."""

import json

from local.simulators.meta import errors


def names_in(value: object, parameter: str) -> list[str]:
    """Read names: a list, the JSON of one, or a text with commas between."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise errors.invalid_parameter(f"Param {parameter} must be an array.") from error
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [str(item).strip() for item in items if str(item).strip()]
