"""Settings without rates and limits of connections: for what loads a server, or is many people at one address."""

from rooms.conf import RATES

UNLIMITED = dict.fromkeys(
    [*RATES.values(), "CHAT_MAX_CONNECTIONS_PER_USER", "CHAT_MAX_CONNECTIONS_PER_ADDRESS", "CHAT_SIGN_IN_S"], "0"
)
