"""Whose access token this is; the chat's CHAT_TOKEN_READER."""

from django.db.models import Exists

from accounts import tokens
from accounts.models import SignIn, User
from rooms.callers import Caller
from rooms.errors import AuthRequired


def by_token(token: str) -> Caller:
    """The user of an access token, as the database has them now; raises AuthRequired or AuthExpired."""
    claims = tokens.read_access(token)
    users = User.objects.all()
    if claims.sign_in:
        sign_ins = SignIn.objects.filter(pk=claims.sign_in, user_id=claims.user_id, revoked_at=None)
        users = users.annotate(is_open=Exists(sign_ins))
    user = users.filter(pk=claims.user_id).first()
    if user and not user.is_active:
        raise AuthRequired("This account is deactivated")
    if not user or user.stamp() != claims.stamp:
        raise AuthRequired("Token is no longer valid")
    if not getattr(user, "is_open", True):
        raise AuthRequired("Signed out")
    return Caller(user, claims.expires_at.timestamp())
