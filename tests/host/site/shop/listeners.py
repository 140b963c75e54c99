"""Notes what was said in the rooms of orders, for whoever was not there: `heard` is read by a test."""

import logging

from rooms.signals import message_changed, message_posted, room_created

log = logging.getLogger("shop")


def connect():
    message_posted.connect(_posted)
    message_changed.connect(_changed)
    room_created.connect(_created)


def _posted(message, **_):
    log.warning("heard posted %s %s", message.room_name, message.content)


def _changed(message, **_):
    log.warning("heard changed %s %s", message.room_name, message.content)


def _created(room, **_):
    log.warning("heard created %s", room.name)
