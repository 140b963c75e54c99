"""Reporting messages and people to the moderators."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.reports import ReportMessage, ReportUser
from rooms.services import reports
from rooms.sockets.answers import acknowledge


async def report_message(_node: Node, connection: Connection, command: ReportMessage) -> None:
    await database.call(
        reports.report_message,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        reason=command.reason,
    )
    acknowledge(connection, command)


async def report_user(_node: Node, connection: Connection, command: ReportUser) -> None:
    await database.call(
        reports.report_user,
        actor=connection.identity.acts("socket"),
        username=command.username,
        reason=command.reason,
        name=command.name,
    )
    acknowledge(connection, command)


HANDLERS = {ReportMessage: report_message, ReportUser: report_user}
