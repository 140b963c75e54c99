"""Every setting of the chat, with its default, unit and rule. A project sets one under the same name in its settings.

Read when used, so `override_settings` works; `rooms.checks` reports wrong and unknown ones. The unit is in the name or
in the comment. 0 turns a limit off. docs/configuration.md describes them; a test compares the two.
"""

from typing import Any

from django.core.signals import setting_changed

from rooms.setting import Choice, Function, Issuers, Number, RateLimit, RedisServers, Setting, Text, Window, Words


class Conf:
    # --- Connections --------------------------------------------------------------------------------------------------
    CHAT_SOCKET_PATH = Text("/ws", r"/[\w/.-]*[\w.-]")  # after the prefix of the site
    CHAT_MAX_CONNECTIONS = Number(10_000)  # sockets of one process
    CHAT_MAX_CONNECTIONS_PER_USER = Number(20)  # over all processes: the pages and devices of one person
    CHAT_MAX_CONNECTIONS_PER_ADDRESS = Number(200)  # of one process: an office shares one address
    CHAT_SIGN_IN_S = Number(10)  # a guest is closed then
    CHAT_CONNECT_PAUSE_S = Number(300)  # for who reconnects faster than CHAT_RATE_CONNECTS
    CHAT_MAX_FRAME_BYTES = Number(65_536)  # 64 KiB: 16 x the longest message
    CHAT_MAX_ROOMS_PER_CONNECTION = Number(100)
    CHAT_MAX_PENDING_MESSAGES = Number(64)  # sent and not stored, of one connection
    CHAT_OUTBOX_BYTES = Number(524_288)  # unsent to one slow reader
    CHAT_HEARTBEAT_S = Number(30, minimum=1)  # ping; no pong by the next one: cut
    CHAT_MAX_CONTROL_FRAMES = Number(50)  # pings, pongs and fragments of one socket a second; ten times as many at once
    CHAT_HANDSHAKE_S = Number(10)  # for the request line and headers of a request or a handshake
    CHAT_BODY_S = Number(60)  # for the body of a request: the longest is read in 60 s at 9 kbit/s
    CHAT_ALLOWED_ORIGINS = Words([])  # besides the page's own, for sockets with a cookie

    # --- Rates: the name without CHAT_RATE_ is that of the bucket -----------------------------------------------------
    CHAT_RATE_MESSAGES = RateLimit("5/s burst 20")  # of a user
    CHAT_RATE_ROOM_MESSAGES = RateLimit("1/s burst 10")  # of a user in one room: faster than anybody reads
    CHAT_RATE_APPENDS = RateLimit("20/s burst 100")  # to texts that are being written, by a bot
    CHAT_RATE_CHANGES = RateLimit("2/s burst 10")  # of stored things, by a user
    CHAT_RATE_JOINS = RateLimit("5/s burst 200")  # and leaves, of a user: two pages reconnect to 100 rooms each
    CHAT_RATE_NEW_ROOMS = RateLimit("1/min burst 10")  # of a user
    CHAT_RATE_READS = RateLimit("2/s burst 20")  # of pages, by a user
    CHAT_RATE_TYPING = RateLimit("1/s burst 10")  # of a user, in all rooms: clients say so every 8 s
    CHAT_RATE_UPLOADS = RateLimit("10/min burst 20")  # of files, by a user: two messages full of them
    CHAT_RATE_FILES = RateLimit("20/s burst 200")  # files and thumbnails that a user opens: four pages of history
    CHAT_RATE_WEBHOOKS = RateLimit("1/s burst 5")  # of an incoming webhook
    CHAT_RATE_BROADCASTS = RateLimit("1/s burst 5")  # to everybody, by a user
    CHAT_RATE_REQUESTS = RateLimit("5/s burst 50")  # of any other kind, of a user
    CHAT_RATE_FRAMES = RateLimit("50/s burst 200")  # of any kind, of a connection
    CHAT_RATE_ADDRESS_FRAMES = RateLimit("100/s burst 1000")  # and handshakes, before sign-in, of an address
    CHAT_RATE_CONNECTS = RateLimit("15/min burst 15")  # of a user
    CHAT_RATE_ADDRESS_CONNECTS = RateLimit("300/min burst 300")  # an office's line may break with 200 sockets on it
    CHAT_RATE_VIOLATIONS = RateLimit("100/min burst 100")  # refusals for a rate, of a connection; then it is closed

    # --- Messages and storage -----------------------------------------------------------------------------------------
    CHAT_MAX_CONTENT_CHARS = Number(4_000)  # about two printed pages
    CHAT_EDIT_WINDOW_S = Window(86_400)  # after sending: a day later others have answered to what was said
    CHAT_EDIT_HISTORY_DAYS = Number(90)  # `prune_history` deletes earlier versions of messages replaced longer ago
    CHAT_REACTION_KINDS = Number(20)  # different emojis at one message: more than a line of them is not read
    CHAT_MAX_MENTIONS = Number(50)  # people whom one message mentions; a longer list is read by nobody
    CHAT_MAX_ROOM_MENTION_MEMBERS = Number(50)  # above, only moderators mention everybody in the room
    CHAT_MAX_PINS = Number(50)  # in one room: what is to be found is lost among more
    CHAT_SLASH_COMMANDS = Setting(True)  # a text such as `/topic news` is a command
    CHAT_SYSTEM_MESSAGES = Setting(True)  # rooms say what was changed in them
    CHAT_FILTER_PHRASES = Number(1_000)  # of the word filter; 0.02 ms for a message of a line
    CHAT_RESUME_MESSAGES = Number(1_000)  # a larger gap gets the newest page
    CHAT_HISTORY_LIMIT = Number(0)  # messages that `prune_history` leaves in a room
    CHAT_AUDIT_DAYS = Number(365)  # `prune_history` deletes what is older from the audit log
    CHAT_HEADS_INTERVAL_S = Number(5, minimum=1)  # between two searches for lost events
    CHAT_WRITE_QUEUE_MESSAGES = Number(10_000, minimum=1)  # waiting to be stored, of one process
    CHAT_WRITE_QUEUE_MESSAGES_PER_USER = Number(1_000)  # of these from one user: who floods is refused alone
    CHAT_DATABASE_THREADS = Number(4, minimum=1)  # parallel reads of one process
    CHAT_SEARCH_SHARE = Number(3, maximum=100)  # percent of one thread's time, beside storing; 0: no search
    CHAT_BATCH_SIZE = Number(20)  # events in one frame at most; 0 or 1: no batches
    CHAT_BATCH_INTERVAL_MS = Number(100, minimum=1)  # events that follow within it share a frame
    CHAT_COMPRESS_MIN_BYTES = Number(1_024)  # shorter frames hardly shrink

    # --- Files --------------------------------------------------------------------------------------------------------
    CHAT_MAX_FILE_BYTES = Number(26_214_400)  # 25 MiB: what mail takes; 0: no files
    CHAT_MAX_FILES_PER_MESSAGE = Number(10)
    CHAT_FILE_DAY_BYTES = Number(262_144_000)  # 250 MiB that a user uploads in 24 hours: ten of the largest files
    CHAT_FILE_PIXELS = Number(25_000_000)  # of an image, or of all frames of an animation: the largest of most cameras
    CHAT_THUMBNAIL_PIXELS = Number(480)  # its longer side, twice as wide as it is shown; 0: no thumbnails
    CHAT_IMAGE_THREADS = Number(1, minimum=1)  # images worked on at once in one process; each takes 8 bytes a pixel
    CHAT_UNATTACHED_HOURS = Number(24)  # that an uploaded file waits for its message; then it is deleted
    CHAT_UPLOAD_S = Number(600)  # for the body of an upload, instead of CHAT_BODY_S: 25 MiB at 350 kbit/s
    CHAT_FILE_STORAGE = Text("default", r".+")  # its alias in STORAGES
    CHAT_FILE_REDIRECTS = Setting(False)  # whether downloads are sent to the storage's own addresses, signed for 60 s

    # --- Presence and processes ---------------------------------------------------------------------------------------
    CHAT_MAX_NOTICED_MEMBERS = Number(100)  # above, members learn how many come and go, not who
    CHAT_MAX_RECEIPT_MEMBERS = Number(100)  # above, a room is not sent who has read what: 1,000 readers would get 1,000
    CHAT_MARKS_INTERVAL_MS = Number(1_000)  # what somebody reads within it is written once
    CHAT_MAX_TYPING_MEMBERS = Number(100)  # above, a room is not sent who is typing
    CHAT_TYPING_S = Number(15)  # somebody shows as typing: twice as long as clients wait to say so again
    CHAT_MAX_DIRECT_PEOPLE = Number(20)  # in one direct room: more want a name and a moderator
    CHAT_INVITATION_HOURS = Number(720)  # the longest that a link is valid: a month
    CHAT_LEAVE_DELAY_S = Number(2)  # a page that is reloaded has not left
    CHAT_DRAIN_S = Number(5)  # over which a stopping process closes its sockets
    CHAT_PRESENCE_LEASE_S = Number(15, minimum=2)  # the users of a dead process count as present until it expires
    CHAT_REDIS_URL = RedisServers([])  # empty: one process
    CHAT_REDIS_PREFIX = Text("chat", r"[A-Za-z0-9_.-]{1,50}")  # of every key
    CHAT_CHANNEL_LAYER = Text("default")  # its alias in CHANNEL_LAYERS

    # --- People -------------------------------------------------------------------------------------------------------
    CHAT_TOKEN_READER = Function()  # token → Identity; without it no token opens anything
    CHAT_DISPLAY_NAME = Function()  # user → text; else the model's username
    CHAT_FINDABLE = Choice("everybody", "members", "nobody")  # whom one finds by name: who shares a room, or all
    CHAT_AVATAR = Function()  # user → URL or None
    CHAT_SIGN_OUT_URL = Text("")  # a URL or its name: the page then has a button
    CHAT_ACCOUNT_URL = Text("")  # the same, for a link to one's own account
    CHAT_REGISTRATION = Choice("open", "invitation", "closed")  # who may make an account of `accounts`
    CHAT_ERASED_MESSAGES = Choice("keep", "delete")  # what becomes of the text of somebody who is erased
    CHAT_ACCESS_MINUTES = Number(60, minimum=1)  # an access token is valid
    CHAT_REFRESH_DAYS = Number(14, minimum=1)  # a refresh token is valid
    CHAT_ISSUERS = Issuers(())  # other systems whose tokens `accounts` exchanges for its own

    # --- Guessing -----------------------------------------------------------------------------------------------------
    CHAT_SIGN_IN_ACCOUNT_FAILURES = Number(5)  # wrong passwords of one account in a day: more than typing errors
    CHAT_SIGN_IN_ADDRESS_FAILURES = Number(100)  # of one address in an hour, which a school or an office may share
    CHAT_SIGN_IN_ADDRESS_ACCOUNTS = Number(20)  # new accounts of one address in an hour
    CHAT_SIGN_IN_ADDRESS_MAILS = Number(10)  # that one address asks for in an hour
    CHAT_SIGN_IN_DELAY_S = Number(1)  # after the last free one; each further one doubles it
    CHAT_SIGN_IN_LOCKOUT_S = Number(900)  # the longest delay: 100 guesses a day, the owner waits 15 minutes
    CHAT_PASSWORD_HASHES = Number(2, minimum=1)  # at once in one process; each takes 100 MB and a core
    CHAT_PASSWORD_WAIT_MS = Number(5_000)  # for a turn at hashing; then `rate-limited`

    # --- Bots ---------------------------------------------------------------------------------------------------------
    CHAT_MAX_WEBHOOKS = Number(10)  # of one room, of each of the two kinds
    CHAT_WEBHOOK_TIMEOUT_S = Number(10)  # for an outgoing one to be answered, redirects and all
    CHAT_WEBHOOK_DISABLE_DAYS = Number(3)  # of failure: nobody has noticed over a weekend
    CHAT_WEBHOOK_ALLOWED_HOSTS = Words([])  # that outgoing ones may reach though their addresses are not public
    CHAT_MAX_OPEN_STREAMS = Number(10)  # messages that one bot is writing
    CHAT_MAX_STREAM_CHARS = Number(20_000)  # of such a message: ten printed pages
    CHAT_STREAM_FRAMES = Number(8)  # a second of one such message: as fast as a text is read that grows
    CHAT_STREAM_IDLE_S = Number(30)  # without a piece a message is interrupted: its bot has died
    CHAT_TOKEN_OVERLAP_HOURS = Number(24)  # after a rotation both are valid: a day to hand the new one to a program

    # --- Moderation ---------------------------------------------------------------------------------------------------
    CHAT_MAX_BLOCKS = Number(1_000)  # people that one user has blocked
    CHAT_REPORT_DAYS = Number(180)  # after which `prune_history` deletes settled reports: evidence of half a year

    # --- Hooks of the project -----------------------------------------------------------------------------------------
    CHAT_CAN_JOIN = Function()  # (user, room) → bool
    CHAT_CAN_POST = Function()  # (user, room) → bool
    CHAT_BEFORE_POST = Function()  # (user, room, text) → the text that is stored
    CHAT_HOOK_BUDGET_MS = Number(500, minimum=1)  # a hook that takes longer has failed
    CHAT_HOOKS_FAIL_OPEN = Setting(False)  # what a failed hook means: allowed, or refused as `unavailable`

    # --- Health -------------------------------------------------------------------------------------------------------
    CHAT_WARNING_MEMORY_MB = Number(500)  # resident; /health says warning above
    CHAT_WARNING_CONNECTIONS = Number(8_000)  # 80 % of CHAT_MAX_CONNECTIONS
    CHAT_CRITICAL_FAILED_PERCENT = Number(10, maximum=100)  # of a minute's commands


SETTINGS: dict[str, Setting[Any]] = {name: found for name, found in vars(Conf).items() if isinstance(found, Setting)}
# Bucket → the setting of its rate.
RATES = {
    name.removeprefix("CHAT_RATE_").lower().replace("_", "-"): name
    for name, found in SETTINGS.items()
    if isinstance(found, RateLimit)
}
conf = Conf()


def _forget(setting: str, **_: Any) -> None:
    conf.__dict__.pop(setting, None)


setting_changed.connect(_forget, dispatch_uid="chat.conf")
