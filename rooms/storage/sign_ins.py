"""What keeps somebody from signing in, whatever proof they have: one statement for each sign-in."""

from typing import Any

from django.db import connection

from rooms.models import RightsChange, ServerBan
from rooms.storage.columns import USER, USER_ID, column, columns, table
from rooms.storage.rows import SignInState, read

SOURCES = {
    "banned_until": column(ServerBan, "until"),
    "ban_reason": f"COALESCE({column(ServerBan, 'reason')}, '')",
    "disconnects": f"COALESCE({column(RightsChange, 'disconnects')}, 0)",
}
STATE = f"""
    SELECT {columns(SignInState, SOURCES)} FROM {USER}
    LEFT JOIN {table(ServerBan)} ON {column(ServerBan, "user")} = {USER_ID}
    LEFT JOIN {table(RightsChange)} ON {column(RightsChange, "user_key")} = %s
    WHERE {USER_ID} = %s
"""


def sign_in_state(*, user_id: Any) -> SignInState:
    with connection.cursor() as cursor:
        cursor.execute(STATE, [str(user_id), user_id])
        rows = read(SignInState, cursor.fetchall())
    return rows[0] if rows else SignInState(None, "", 0)
