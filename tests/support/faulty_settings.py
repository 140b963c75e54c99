"""The project's own settings over a channel layer that loses messages: DJANGO_SETTINGS_MODULE for a server of a test.

LOSE_EVERY and MISS_EVERY say how many.
"""

from chatsite import environment
from chatsite.settings import *  # noqa: F403 - all of them, and one replaced
from chatsite.settings import CHAT_REDIS_URL
from rooms import redis_hosts

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "tests.support.faulty_layer.FaultyLayer",
        "CONFIG": {
            "hosts": redis_hosts.parse(CHAT_REDIS_URL),
            "lose_every": environment.number("LOSE_EVERY", default=0),
            "miss_every": environment.number("MISS_EVERY", default=0),
        },
    }
}
