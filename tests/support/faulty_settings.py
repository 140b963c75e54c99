"""The project's own settings over a channel layer that loses messages: DJANGO_SETTINGS_MODULE for a server of a test.

LOSE_EVERY and MISS_EVERY say how many.
"""

from chatsite import environment
from chatsite.settings import *  # noqa: F403 - all of them, and one replaced
from chatsite.settings import REDIS_URL

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "tests.support.faulty_layer.FaultyLayer",
        "CONFIG": {
            "hosts": [REDIS_URL],
            "lose_every": environment.number("LOSE_EVERY", default=0),
            "miss_every": environment.number("MISS_EVERY", default=0),
        },
    }
}
