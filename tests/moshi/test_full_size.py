"""A model as large as the published ones: minutes of work and 6 GB of disk, hence not in the normal run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from moshi_speaker.moshi.checkpoint import verify
from moshi_speaker.moshi.hub import files_in
from moshi_speaker.moshi.synthetic import FULL_7B_Q4, write_checkpoint

DAEMON = Path(__file__).parents[2] / "daemon"
STEPS = 3

# In a process of its own, because the peak of memory is that of a process.
LOAD_AND_STEP = f"""
import json, resource, sys, time
from pathlib import Path
import moshi_speaker.moshi
import numpy as np
from moshi_speaker.moshi.dialogue import Dialogue, activation_dtype
from moshi_speaker.moshi.hub import files_in
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.sampling import Sampling
from moshi_speaker.moshi.mimi.checkpoint import load_mimi
from moshi_speaker.moshi.tokenizer import Tokenizer

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

files = files_in(Path(sys.argv[1]), "full")
before, start = peak(), time.perf_counter()
mimi = load_mimi(files.mimi, files.mimi_config, files.config.lm.codebooks)
lm = load_lm(files.lm, files.config.lm, activation_dtype())
loaded, load_s = peak(), time.perf_counter() - start
dialogue = Dialogue("full", lm, mimi, Tokenizer(files.tokenizer), Sampling(seed=0), activation_dtype())
start = time.perf_counter()
frames = [dialogue.step(np.zeros(1920, np.float32)) for _ in range({STEPS})]
step_s = (time.perf_counter() - start) / {STEPS}
voiced = [frame.audio is not None and bool(np.isfinite(frame.audio).all()) for frame in frames]
figures = dict(before=before, loaded=loaded, load_s=load_s, peak=peak(), step_s=step_s, voiced=voiced)
print(json.dumps(figures))
"""


@pytest.mark.slow
def test_a_full_7b_model_loads_in_little_more_memory_than_its_size_and_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(tmp_path, FULL_7B_Q4)
    files = files_in(tmp_path, "full")
    assert verify(files) == "full: 1247 + 318 tensors, q4, fits"
    size = files.lm.stat().st_size + files.mimi.stat().st_size
    try:
        done = subprocess.run(
            [sys.executable, "-c", LOAD_AND_STEP, str(tmp_path)],
            env={"PYTHONPATH": str(DAEMON)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        files.lm.unlink()
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    with capsys.disabled():
        sys.stdout.write(f"\nfull 7B q4, {size} bytes: {figures}\n")
    assert figures["loaded"] < 1.2 * size
    assert figures["voiced"] == [True] * STEPS
