"""Frames of holdfast.v1 (PROTOCOL.md, section 2): what is control, what is data, and how each is written and read."""

import json
import re

DLE = "\x10"
MAX_NUMBER = 2**53 - 1
MAX_PAYLOAD = 4096
REFUSALS = {"busy", "moved", "stale", "unknown", "expired", "state", "auth", "origin"}


class Violation(Exception):
    """The peer said what this protocol does not allow. The words never quote a payload, which may hold a key."""


def escape(text):
    return DLE + text if text.startswith(DLE) else text


def unescape(frame):
    return frame[1:] if frame.startswith(DLE) else frame


def is_control(frame):
    return isinstance(frame, str) and frame[:1] == DLE and frame[1:2] != DLE


def encode(letter, **fields):
    """The frame of a letter; its fields in the order of PROTOCOL.md."""
    if letter in NUMBERS:
        return DLE + letter + ",".join(map(str, fields.values()))
    return DLE + letter + json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def decode(frame):
    """The letter of a control frame and its fields, or (None, {}) for one that is to be ignored."""
    letter, payload = frame[1:2], frame[2:]
    if len(payload.encode()) > MAX_PAYLOAD:
        raise Violation("a control frame that is too long")
    if "a" <= letter <= "z":
        return None, {}
    if letter in NUMBERS:
        return letter, _numbers(letter, payload)
    if letter in OBJECTS:
        return letter, _object(letter, payload)
    raise Violation("a control frame of no known letter")


def _numbers(letter, payload):
    texts, names = payload.split(","), NUMBERS[letter]
    optional = 1 if letter == "P" else 0
    if not len(names) - optional <= len(texts) <= len(names):
        raise Violation(f"{letter} with another count of numbers")
    if not all(re.fullmatch("0|[1-9][0-9]{0,15}", text) and int(text) <= MAX_NUMBER for text in texts):
        raise Violation(f"{letter} with what is no number")
    return dict(zip(names, map(int, texts)))


def _object(letter, payload):
    try:
        given = json.loads(payload)
    except (ValueError, RecursionError):
        raise Violation(f"{letter} that is not JSON") from None
    if not isinstance(given, dict):
        raise Violation(f"{letter} that is no object")
    fields = {}
    for name, check in OBJECTS[letter].items():
        name, optional = name.rstrip("?"), name.endswith("?")
        if name in given and check(given[name]):
            fields[name] = int(given[name]) if check in (_number, _code) else given[name]
        elif name in given or not optional:
            raise Violation(f"{letter} without a valid {name}")
    return fields


def _number(value):
    """JSON tells 1.0 from 1 in spelling only. `True` is an `int` to Python, and infinity is within no range."""
    return type(value) in (int, float) and 0 <= value <= MAX_NUMBER and value == int(value)


def _code(value):
    return _number(value) and (1000 <= value <= 1014 and value not in (1004, 1006) or 3000 <= value <= 4999)


def _text(value):
    return isinstance(value, str)


def _reason(value):
    try:
        return _text(value) and len(value.encode()) <= 123
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _refusal(value):
    return _text(value) and value in REFUSALS


def _token(length):
    return lambda value: _text(value) and re.fullmatch(f"[A-Za-z0-9_-]{{{length}}}", value) is not None


_sid = _cid = _token(22)
_key = _token(43)

NUMBERS = {"A": ("n",), "P": ("id", "n", "spread"), "O": ("id", "n")}
_pace = {"ttl": _number, "ping": _number, "dead": _number}
OBJECTS = {
    "W": {"sid": _sid, "key": _key, "proto": _text, **_pace, "max": _number, "spread": _number},
    "R": {"sid": _sid, "key": _key, "cid": _cid, "attempt": _number, "recv": _number},
    "S": {"recv": _number, "base": _number, "sent": _number, **_pace, "spread": _number},
    "N": {},
    "X": {"why": _refusal, "recv?": _number, "after?": _number, "url?": _text},
    "F": {"code": _code, "reason": _reason},
    "D": {"in": _number, "by": _number, "url?": _text},
}
