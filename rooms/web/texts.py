"""The texts that the page's script shows, by the key it knows them under. It fills in `{name}`.

Of `one` and `other` the browser chooses by the plural rule of the language.
"""

from django.utils.translation import gettext_lazy as _

ERRORS = {
    "bad-json": _("The server could not read this."),
    "bad-frame": _("The server did not accept this."),
    "unknown-type": _("The server does not know this command."),
    "too-large": _("This message is too long."),
    "auth-required": _("You are not signed in any more."),
    "auth-expired": _("Your sign-in has expired."),
    "forbidden": _("You are not allowed to do this."),
    "no-such-room": _("There is no such room, or it is not open to you."),
    "not-in-room": _("You are not in this room any more."),
    "muted": _("You may read here, but not write for now."),
    "banned": _("You are banned here."),
    "conflict": _("Another message was sent in place of this one."),
    "rate-limited": _("That was too fast. Wait a moment."),
    "unavailable": _("The server is busy. Try again in a moment."),
    "internal": _("Something went wrong on the server."),
    "connection-lost": _("The connection was lost before an answer came."),
    "disconnected": _("There is no connection."),
    "identity-changed": _("Another account is signed in now."),
}

CLOSED = {
    "1008": _("You are signed out. Sign in again to go on."),
    "4100": _("Your sign-in has expired. Sign in again to go on."),
    "4101": _("You are signed out. Sign in again to go on."),
    "4102": _("You are banned from this server."),
    "4103": _("A moderator has ended your connection."),
    "4104": _("The connection was ended: too many mistakes in too short a time."),
    "4105": _("You are connected too many times. Close another window and try again."),
    "identity-changed": _("Another account is signed in now. Reload the page to use it."),
    "other": _("The connection was closed."),
}

TEXTS = {
    "title": _("Chat"),
    "errors": ERRORS,
    "closed": CLOSED,
    "connecting": _("Connecting…"),
    "ready": _("Connected"),
    "waiting": _("No connection. Reconnecting…"),
    "anonymous": _("You are not signed in any more."),
    "membersHere": {"one": _("{count} person here"), "other": _("{count} people here")},
    "membersOfRoom": {"one": _("{room}, {count} person"), "other": _("{room}, {count} people")},
    "unreadOfRoom": {"one": _("{count} unread message"), "other": _("{count} unread messages")},
    "createRoom": _("Create “{room}”"),
    "rooms": _("Rooms"),
    "otherRooms": _("Other rooms"),
    "noRooms": _("No rooms yet. Type a name above to create the first."),
    "noMatch": _("No room has this in its name."),
    "moreRooms": _("{count} more. Type to find them."),
    "badRoomName": _("A name has 1 to 80 letters, digits, dots, dashes or underscores."),
    "joined": _("{name} joined"),
    "left": _("{name} left"),
    "edited": _("(edited)"),
    "messageTo": _("Message to {room}"),
    "emptyRoom": _("Nothing has been said here yet. Say hello!"),
    "beginning": _("This is where {room} begins."),
    "sending": _("Sending…"),
    "notSent": _("Not sent. {reason}"),
    "charactersLeft": {"one": _("{count} character left"), "other": _("{count} characters left")},
    "charactersOver": {"one": _("{count} character too many"), "other": _("{count} characters too many")},
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "you": _("{name} (you)"),
    "somebody": _("Deleted user"),
    "othersHere": {"one": _("and {count} more person"), "other": _("and {count} more people")},
    "fromAdmin": _("{name}, to everybody, as an administrator"),
    "fromPerson": _("{name}, to everybody"),
    "newMessages": {"one": _("{count} new message"), "other": _("{count} new messages")},
    "latest": _("To the latest messages"),
}
