"""Changing one's own password, and asking for it before something that cannot be undone.

Wrong ones are counted as at the sign-in. Hashing takes 50-100 ms: never on the event loop.
"""

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import devices, guesses, services
from accounts.models import User
from rooms import names
from rooms.errors import AuthRequired, Forbidden


def confirm(*, user: User, password: str, address: str, door: str) -> None:
    """Raises Forbidden for what is not the user's password, or, of somebody who has none here, their username;
    RateLimited after too many of those."""
    try:
        with guesses.password(username=user.username, address=address, door=door):
            _compare(user, password)
    except AuthRequired:
        raise Forbidden("Wrong password") from None


def _compare(user: User, password: str) -> None:
    """Raises AuthRequired when it is not right."""
    has_password = user.has_usable_password()
    if not (user.check_password(password) if has_password else names.key(password) == user.username_key):
        raise AuthRequired


def change(*, user: User, old: str, new: str, address: str) -> None:
    """Signs every device of the user out. Raises what `confirm` raises, and ValidationError for a new one that will not
    do."""
    if not user.has_usable_password():
        raise Forbidden("This account has no password here")
    confirm(user=user, password=old, address=address, door="rest")
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise ValidationError({"newPassword": error.error_list}) from None
    services.set_password(user=user, password=new)


def keep_signed_in(request: HttpRequest, user: User) -> None:
    """This browser goes on after a change, with a new session key; its open sockets have the old one and are closed."""
    update_session_auth_hash(request, user)
    devices.keep_browser(user=user, session=request.session)
