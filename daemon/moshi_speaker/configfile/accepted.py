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
    if "const" in schema:
        return str(schema["const"])
    match schema["type"]:
        case "boolean":
            return "true or false"
        case "integer":
            return "a whole number" + _range(schema)
        case "number":
            return "a number" + _range(schema)
        case "null":
            return "nothing"
        case "array":
            return f"a list of {schema['minItems']} to {schema['maxItems']} such as {schema['examples'][0]}"
    return _text(schema)


def _range(schema: Schema) -> str:
    highest = schema.get("maximum")
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']:g}" + (
            f", up to {highest}" if highest is not None else ""
        )
    if "minimum" not in schema:
        return ""
    return f" from {schema['minimum']} " + (f"to {highest}" if highest is not None else "on")


def _text(schema: Schema) -> str:
    if schema.get("format") == "path":
        return "a path"
    if schema.get("format") == "identifier":
        return f"text of letters from A to Z, digits, _ and -, at most {schema['maxLength']} characters,"
    if "pattern" in schema:
        return f"text that matches {schema['pattern']}, at most {schema['maxLength']} characters"
    if "maxLength" in schema:
        return f"text of {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    return "text"
