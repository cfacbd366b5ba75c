"""A small working SentencePiece tokenizer for synthetic checkpoints."""

import io
import itertools
from pathlib import Path

import sentencepiece

from moshi_speaker.moshi.config import END_PAD, PAD

MAX_PIECES = 440
"""Byte pieces, control pieces and as many words as this leaves room for."""

_WORDS = """
    about again all and answer are as ask at bath be blue bread bright but call can clear cloud
    coffee cold come could cup day do door down early ear eat every evening far find fire five for
    four friend from garden give go good green hand happy have hear hello help here home hour house
    how if in is it just keep kind kitchen know lamp late laugh light like little long look make
    many maybe milk minute moon more morning music name new nice night no not now of often old on
    one open or other our out people place play please quiet rain read really red right river room
    run salt say sea see seven she sing sky sleep slow small snow so some song soon sound spoon star
    stay still story street summer sun table take talk tea tell ten thank that the then there they
    think this three time to today tomorrow tree true two under up very voice wait walk want warm
    was water way we week well what when where white who why will wind window winter with word work
    would year yes you young
"""


def train_tokenizer(path: Path, text_card: int) -> None:
    """Train a tokenizer of at most ``text_card`` pieces on everyday words and write it.

    As in the published ones, id 0 is the unknown piece, 1 and 2 begin and end a sentence, 3 is padding,
    and a character that has no piece falls back to its bytes.
    """
    words = _WORDS.split()
    pairs = itertools.product(words, words[::7])
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(" ".join(pair) for pair in pairs),
        model_writer=model,
        vocab_size=min(text_card, MAX_PIECES),
        hard_vocab_limit=False,
        model_type="unigram",
        byte_fallback=True,
        unk_id=END_PAD,
        bos_id=1,
        eos_id=2,
        pad_id=PAD,
        num_threads=1,  # more would be a team of OpenMP, beside which that of the BLAS would fall asleep
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())


def whole_words(path: Path) -> list[int]:
    """Ids of the pieces of a tokenizer that are words of the list above."""
    model = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
    words = {f"\u2581{word}" for word in _WORDS.split()}
    return [token for token in range(model.get_piece_size()) if model.id_to_piece(token) in words]
