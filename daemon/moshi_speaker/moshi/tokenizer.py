"""Text tokens to text, piece by piece as they are generated."""

from pathlib import Path

import sentencepiece

from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.config import END_PAD, PAD


class Tokenizer:
    """A SentencePiece model and what each of its pieces reads as."""

    def __init__(self, path: Path) -> None:
        """Raises CheckpointError when the file is no SentencePiece model."""
        self._model = sentencepiece.SentencePieceProcessor()
        try:
            self._model.load_from_serialized_proto(path.read_bytes())
        except OSError as error:
            raise CheckpointError(f"cannot be read: {error.strerror}", where=str(path)) from error
        except RuntimeError as error:
            raise CheckpointError("this is no SentencePiece model", where=str(path)) from error
        self.size: int = self._model.get_piece_size()
        """Number of pieces."""

    def stream(self) -> "TextStream":
        """A decoder for one stream of tokens."""
        return TextStream(self)

    def byte(self, token: int) -> int | None:
        """The byte that a byte-fallback piece such as ``<0xE2>`` stands for, or None."""
        if not self._known(token) or not self._model.is_byte(token):
            return None
        return int(self._model.id_to_piece(token)[1:-1], 16)

    def piece(self, token: int) -> str:
        """What an ordinary piece reads as; padding, control pieces and unknown ids read as nothing."""
        if token in (PAD, END_PAD) or not self._known(token) or self._model.is_control(token):
            return ""
        text: str = self._model.id_to_piece(token)
        return text.replace("\u2581", " ")

    def _known(self, token: int) -> bool:
        return 0 <= token < self.size


class TextStream:
    """Turns tokens into text at once, holding back only the bytes of an unfinished character."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Begins with nothing pending."""
        self._tokenizer = tokenizer
        self._bytes = b""

    def push(self, token: int) -> str:
        """The text that this token completes, often empty; padding leaves an unfinished character pending."""
        byte = self._tokenizer.byte(token)
        if byte is not None:
            return self._push_byte(byte)
        piece = self._tokenizer.piece(token)
        return self.flush() + piece if piece else ""

    def flush(self) -> str:
        """What is pending, with U+FFFD for a character that was never finished."""
        text = self._bytes.decode("utf-8", errors="replace")
        self._bytes = b""
        return text

    def _push_byte(self, byte: int) -> str:
        self._bytes += bytes([byte])
        try:
            text = self._bytes.decode("utf-8")
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                return ""
            # The newest byte does not continue what was pending, but may begin a character itself.
            started, self._bytes = self._bytes[:-1], self._bytes[-1:]
            if not started:
                return self.flush()
            return started.decode("utf-8", errors="replace") + self._restart()
        self._bytes = b""
        return text

    def _restart(self) -> str:
        byte, self._bytes = self._bytes[0], b""
        return self._push_byte(byte)
