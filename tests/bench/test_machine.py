import subprocess
import sys
from pathlib import Path

import moshi_speaker
from moshi_speaker.bench.machine import prepare, this_machine


def test_the_machine_has_a_name_cores_and_memory() -> None:
    found = this_machine("0.1", "CPU", "2")
    assert found.cpu
    assert found.cores >= found.usable_cores >= 1
    assert found.memory_bytes > 2**28
    assert (found.mlx, found.device, found.threads) == ("0.1", "CPU", "2")


def test_the_user_of_an_environment_variable_decides() -> None:
    environ = {"MOSHI_SPEAKER_THREADS": "1"}
    prepare(environ)
    assert environ["MOSHI_SPEAKER_THREADS"] == "1"
    assert environ["MOSHI_SPEAKER_BLAS"] == "auto"


def test_the_environment_is_prepared_before_mlx_is_there() -> None:
    code = "import sys, moshi_speaker.bench.machine\nassert 'mlx.core' not in sys.modules"
    root = str(Path(moshi_speaker.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root}, check=True)
