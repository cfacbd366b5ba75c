"""Value templates, as Home Assistant evaluates them: Jinja, with ``value`` and ``value_json``."""

import json
import logging
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

Warn = Callable[[str], None]


class _Complaints(logging.Handler):
    """Hands on what Jinja has to say of names that are not there."""

    def __init__(self, warn: Warn) -> None:
        super().__init__()
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        """Take one complaint."""
        self._warn(record.getMessage())


class Templates:
    """Renders templates; what is missing becomes empty, with a warning."""

    def __init__(self, warn: Warn) -> None:
        logger = logging.Logger("templates")  # noqa: LOG001 (one of its own for each entity)
        logger.addHandler(_Complaints(warn))
        self._environment = ImmutableSandboxedEnvironment(undefined=jinja2.make_logging_undefined(logger))

    def render(self, template: str | None, payload: str) -> str:
        """The payload through the template, or as it is without one. Raises jinja2.TemplateError."""
        if template is None:
            return payload
        return self._environment.from_string(template).render(value=payload, **_json(payload)).strip()


def _json(payload: str) -> dict[str, Any]:
    try:
        return {"value_json": json.loads(payload)}
    except ValueError:
        return {}
