"""``moshi-speaker config``: check, show, schema."""

import json

import typer

from moshi_speaker.cli.console import say
from moshi_speaker.cli.options import ConfigOption, settings_of

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(config: ConfigOption = None) -> None:
    """Say whether the configuration file is in order, or what is wrong in which line."""
    from moshi_speaker import configfile

    settings_of(config)
    path = config or configfile.default_path()
    say(f"ok: {path}" if path.exists() else f"ok: there is no {path}, every setting has its default")


@app.command()
def show(config: ConfigOption = None) -> None:
    """Print the settings in effect as YAML; passwords are masked."""
    import yaml

    values = settings_of(config).model_dump(mode="json")
    say(yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip())


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors that complete and check YAML."""
    from moshi_speaker.settings import Settings

    say(json.dumps(Settings.model_json_schema(), indent=2, ensure_ascii=False))
