"""What the project has to say about joining and posting."""

import threading

from rooms import Refused


def not_quiet(user, room):
    return room.name != "quiet"


def not_ben(user, room):
    return "ben" not in str(user).lower()


def in_capitals(user, room, text):
    if "casino" in text:
        raise Refused("No advertisements here")
    return text.upper()


def hang(*_):
    threading.Event().wait()


def fail(*_):
    raise ZeroDivisionError
