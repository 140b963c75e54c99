"""`manage.py mint_tokens --count N`: access tokens of load-test users, one a line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import services, tokens


class Command(BaseCommand):
    help = "Prints access tokens of load-test users, one a line. The users are made when missing, and have no password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, required=True, help="how many users")
        parser.add_argument("--prefix", default="load", help="their names are <prefix>-1, <prefix>-2, …")

    def handle(self, *args: Any, count: int, prefix: str, **options: Any) -> None:
        if count < 1:
            raise CommandError("--count must be 1 or more.")
        for user in services.load_test_users(count=count, prefix=prefix):
            token = tokens.issue_access(user_id=user.pk, username=user.username, roles=("user",), stamp=user.stamp())
            self.stdout.write(token)
