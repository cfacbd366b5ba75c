"""Whether the files of a model fit together, told from their headers alone."""

from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.hub import ModelFiles
from moshi_speaker.moshi.lm.checkpoint import check_lm
from moshi_speaker.moshi.mimi.checkpoint import check_mimi
from moshi_speaker.moshi.tokenizer import Tokenizer


def verify(files: ModelFiles) -> str:
    """Check every tensor's name, type and shape without reading it; one line on what is there.

    Raises CheckpointError or UnsupportedModelError.
    """
    check_fit(files, Tokenizer(files.tokenizer))
    layout = check_lm(files.lm, files.config.lm)
    codec_tensors = check_mimi(files.mimi, files.mimi_config)
    return f"{files.name}: {layout.tensors} + {codec_tensors} tensors, {layout.precision}, fits"


def check_fit(files: ModelFiles, tokenizer: Tokenizer) -> None:
    """Hold language model, codec and tokenizer against each other. Raises CheckpointError."""
    lm, codec = files.config.lm, files.mimi_config
    if not lm.generated:
        raise CheckpointError("this model only listens; the speaker needs one that speaks", where=files.name)
    if lm.codebooks > codec.quantizer.n_q or lm.card != codec.quantizer.bins:
        raise CheckpointError(
            f"the language model needs {lm.codebooks} codebooks of {lm.card} codes, "
            f"the codec has {codec.quantizer.n_q} of {codec.quantizer.bins}",
            where=files.name,
        )
    if tokenizer.size > lm.text_card:
        raise CheckpointError(
            f"the tokenizer has {tokenizer.size} pieces, the language model {lm.text_card}",
            where=str(files.tokenizer),
        )
