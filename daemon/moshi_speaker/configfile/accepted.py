"""What a setting accepts, in words, from its JSON schema."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def choices(schema: Schema) -> list[Schema]:
    """The alternatives of a setting's schema."""
    return list(schema.get("anyOf", [schema]))


def kinds(schema: Schema) -> set[str]:
    """The JSON types that a setting accepts."""
    return {choice["type"] for choice in choices(schema)}


def words(schema: Schema) -> str:
    """For people: "a whole number from 0 to 100"."""
    return " or ".join(_words(choice) for choice in choices(schema))


def _words(schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    match schema["type"]:
        case "boolean":
            return "true or false"
        case "integer":
            return "a whole number" + _range(schema)
        case "number":
            return "a number" + _range(schema)
        case "null":
            return "nothing"
    return _text(schema)


def _range(schema: Schema) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    start = f" above {low:g}" if "exclusiveMinimum" in schema else f" from {low}"
    if "maximum" not in schema:
        return "" if low is None else start if "exclusiveMinimum" in schema else f"{start} on"
    return f"{start} to {schema['maximum']}"


def _text(schema: Schema) -> str:
    if schema.get("format") == "path":
        return "a path"
    if "pattern" in schema:
        return f"text that matches {schema['pattern']}, at most {schema['maxLength']} characters"
    if "maxLength" in schema:
        return f"text of at most {schema['maxLength']} characters"
    return "text"
