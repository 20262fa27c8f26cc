"""PostgreSQL's frontend messages, cut out of the bytes a client sends.

Source: PostgreSQL documentation, "Message Flow" and "Message Formats", protocol 3.0.
"""

import struct
from dataclasses import dataclass

PROTOCOL_3_0 = 196_608
READY_FOR_QUERY = b"Z"
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its type byte (empty for the untyped ones that begin a connection) and what follows."""

    type: bytes
    payload: bytes


class MessageSplitter:
    """Gives the messages that have become whole; keeps the rest for the next bytes.

    The client's side begins with untyped messages until the startup message, the server's side
    (`untyped_start` false) has only typed ones after its one-byte answer to an SSLRequest.
    """

    def __init__(self, *, untyped_start: bool) -> None:
        self._rest = b""
        self._untyped = untyped_start

    def feed(self, data: bytes) -> list[Message]:
        """The messages that end within `data`."""
        self._rest += data
        found = []
        while message := self._next():
            found.append(message)
        return found

    def _next(self) -> Message | None:
        header = 0 if self._untyped else 1
        if len(self._rest) < header + _LENGTH.size:
            return None
        end = header + _LENGTH.unpack_from(self._rest, header)[0]
        if len(self._rest) < end:
            return None
        message = Message(self._rest[:header], self._rest[header + _LENGTH.size : end])
        self._rest = self._rest[end:]
        if self._untyped and _LENGTH.unpack_from(message.payload)[0] == PROTOCOL_3_0:
            self._untyped = False
        return message


class StatementTracker:
    """Says which SQL text a client is having executed: Parse names it, Bind refers to the name."""

    def __init__(self) -> None:
        self._texts: dict[bytes, str] = {}
        self._splitter = MessageSplitter(untyped_start=True)

    def executed(self, data: bytes) -> list[str]:
        """The SQL texts bound for execution in these bytes."""
        texts = []
        for message in self._splitter.feed(data):
            if message.type == b"P":
                name, text = message.payload.split(b"\0", 2)[:2]
                self._texts[name] = text.decode()
            elif message.type == b"B":
                _portal, name = message.payload.split(b"\0", 2)[:2]
                texts.append(self._texts.get(name, ""))
        return texts
