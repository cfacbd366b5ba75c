"""Settings that change while the speaker runs: checked like those of the file, in effect at once, never kept.

Each part says here which settings it takes in mid-life, and how; a restart returns to the file, and so does
reading the file again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, reduce
from typing import Any

from pydantic import BaseModel, ValidationError

from moshi_speaker.configfile.accepted import kinds, words
from moshi_speaker.errors import BadCommand
from moshi_speaker.events import Value
from moshi_speaker.settings import Section, Settings

Apply = Callable[[Settings], None]
"""Takes all settings, one of which has another value now."""

SHOWN_CHARACTERS = 40
"""How much of a name or value from outside a message repeats."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of a file that was read again; dotted names, in alphabetical order."""

    changed: tuple[str, ...]
    """Settings that have another value now."""
    restart_required: tuple[str, ...]
    """Settings that the file has otherwise than the speaker runs with, until it is started again."""


class LiveSettings:
    """The settings as they are now, and who takes which."""

    def __init__(self, settings: Settings) -> None:
        """Begins with those of the file."""
        self._settings = settings
        self._configured = settings
        self._known = frozenset(_names(Settings))
        self._appliers: dict[str, list[Apply]] = {}

    @property
    def settings(self) -> Settings:
        """All settings, with the values that hold now."""
        return self._settings

    @property
    def configured(self) -> Settings:
        """All settings as the file had them when it was read last."""
        return self._configured

    @property
    def names(self) -> tuple[str, ...]:
        """Every setting that may change, dotted, in alphabetical order."""
        return tuple(sorted(self._appliers))

    def on_change(self, apply: Apply, *names: str) -> None:
        """Call ``apply`` after each change of one of these settings. Raises ValueError for an unknown one."""
        if strangers := set(names) - self._known:
            raise ValueError(f"no such settings: {', '.join(sorted(strangers))}")
        for name in names:
            self._appliers.setdefault(name, []).append(apply)

    def change(self, name: str, value: Value) -> Value:
        """Let another value take effect, and give it as it is now.

        Raises BadCommand for a setting that is unknown or cannot change now, and for a value that it does not
        accept; then nothing has changed.
        """
        if name not in self._appliers:
            raise self._refused(name)
        section_name, _, field = name.partition(".")
        section: Section = getattr(self._settings, section_name)
        changed = _validated(section, field, name, value)
        self._settings = self._settings.model_copy(update={section_name: changed})
        for apply in self._appliers[name]:
            apply(self._settings)
        present = changed.model_dump(mode="json", include={field})[field]
        return present  # type: ignore[no-any-return]  # JSON, as Value is

    def adopt(self, configured: Settings) -> Adopted:
        """Let the file's values hold, as far as they may change now; also where another one was asked for."""
        self._configured = configured
        different = [
            name for name in sorted(self._known) if _value(configured, name) != _value(self._settings, name)
        ]
        changed = tuple(name for name in different if name in self._appliers)
        for name in changed:
            section_name, _, field = name.partition(".")
            section: Section = getattr(self._settings, section_name)
            section = section.model_copy(update={field: _value(configured, name)})
            self._settings = self._settings.model_copy(update={section_name: section})
        # Each once: one that takes several settings takes them together.
        for apply in dict.fromkeys(apply for name in changed for apply in self._appliers[name]):
            apply(self._settings)
        return Adopted(changed, tuple(name for name in different if name not in self._appliers))

    def _refused(self, name: str) -> BadCommand:
        shown = name[:SHOWN_CHARACTERS]
        if name in self._known:
            return BadCommand(
                f"{name} cannot change while the speaker runs",
                remedy="change it in the configuration file, and start again",
            )
        near = get_close_matches(name, self.names, n=1) or get_close_matches(name, self._known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"such as {', '.join(self.names[:3])}"
        return BadCommand(f"there is no setting {shown!r}", remedy=hint)


def _validated(section: Section, field: str, name: str, value: Value) -> Section:
    kind = type(section)
    values = {other: getattr(section, other) for other in kind.model_fields}
    schema = _schema(kind)["properties"][field]
    if isinstance(value, float) and value.is_integer() and "integer" in kinds(schema):
        value = int(value)  # JSON knows no difference, and many clients write 70.0
    try:
        return kind.model_validate(values | {field: value})
    except ValidationError as error:
        detail = error.errors()[0]
        accepted = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else words(schema)
        shown = repr(value)[:SHOWN_CHARACTERS]
        raise BadCommand(f"{name} cannot be {shown}", remedy=f"give {accepted}") from error


@cache
def _schema(kind: type[Section]) -> dict[str, Any]:
    """Takes longer than everything else that a change takes."""
    return kind.model_json_schema()


def _value(settings: Settings, name: str) -> object:
    return reduce(getattr, name.split("."), settings)


def _names(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _names(kind, f"{above}{name}.")
        else:
            yield above + name
