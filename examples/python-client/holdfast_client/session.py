"""The client's end of a session (PROTOCOL.md, sections 1 and 3 to 8), without I/O.

What happens is told to it with the time in milliseconds; what it wants done it leaves in `events`, in order.
"""

import random as lots
from collections import deque
from dataclasses import dataclass
from math import inf
from secrets import token_urlsafe
from typing import NamedTuple
from urllib.parse import urlsplit

from .control import Violation, decode, encode, escape, is_control, unescape

FIRST_FRAME = 10_000
ANSWER = 5_000
NO_PROGRESS = 10_000
ACK_DELAY, ACK_COUNT, ACK_BYTES = 1_000, 1024, 256 * 1024
MAX_BACKLOG = 64 * 1024
MAX_DELAY = 30_000
FATAL = (1002, 1003, 1007, 1009)


class Dial(NamedTuple):
    link: int
    url: str
    offer: list


class Write(NamedTuple):
    link: int
    frame: str | bytes


class Close(NamedTuple):
    link: int
    code: int
    reason: str = ""


class Opened(NamedTuple):
    proto: str


class Delivered(NamedTuple):
    message: str | bytes


class Ended(NamedTuple):
    code: int
    reason: str
    clean: bool
    unconfirmed: list


@dataclass
class Entry:
    """A counted message in the outbox."""

    frame: str | bytes
    size: int
    message: str | bytes | None = None  # None: it is F
    at: float = 0  # when it was last written


@dataclass
class Link:
    id: int
    beside: bool  # dialled while another link carried the session: a migration
    rx: int = 0
    tx: int = 0
    due: float = inf  # when the first frame has to be there
    heard: float = 0
    asked: float = inf  # since when an answer is awaited
    is_useful: bool = False  # more than the splice was read from it
    backlog: int = 0
    progress: float = 0  # when the backlog last shrank


def size_of(frame):
    return len(frame.encode() if isinstance(frame, str) else frame)


class Session:
    def __init__(self, url, protocols=(), *, follows=(), reconnects=True, backoff=1_000, close_timeout=10_000,
                 max_messages=10_000, max_bytes=4 * 1024 * 1024, cid=None, random=lots.random):
        self.home = self.url = url
        self.protocols, self.follows, self.reconnects = list(protocols), follows, reconnects
        self.backoff, self.close_timeout, self.random = backoff, close_timeout, random
        self.max_messages, self.max_bytes = max_messages, max_bytes
        self.cid = cid or token_urlsafe(16)
        self.events = deque()
        self.sid = self.key = self.max = None
        self.ttl = self.ping = self.dead = self.spread = 0
        self.link = self.trial = None  # the link that carries the session; the attempt that is in flight
        self.links = self.attempt = self.pings = 0
        # What is sent. `known` is what the peer has acknowledged, `acked` what the outbox has let go of.
        self.outbox, self.sent, self.acked, self.known, self.bytes, self.flight = deque(), 0, 0, 0, 0, 0
        # What is received. `told` is the last number the peer was told.
        self.delivered = self.told = self.untold_bytes = 0
        self.ack_at = self.dial_at = self.drain_by = self.end_at = self.expires_at = inf
        self.question, self.asked_at, self.round_trip = None, -inf, 0
        self.failures = self.moves = self.hops = self.strangers = 0
        self.free_retries = deque([-inf] * 5, maxlen=5)
        self.suspect, self.suspicions = 0, 0
        self.finished, self.peer_end, self.is_over = False, None, False

    # -- what the application does

    def send(self, now, message):
        """Raises BufferError while the outbox has no room."""
        if self.finished or self.is_over or not self.sid:
            raise ConnectionError("the session is not open")
        message = message if isinstance(message, str) else bytes(message)
        size = size_of(message)
        if size > self.max:
            raise ValueError(f"a message of {size} bytes, where {self.max} are allowed")
        if self.outbox and (len(self.outbox) >= self.max_messages or self.bytes + size > self.max_bytes):
            raise BufferError("the outbox is full")
        self._number(Entry(escape(message) if isinstance(message, str) else message, size, message))
        is_half_full = len(self.outbox) * 2 >= self.max_messages or self.bytes * 2 >= self.max_bytes
        if self.link and self.question is None and (is_half_full or now - self.link.heard >= 30_000):
            self._ask(now)
        self._pump(now)

    def close(self, now, code=1005, reason=""):
        if not self.sid:
            self._end(1006, "")
        elif not self.finished and not self.is_over:
            self._finish(now, code, reason)

    # -- what the links do

    def start(self, now):
        self.dial_at = now

    def opened(self, now, id, protocol):
        """A dial came through; `protocol` is what the server has chosen."""
        link = self.trial
        if not link or link.id != id:
            return
        if protocol == self._token:
            self.strangers = 0
            link.due = now + FIRST_FRAME
            if self.sid:
                self.attempt += 1
                credential = {"sid": self.sid, "key": self.key, "cid": self.cid}
                self._write(now, link, encode("R", **credential, attempt=self.attempt, recv=self.delivered))
            return
        self.events.append(Close(id, 1000))
        self.trial = None
        if protocol and not self.sid:
            return self._end(1006, "unsupported")
        if protocol and not link.beside:
            self.strangers += 1
            if self.strangers == 3:
                return self._end(1006, "session-lost:unsupported")
        self._again(now)

    def received(self, now, id, frame):
        link = next((link for link in (self.link, self.trial) if link and link.id == id), None)
        try:
            if link is None:
                return
            if link is self.trial:
                self._read_first(now, link, frame)
            else:
                self._read(now, link, frame)
        except Violation as violation:
            if link is self.link:
                return self._end(1006, str(violation), close=3806, why=str(violation))
            self.events.append(Close(id, 3806, str(violation)))
            self._again(now)
        if self.peer_end and self.known == self.sent and self.finished and not self.is_over:
            self._end(*self.peer_end, clean=True, close=1000)
        self._pump(now)

    def left(self, now, id, size):
        """So many bytes that were written have left the process."""
        for link in (self.link, self.trial):
            if link and link.id == id:
                link.backlog, link.progress = link.backlog - size, now
                if not link.backlog and link.asked < inf:  # only now can the peer hear what it is asked
                    link.asked, link.heard = now, max(link.heard, now - self._half)
        self._pump(now)

    def closed(self, now, id, code=1006, reason=""):
        """A link has ended, or a dial came to nothing; 1006: without a close frame of the peer."""
        if self.trial and self.trial.id == id:
            self._again(now)
        elif self.link and self.link.id == id:
            link, self.link = self.link, None
            holder = reason.rpartition(".")[0] if code == 3801 else ""
            if holder and holder != self.cid:
                self._end(1006, "")
            elif code in (3805, 3806):
                self._end(1006, "session-lost:abandoned" if code == 3805 else reason)
            elif code in FATAL:
                self._end(code, reason)
            else:
                self._lose(now, link, by_peer=code != 1006)

    # -- time

    def _timers(self):
        """All that waits: when it is due, and what is to be done then."""
        link = self.link
        yield self.end_at, lambda now: self._give_up("")
        yield self.dial_at, self._dial
        if self.trial:
            yield self.trial.due, self._say_nothing_more
        if not link:
            yield self.expires_at, lambda now: self._end(1006, "")
            return
        yield self.ack_at, self._acknowledge
        if link.backlog:
            yield link.progress + NO_PROGRESS, self._leave
        if link.asked == inf:
            yield link.heard + self._half, self._ask
            if link.tx > self.acked:
                yield max(self.outbox[0].at, self.asked_at) + max(ANSWER, 4 * self.round_trip), self._ask
        elif not link.backlog:
            grown = 1000 * (self.flight // (32 * 1024))
            yield min(link.heard + self.dead, link.asked + ANSWER) + grown, self._leave

    @property
    def deadline(self):
        return inf if self.is_over else min(at for at, _ in self._timers())

    def tick(self, now):
        """To be called at the deadline."""
        if self.link and now - self.deadline > ANSWER:  # this process has slept: ask once, and judge later
            self.link.heard = max(self.link.heard, now + ANSWER - self.dead)
            self._ask(now)
        while self.deadline <= now:
            min(self._timers(), key=lambda timer: timer[0])[1](now)

    # -- first frames

    def _read_first(self, now, link, frame):
        letter, fields = decode(frame) if is_control(frame) else ("", {})
        if letter == "X":
            self._refused(now, link, **fields)
        elif letter == "S" and self.sid:
            self._spliced(now, link, **fields)
        elif letter == "W" and not self.sid and fields["proto"] in ("", *self.protocols):
            self.sid, self.key, self.max = fields["sid"], fields["key"], fields["max"]
            self._adopt(now, link, fields)
            self.events.append(Opened(fields["proto"]))
            self._acknowledge(now)
        elif letter is not None:
            raise Violation("another first frame than was due")

    def _spliced(self, now, link, recv, base, sent, **pace):
        if not self.known <= recv <= self.sent or base > min(self.delivered, sent):
            return self._end(1006, "session-lost:state")
        if self.link:
            self.events.append(Close(self.link.id, 3802))
        link.rx, link.tx = base, recv
        self._adopt(now, link, pace)
        self.known = recv
        self._free()
        self.flight, self.told = 0, base
        if self.delivered > base:
            self._acknowledge(now)
        else:
            self.ack_at, self.untold_bytes = inf, 0

    def _adopt(self, now, link, pace):
        """The link carries the session from now on."""
        self.link, self.trial, self.question = link, None, None
        self.ttl, self.ping = pace["ttl"], pace["ping"]
        self.dead = max(pace["dead"], self.ping + 1000)
        self._spread_over(pace["spread"])
        link.heard = now
        self.moves = self.hops = 0
        self.dial_at = self.drain_by = self.expires_at = inf

    def _refused(self, now, link, why, recv=None, after=None, url=None):
        self.events.append(Close(link.id, 3803))
        self.trial = None
        if link.beside and why != "stale":  # never final
            return self._again(now)
        if why in ("stale", "expired", "state") and recv is not None and self.known <= recv <= self.sent:
            self.known = recv
        if why == "busy":
            self.dial_at = now + (self.backoff if after is None else after)
        elif why == "moved" and self.hops < 3 and self._may_follow(url):
            self.url, self.hops, self.dial_at = url, self.hops + 1, now
        elif why == "moved":
            self._again(now)
        elif why in ("unknown", "expired", "state"):
            self._give_up(f"session-lost:{why}")
        else:
            self._end(1006, why if why != "stale" else "", close=3802)

    # -- frames of a link that carries the session

    def _read(self, now, link, frame):
        link.heard, link.asked = now, inf
        if not link.is_useful:
            link.is_useful, self.failures = True, 0
        if not is_control(frame):
            if self._count(now, link, size_of(frame)):
                self.events.append(Delivered(unescape(frame) if isinstance(frame, str) else frame))
            return
        letter, fields = decode(frame)
        if letter in ("A", "P", "O"):
            self._acknowledged(fields["n"])
        if letter == "P":
            self._spread_over(fields.get("spread", self.spread))
            self._write(now, link, encode("O", id=fields["id"], n=self._tell()))
        elif letter == "O" and fields["id"] == self.question:
            self.question, self.round_trip = None, now - self.asked_at
        elif letter == "F" and self._count(now, link, 0):
            self.peer_end = fields["code"], fields["reason"]
            self._acknowledge(now)
            if not self.finished:
                self._finish(now, *self.peer_end)
        elif letter == "D" and not self.trial and ("url" not in fields or self._may_follow(fields["url"])):
            self.url = fields.get("url", self.url)
            self.dial_at, self.drain_by = now + fields["in"], now + fields["by"]
        elif letter in ("W", "R", "S", "X", "N"):
            raise Violation(f"{letter} in the middle of a link")

    def _count(self, now, link, size):
        """Whether a counted message is new."""
        link.rx += 1
        if link.rx <= self.delivered:
            return False
        if link.rx > self.delivered + 1 or self.peer_end:
            raise Violation("a message behind the end" if self.peer_end else "a message is missing")
        self.delivered = link.rx
        self.ack_at = min(self.ack_at, now + ACK_DELAY)
        self.untold_bytes += size
        if self.delivered - self.told >= ACK_COUNT or self.untold_bytes >= ACK_BYTES:
            self._acknowledge(now)
        return True

    def _acknowledged(self, n):
        if n > self.sent:
            raise Violation("an acknowledgement of what was never sent")
        self.known = max(self.known, n)
        self._free()

    def _free(self):
        while self.acked < min(self.known, self.link.tx):
            entry = self.outbox.popleft()
            self.acked += 1
            self.bytes -= entry.size
            self.flight -= entry.size

    # -- writing

    def _write(self, now, link, frame):
        if not link.backlog:
            link.progress = now
        link.backlog += size_of(frame)
        self.events.append(Write(link.id, frame))

    def _number(self, entry):
        self.sent += 1
        self.bytes += entry.size
        self.outbox.append(entry)

    def _pump(self, now):
        """The one place that writes counted messages."""
        link = self.link
        while link and not self.is_over and link.tx < self.sent and link.backlog <= MAX_BACKLOG:
            entry = self.outbox[link.tx - self.acked]
            link.tx += 1
            entry.at = now
            self.flight += entry.size
            self._write(now, link, entry.frame)
            self._free()

    def _tell(self):
        """`n`, for an A, P or O that is written now."""
        self.told, self.untold_bytes, self.ack_at = self.delivered, 0, inf
        return self.delivered

    def _acknowledge(self, now):
        self._write(now, self.link, encode("A", n=self._tell()))

    def _ask(self, now):
        self.pings += 1
        self.question, self.asked_at, self.link.asked = self.pings, now, now
        self._write(now, self.link, encode("P", id=self.pings, n=self._tell()))

    # -- links come and go

    @property
    def _token(self):
        return "holdfast.v1.resume" if self.sid else "holdfast.v1"

    @property
    def _half(self):
        return (self.ping + self.dead) / 2

    def _spread_over(self, spread):
        self.spread = min(spread, self.ttl / 3)

    def _delay(self, failures):
        return min(self.backoff * 2 ** (failures - 1), MAX_DELAY)

    def _may_follow(self, url):
        if url is None or (self.home.startswith("wss:") and not url.startswith("wss:")):
            return False
        return url in self.follows or urlsplit(url)[:2] == urlsplit(self.home)[:2]

    def _dial(self, now):
        self.dial_at = inf
        self.links += 1
        self.trial = Link(self.links, beside=self.link is not None)
        self.events.append(Dial(self.links, self.url, [*(self.protocols or ["holdfast.off"]), self._token]))

    def _say_nothing_more(self, now):
        self.events.append(Close(self.trial.id, 3804))
        self._again(now)

    def _leave(self, now):
        """The link is silent, or a write to it is stuck."""
        link, self.link = self.link, None
        self.events.append(Close(link.id, 3804))
        self._lose(now, link, own=True)

    def _lose(self, now, link, by_peer=False, own=False):
        """The session has no link. What one message did to three links in a row it would do for ever."""
        self.expires_at = now + self.ttl
        self.dial_at = self.drain_by = inf
        oldest = self.acked + 1
        is_suspect = link.tx >= oldest and (by_peer or now - self.outbox[0].at >= 10_000)
        self.suspicions = (self.suspicions + 1 if oldest == self.suspect else 1) if is_suspect else 0
        self.suspect = oldest
        if self.suspicions == 3:
            self._end(1009, "")
        elif not self.trial:  # an attempt that was begun beside the link goes on
            self._again(now, own)

    def _again(self, now, own=False):
        """Another attempt: at once after the loss of a link that was of use, else backing off."""
        self.trial, self.hops = None, 0
        if self.link:  # a migration has failed, and the session goes on where it is
            self.moves += 1
            at = now + self._delay(self.moves)
            self.dial_at = at if at < self.drain_by else inf
            return
        if not self.sid and not self.reconnects:
            return self._end(1006, "")
        self.failures += 1
        if self.sid and self.failures == 1 and now - self.free_retries[0] >= 10_000:
            self.free_retries.append(now)
            self.dial_at = now + (0 if own else self.random() * self.spread)
        else:
            self.url, self.dial_at = self.home, now + self._delay(self.failures)

    # -- ends

    def _finish(self, now, code, reason):
        self.finished, self.end_at = True, now + self.close_timeout
        self._number(Entry(encode("F", code=code, reason=reason), 0))
        self._pump(now)

    def _give_up(self, reason):
        """Clean nevertheless, if all of both sides is known to have arrived."""
        if self.peer_end and self.known >= self.sent - 1:
            self._end(*self.peer_end, clean=True, close=1000)
        else:
            self._end(1006, reason)

    def _end(self, code, reason, clean=False, close=3805, why=""):
        if self.is_over:
            return
        self.is_over = True
        self.events.extend(Close(link.id, close, why) for link in (self.link, self.trial) if link)
        self.link = self.trial = None
        entries = list(self.outbox)[self.known - self.acked:]
        self.events.append(Ended(code, reason, clean, [] if clean else [it.message for it in entries if it.message is not None]))
