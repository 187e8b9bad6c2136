"""Runs the project's vectors against this client: `python3 -m unittest` in this folder."""

import json
import unittest
from pathlib import Path

from holdfast_client.control import DLE, MAX_PAYLOAD, Violation, decode, encode, escape, is_control, unescape
from holdfast_client.session import Close, Delivered, Dial, Ended, Opened, Session, Write, size_of

FOLDER = Path(__file__).resolve().parents[2] / "test" / "vectors"


def load(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def meaning(frame):
    letter, fields = decode(frame)
    return {"letter": letter, **fields}


class Frames(unittest.TestCase):
    def test_control(self):
        for vector in load("control.json"):
            with self.subTest(vector["name"]):
                frame, means = vector["frame"], vector["means"]
                self.assertTrue(is_control(frame))
                self.assertEqual(meaning(frame), means)
                written = encode(means["letter"], **{name: value for name, value in means.items() if name != "letter"})
                self.assertEqual(meaning(written), means)
                self.assertLessEqual(len(written[2:].encode()), MAX_PAYLOAD)
                if means["letter"] in "APO":
                    self.assertEqual(written, frame)

    def test_escape(self):
        for vector in load("escape.json"):
            with self.subTest(vector["name"]):
                self.assertEqual(escape(vector["message"]), vector["frame"])
                self.assertFalse(is_control(vector["frame"]))
                self.assertEqual(unescape(vector["frame"]), vector["message"])

    def test_violations(self):
        for vector in load("violations.json"):
            with self.subTest(vector["name"]):
                self.assertTrue(is_control(vector["frame"]))
                if vector["expect"] == "violation":
                    self.assertRaises(Violation, decode, vector["frame"])
                elif vector["expect"] == "ignore":
                    self.assertEqual(decode(vector["frame"]), (None, {}))
                else:
                    self.assertEqual(meaning(vector["frame"]), vector["means"])


class Conversation:
    """Plays the server, the network and the application of one conversation to a client."""

    def __init__(self, case, given):
        self.case, self.now, self.done = case, 0, []
        self.numbers = {}  # what the client calls the links of the conversation
        self.session = Session(
            "wss://a.example.com/feed", [given["proto"]], follows=given["follows"], reconnects=given["reconnects"],
            backoff=given["backoff"], close_timeout=given["closeTimeout"], cid=given["cid"], random=lambda: given["random"],
        )
        self.proto = given["proto"]
        self.do(self.session.start)

    def run(self, steps):
        only_server, written = set(), set()
        for index, step in enumerate(steps):
            if step.get("only") == "server":
                only_server.add(step["link"])
            if step.get("link") in only_server or any(key.startswith(("server ", "delivered to server")) for key in step):
                continue
            with self.case.subTest(step=index):
                if "at" in step:
                    self.pass_time(step["at"])
                elif "link" in step:
                    self.on_link(**{key.replace("from", "by"): value for key, value in step.items()})
                else:
                    self.on_application(*next(iter(step.items())))
        self.case.assertEqual(self.done, [])

    def pass_time(self, at):
        self.case.assertEqual(self.done, [])
        while self.session.deadline <= at:
            self.now = max(self.now, self.session.deadline)
            self.do(self.session.tick)
        self.now = at

    def on_link(self, link, by=None, opens=None, fails=False, frame=None, close=None, reason=None, leaves=None,
                cut=None, way=None, to=None, answer=None, only=None, principal=None, wrong=None):
        if opens or fails:
            dial = self.take(lambda event: isinstance(event, Dial))
            self.numbers[link] = dial.link
            if fails:
                return self.do(self.session.closed, dial.link)
            self.case.assertEqual(dial.offer, [self.proto, opens])
            self.case.assertEqual(dial.url, to or "wss://a.example.com/feed")
            return self.do(self.session.opened, dial.link, answer or opens)
        number = self.numbers[link]
        if by == "server":
            if way not in ("lost", "delayed"):
                if frame is not None:
                    self.do(self.session.received, number, message(frame))
                else:
                    self.do(self.session.closed, number, close, reason or "")
                    self.drop_close(number)  # its answer is no step
        elif by == "client" and way == "forged" and close:
            self.do(self.session.closed, number)  # its WebSocket has said it: the link has ended
        elif by == "client" and way not in ("late", "forged"):
            if frame is not None:
                self.take_frame(number, message(frame))
            else:
                self.take(lambda event: isinstance(event, Close) and event[:2] == (number, close) and reason in (None, event.reason))
        elif leaves == "client":
            self.take(lambda event: isinstance(event, Close) and event.link == number)
        elif cut in ("client", "both"):
            self.do(self.session.closed, number)

    def on_application(self, what, value):
        match what:
            case "client sends":
                for it in value:
                    self.do(self.session.send, message(it))
            case "client closes":
                self.do(self.session.close, value["code"], value["reason"])
            case "client opens":
                self.take(lambda event: event == Opened(value["proto"]))
            case "delivered to client":
                for it in value:
                    delivered = self.take(lambda event: isinstance(event, Delivered))
                    self.case.assertEqual(delivered.message, message(it))
            case "client ends":
                end = self.take(lambda event: isinstance(event, Ended))
                self.case.assertEqual((end.code, end.clean), (value["code"], value["wasClean"]))
                self.case.assertEqual(end.reason, value.get("reason", end.reason))
                self.case.assertEqual(end.unconfirmed, [message(it) for it in value["unconfirmed"]])
            case _:
                self.case.fail(f"a step that is not known: {what}")

    def do(self, what, *args):
        what(self.now, *args)
        while self.session.events or self.session.deadline <= self.now:
            if not self.session.events:
                self.session.tick(self.now)
            for event in list(self.session.events):
                self.session.events.popleft()
                self.done.append(event)
                if isinstance(event, Write):
                    self.session.left(self.now, event.link, size_of(event.frame))

    def take(self, fits):
        found = next((event for event in self.done if fits(event)), None)
        self.case.assertIsNotNone(found, f"not done by {self.now}; but {self.done}")
        self.done.remove(found)
        return found

    def take_frame(self, number, frame):
        """The next one of its link, but that an A may stand elsewhere among the data."""
        is_ack = is_text(frame) and frame.startswith(DLE + "A")
        written = self.take(lambda event: isinstance(event, Write) and event.link == number
                            and (is_text(event.frame) and event.frame.startswith(DLE + "A")) == is_ack)
        if is_control(frame) and frame[1] not in "APO":
            self.case.assertEqual(meaning(written.frame), meaning(frame))
        else:
            self.case.assertEqual(written.frame, frame)

    def drop_close(self, number):
        self.done = [event for event in self.done if not (isinstance(event, Close) and event.link == number)]


def is_text(frame):
    return isinstance(frame, str)


def message(it):
    return bytes.fromhex(it["binary"]) if isinstance(it, dict) else it


def renews(steps):
    """Whether the client asks for a new session on the link on which its own was refused."""
    played = {step["link"] for step in steps if step.get("only") == "server"}
    written = [step for step in steps if step.get("frame") == DLE + "N{}" and step["from"] == "client" and step.get("way") != "forged"]
    return any(step["link"] not in played for step in written)


class Conversations(unittest.TestCase):
    def test_conversations(self):
        everything = load("conversations.json")
        for vector in everything["conversations"]:
            if all(step.get("only") == "server" for step in vector["steps"] if "opens" in step or "fails" in step):
                continue  # there is no client in it
            if renews(vector["steps"]):
                continue  # to go on with a new session is for the application
            with self.subTest(vector["name"]):
                Conversation(self, {**everything["given"], **vector.get("with", {})}).run(vector["steps"])


class Backlog(unittest.TestCase):
    """What no conversation shows, since there every write leaves the process at once."""

    def test_what_is_known_to_have_arrived_is_still_written(self):
        pace = {"ttl": 300_000, "ping": 30_000, "dead": 40_000}
        session = Session("ws://a.example.com/", cid="b25lIGNsaWVudCBvZiB1cw", random=lambda: 0)
        session.start(0)
        session.tick(0)
        session.opened(0, 1, "holdfast.v1")
        session.received(0, 1, encode("W", sid="s" * 22, key="k" * 43, proto="", **pace, max=2**20, spread=0))
        messages = [letter * 50_000 for letter in "abcd"]
        for it in messages:
            session.send(0, it)
        self.assertEqual(self.written(session, 1), messages[:2])  # 64 KiB are full
        session.left(0, 1, 100_002)
        self.assertEqual(self.written(session, 1), messages[2:])
        session.closed(0, 1)
        session.tick(0)
        session.opened(0, 2, "holdfast.v1.resume")
        session.received(0, 2, encode("S", recv=0, base=0, sent=0, **pace, spread=0))
        self.assertEqual(self.written(session, 2), messages[:2])
        session.received(0, 2, encode("A", n=4))
        self.assertEqual(len(session.outbox), 2)
        session.left(0, 2, session.link.backlog)
        self.assertEqual(self.written(session, 2), messages[2:])
        self.assertEqual(len(session.outbox), 0)

    def written(self, session, link):
        events = [*session.events]
        session.events.clear()
        return [event.frame for event in events if isinstance(event, Write) and event.link == link and not is_control(event.frame)]


if __name__ == "__main__":
    unittest.main()
