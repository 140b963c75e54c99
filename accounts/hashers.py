"""How passwords are hashed: argon2, as many at once as there are cores. Knows no users.

A hash takes 100 MB and one core. Without a bound, a hundred sign-ins at once would take ten gigabytes; now they wait
their turn, each on its own request's thread.
"""

import os
from threading import BoundedSemaphore

from django.contrib.auth.hashers import Argon2PasswordHasher

turns = BoundedSemaphore(os.cpu_count() or 1)


class Argon2Hasher(Argon2PasswordHasher):
    def encode(self, password: str, salt: str) -> str:
        with turns:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with turns:
            return super().verify(password, encoded)
