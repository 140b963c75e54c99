"""Fills a development database with example users and messages, so that the first page is not empty.

Everybody knows these users' passwords, so a database that has other users stays as it is. Knows nothing of how messages
are stored: it posts them as everybody does.
"""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from rooms import names
from rooms.models import Message, Room
from rooms.services.posting import post_messages
from rooms.services.rooms import create_room
from rooms.storage import NewMessage, StoredMessage

PASSWORD = "demo-password"  # noqa: S105 - it is printed, and exists only with DEBUG
OTHERS = "This database has users that demo did not make, so it adds no examples."
PEOPLE = ("alice", "bob", "carol", "admin")
TALK: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("general", "General"): (
        ("admin", "Welcome! This room is for everything that concerns all of us."),
        ("alice", "Good morning. The new release is on the staging server, could somebody try the sign-in?"),
        ("bob", "On it."),
        ("bob", "Works for me in Firefox and Chromium. On my phone the button is a little small."),
        ("alice", "Thanks, I will make it larger. Anything else before we ship?"),
        ("carol", "The release notes still say March 😄"),
        ("alice", "Fixed. Shipping at three, then."),
        ("bob", "🎉"),
    ),
    ("random", "Random"): (
        ("carol", "Does anybody know a good place for lunch near the station?"),
        ("bob", "The noodle bar on the corner. Go before twelve, the queue gets long."),
        ("carol", "Noodles it is. Anybody coming along?"),
        ("alice", "Me! Meet you downstairs at a quarter to."),
    ),
    ("中文", "中文聊天室"): (
        ("carol", "大家好，这里可以用中文聊天。"),
        ("alice", "太好了，正好练习一下。我的中文还不太好。"),
        ("carol", "没关系，慢慢来，写错了我们会告诉你。"),
    ),
}


class Command(BaseCommand):
    help = "Creates the users alice, bob, carol and admin, and rooms with messages, or what is missing of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-own", action="store_true", help="Do nothing in a database with other users.")

    def handle(self, *args: Any, if_own: bool, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("demo creates users whose password everybody knows, so it runs with DEBUG=1 only.")
        with transaction.atomic():
            is_own = _is_own()
            if is_own:
                _fill()
        if is_own:
            self._print_sign_ins()
        elif if_own:
            self.stdout.write(f"{OTHERS} Sign in at {_address()}")
        else:
            raise CommandError(OTHERS)

    def _print_sign_ins(self) -> None:
        self.stdout.write(f"Sign in at {_address()} as\n\n")
        for user in User.objects.filter(username_key__in=PEOPLE, is_active=True).order_by("pk"):
            password = PASSWORD if user.check_password(PASSWORD) else "a password that was changed"
            note = f"   and {_address()}admin/" if user.is_staff else ""
            self.stdout.write(f"  {user.username:<7} {password}{note}")
        self.stdout.write("")


def _address() -> str:
    return f"http://127.0.0.1:{settings.PORT}/"


def _is_own() -> bool:
    """Whether nobody is here yet, or the admin whom this command makes."""
    return not User.objects.exists() or User.objects.filter(is_superuser=True, email=_email("admin")).exists()


def _email(name: str) -> str:
    return f"{name}@demo.example"


def _fill() -> None:
    people = {name: _person(name) for name in PEOPLE}
    for (name, title), talk in TALK.items():
        _fill_room(name, title, people, talk)


def _person(name: str) -> User:
    """The user of this name, created if there is none: a second run changes no password."""
    user = User.objects.filter(username_key=names.key(name)).first()
    if user is None:
        make = User.objects.create_superuser if name == "admin" else User.objects.create_user
        user = make(name, email=_email(name), password=PASSWORD)
    return user


def _fill_room(name: str, title: str, people: dict[str, User], talk: tuple[tuple[str, str], ...]) -> None:
    """Creates the room and posts the messages that are not in it, which their client ids tell."""
    room, created = create_room(user_id=people["admin"].pk, name=name, title=title)
    known = set(Message.objects.filter(room_id=room.pk).values_list("client_id", flat=True))
    posts = [
        NewMessage(room.pk, people[author].pk, content, client_id=f"demo-{name}-{number}")
        for number, (author, content) in enumerate(talk, start=1)
    ]
    answers = post_messages([post for post in posts if post.client_id not in known])
    now = timezone.now()
    if created:
        Room.objects.filter(pk=room.pk).update(created_at=now - timedelta(hours=1))
    for minutes, message in enumerate(reversed(answers), start=1):
        if isinstance(message, StoredMessage):
            Message.objects.filter(pk=message.id).update(created_at=now - timedelta(minutes=3 * minutes))
