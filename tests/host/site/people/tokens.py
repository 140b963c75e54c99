"""Tokens of the project's own making, for programs."""

from django.contrib.auth import get_user_model
from django.core import signing

from rooms import AuthRequired, Caller


def make(person):
    return signing.dumps(str(person.pk), salt="intranet.token")


def read(token):
    try:
        key = signing.loads(token, salt="intranet.token")
    except signing.BadSignature:
        raise AuthRequired("Not a token of the intranet") from None
    person = get_user_model().objects.filter(pk=key).first()
    if person is None or not person.is_active:
        raise AuthRequired
    return Caller(person)
