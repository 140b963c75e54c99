"""Tokens of other systems: good ones name a person, every other kind is refused, with a reason."""

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from jwt.algorithms import RSAAlgorithm

from accounts import issuers
from rooms.errors import AuthExpired, AuthRequired, ChatError, TooLarge
from tests.support.issuers import (
    AUDIENCE,
    ISSUER,
    SECRET,
    claims,
    forged,
    jwk,
    jwks,
    private_key,
    public_pem,
    secret_token,
    token,
)

HOUR = 3600


@pytest.fixture
def trust(settings: Any) -> Callable[..., None]:
    """Sets the trusted issuers: one with public keys, changed as told, and one with a shared secret."""

    def change(**changes: Any) -> None:
        entry = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": jwks(), **changes}
        partner = {"issuer": "partner", "audience": AUDIENCE, "secret": SECRET}
        settings.CHAT_ISSUERS = [entry, partner]

    change()
    return change


def refusal(text: str) -> ChatError:
    with pytest.raises(ChatError) as raised:
        issuers.read(text)
    return raised.value


# --- Good ones --------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_that_is_signed_by_a_published_key_names_its_person(algorithm: str) -> None:
    person = issuers.read(token(algorithm, email="zoe@example.com"))
    assert (person.issuer.issuer, person.subject, person.username) == (ISSUER, "7", "zoe")
    assert (person.email, person.groups) == ("zoe@example.com", frozenset())


@pytest.mark.usefixtures("trust")
def test_a_token_that_is_signed_by_a_shared_secret_names_its_person() -> None:
    assert issuers.read(secret_token(iss="partner")).subject == "7"


@pytest.mark.usefixtures("trust")
def test_a_token_without_a_key_id_is_read_by_the_only_key_of_its_algorithm() -> None:
    assert issuers.read(token("ES256", key_id=None)).subject == "7"


def test_a_token_without_a_key_id_is_refused_where_several_keys_are_possible(trust: Callable[..., None]) -> None:
    trust(jwks=jwks(jwk("RS256"), jwk("RS256", "other", number=2)))
    assert refusal(token(key_id=None)).message == "Token is signed with an unknown key"
    assert issuers.read(token(key_id="other", number=2)).subject == "7"


@pytest.mark.usefixtures("trust")
def test_clocks_may_differ_by_the_leeway() -> None:
    now = int(time.time())
    assert issuers.read(token(exp=now - 20, nbf=now + 20, iat=now + 20)).subject == "7"


def test_one_of_several_audiences_is_enough(trust: Callable[..., None]) -> None:
    assert issuers.read(token(aud=["another", AUDIENCE])).subject == "7"


# --- Bad ones ---------------------------------------------------------------------------------------------------------
def none_token() -> str:
    return jwt.encode(claims(), None, algorithm="none")


def confused_token() -> str:
    """HS256 with the public key as its secret: good where the token chooses the algorithm."""
    return forged({"alg": "HS256", "kid": "RS256"}, json.dumps(claims()).encode(), public_pem("RS256"))


def embedded_token() -> str:
    """Brings its own key."""
    header = {"kid": "mine", "jwk": jwk("RS256", "mine", number=2), "jku": "https://evil.example.com"}
    return jwt.encode(claims(), private_key("RS256", 2), "RS256", headers=header)


def body_token(body: bytes, **header: Any) -> str:
    return forged({"alg": "HS256", **header}, body, SECRET.encode())


def with_exp(exp: str) -> Callable[[], str]:
    return lambda: body_token(b'{"iss": "partner", "aud": "chat", "sub": "7", "exp": %s}' % exp.encode())


BAD: dict[str, tuple[Callable[[], str], str]] = {
    "unsigned": (none_token, "Token is signed by an algorithm that is not accepted"),
    "HS256 with the public key": (confused_token, "Token is signed by an algorithm that is not accepted"),
    "RS256 where a secret is shared": (
        lambda: token(iss="partner"), "Token is signed by an algorithm that is not accepted",
    ),
    "RS512": (
        lambda: jwt.encode(claims(), private_key("RS256"), "RS512", headers={"kid": "RS256"}),
        "Token is signed by an algorithm that is not accepted",
    ),
    "HS512": (
        lambda: jwt.encode(claims(iss="partner"), SECRET * 2, "HS512"),
        "Token is signed by an algorithm that is not accepted",
    ),
    "an algorithm that is a list": (
        lambda: body_token(json.dumps(claims(iss="partner")).encode(), alg=["HS256"]),
        "Token is signed by an algorithm that is not accepted",
    ),
    "another's key": (lambda: token(number=2), "Token has a wrong signature"),
    "another's secret": (lambda: secret_token("x" * 32, iss="partner"), "Token has a wrong signature"),
    "its own key": (embedded_token, "Token is signed with an unknown key"),
    "an unknown key": (lambda: token(key_id="elsewhere"), "Token is signed with an unknown key"),
    "a key of another type": (lambda: token("ES256", key_id="RS256"), "Token is signed with an unknown key"),
    "a key id that is no text": (
        lambda: body_token(json.dumps(claims(iss="partner")).encode(), kid=1), "Token is not valid",
    ),
    "another audience": (lambda: token(aud="shop"), "Token is for another audience"),
    "no audience": (lambda: token(aud=None), "Token has no claim aud"),
    "another issuer": (lambda: token(iss="https://evil.test/"), "Token is from an issuer that is not trusted here"),
    "no issuer": (lambda: token(iss=None), "Token is from an issuer that is not trusted here"),
    "an issuer that is no text": (
        lambda: body_token(b'{"iss": {}, "aud": "chat"}'), "Token is from an issuer that is not trusted here",
    ),
    "not yet valid": (lambda: token(nbf=int(time.time()) + 120), "Token is not valid yet"),
    "issued in the future": (lambda: token(iat=int(time.time()) + 120), "Token is not valid yet"),
    "no end": (lambda: token(exp=None), "Token has no claim exp"),
    "too far an end": (lambda: token(exp=int(time.time()) + HOUR + 60), "Token is valid for more than 3600 seconds"),
    "an endless end": (with_exp("1e999"), "Token is not valid"),
    "an end that is no number": (with_exp('"soon"'), "Token is not valid"),
    "an end of many digits": (with_exp("9" * 5000), "Token is not valid"),
    "nested too deep": (lambda: body_token(b"[" * 4000), "Token is not valid"),
    "claims that are a list": (lambda: body_token(b"[]"), "Token is not valid"),
    "no token": (lambda: "nonsense", "Token is not valid"),
    "nothing": (lambda: "", "Token is not valid"),
    "no text of a token": (lambda: "é.\ud800.\0", "Token is not valid"),
    "no subject": (lambda: token(sub=None), "Token names nobody in the claim sub"),
    "an empty subject": (lambda: token(sub=""), "Token names nobody in the claim sub"),
    "a subject with NUL": (lambda: token(sub="a\0"), "Token names nobody in the claim sub"),
    "a long subject": (lambda: token(sub="x" * 256), "Token names nobody in the claim sub"),
}  # fmt: skip


@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize("kind", BAD)
def test_a_token_that_is_not_good_is_refused_with_its_reason(kind: str) -> None:
    make, reason = BAD[kind]
    refused = refusal(make())
    assert (type(refused), refused.message) == (AuthRequired, reason)


@pytest.mark.usefixtures("trust")
def test_an_expired_token_says_so() -> None:
    assert isinstance(refusal(token(exp=int(time.time()) - 60)), AuthExpired)


@pytest.mark.usefixtures("trust")
def test_a_huge_token_is_not_looked_at() -> None:
    assert isinstance(refusal(token(preferred_username="x" * issuers.MAX_CHARS)), TooLarge)


def test_a_short_rsa_key_verifies_nothing(trust: Callable[..., None]) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is the point
    trust(jwks={"keys": [RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True)]})
    with pytest.warns(UserWarning, match="below the minimum"):
        text = jwt.encode(claims(), weak, "RS256")
    assert refusal(text).message == "Token is not valid"


def test_without_issuers_no_token_is_good() -> None:
    assert refusal(token()).message == "Token is from an issuer that is not trusted here"


@pytest.mark.usefixtures("trust")
async def test_no_token_is_read_on_the_event_loop() -> None:
    with pytest.raises(SynchronousOnlyOperation):
        issuers.read(token())


def test_a_setting_that_is_wrong_trusts_nobody(trust: Callable[..., None]) -> None:
    trust(audience="")
    with pytest.raises(ImproperlyConfigured, match=r"^CHAT_ISSUERS must be a list of issuers: .*audience"):
        issuers.read(token())


# --- Claims -----------------------------------------------------------------------------------------------------------
def test_claims_are_read_under_the_names_that_the_setting_gives(trust: Callable[..., None]) -> None:
    trust(claims={"subject": "user_id", "username": "login", "email": "mail"})
    person = issuers.read(token(sub=1, user_id=42, login="zoe.k", mail="z@example.com"))
    assert (person.subject, person.username, person.email) == ("42", "zoe.k", "z@example.com")


@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize("subject", [True, 1.5, ["7"], {}])
def test_a_subject_of_another_kind_names_nobody(subject: Any) -> None:
    assert refusal(token(sub=None) if subject is None else _any_subject(subject)).message.startswith(
        "Token names nobody"
    )


def _any_subject(subject: Any) -> str:
    return body_token(json.dumps(claims(iss="partner", sub=subject)).encode())


@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize("value", [None, 7, [], {}, "a\0b"])
def test_a_name_or_an_address_of_another_kind_counts_as_none(value: Any) -> None:
    person = issuers.read(token(preferred_username=value, email=value))
    assert (person.username, person.email) == ("", "")


@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize(("verified", "email"), [(True, "z@x.org"), ("true", "z@x.org"), (False, ""), ("false", "")])
def test_an_address_that_the_issuer_has_not_verified_counts_as_none(verified: Any, email: str) -> None:
    assert issuers.read(token(email="z@x.org", email_verified=verified)).email == email


@pytest.mark.parametrize("roles", [["ops", "staff", 7, None], "ops staff"])
def test_only_mapped_roles_give_groups(trust: Callable[..., None], roles: Any) -> None:
    trust(claims={"roles": "roles"}, groups={"ops": "Moderators", "root": "Administrators"})
    assert issuers.read(token(roles=roles)).groups == {"Moderators"}


@pytest.mark.parametrize("roles", [None, 7, {"ops": 1}, ["Moderators"]])
def test_roles_that_are_not_mapped_give_none(trust: Callable[..., None], roles: Any) -> None:
    trust(claims={"roles": "roles"}, groups={"ops": "Moderators"})
    assert issuers.read(token(roles=roles)).groups == frozenset()
    trust()
    assert issuers.read(token(roles=["ops"])).groups == frozenset()
