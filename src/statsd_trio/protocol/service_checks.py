"""Parse a service check line.

The form is ``_sc|<name>|<status>[|<field>]*``. As in the Agent, the byte after ``_sc``
is skipped whatever it is, and the message is kept as sent: escaping newlines is left to
clients.

Source: datadog-agent, comp/dogstatsd/server/impl/parse_service_checks.go.
"""

from typing import Final

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.encoding import encode_escaped, require_utf8
from statsd_trio.protocol.fields import SharedFields, read_origin, split_tags
from statsd_trio.protocol.messages import ServiceCheck, ServiceStatus
from statsd_trio.protocol.numbers import quote

_STATUSES: Final = {str(status.value): status for status in ServiceStatus}
_FORM: Final = "_sc|name|status, with a status of 0, 1, 2 or 3"


def parse_service_check(line: str) -> ServiceCheck:
    r"""Parse a line that begins with ``_sc`` and has no ``\n`` and no final ``\r``.

    Raises:
        ParseError: if the name or the status is missing or wrong. A bad optional field
            only adds a warning.
    """
    name, *rest = line[4:].split("|")
    # The bars are counted over the whole line, because the byte after `_sc` may be
    # anything.
    if line.count("|") < 2 or not rest:
        message = f"A service check needs a name and a status; write {_FORM}."
        raise ParseError(
            Reason.SERVICE_CHECK_FORMAT, len(encode_escaped(line)), message
        )
    if not name:
        message = f"The service check has no name; write {_FORM}."
        raise ParseError(Reason.SERVICE_CHECK_EMPTY_NAME, 4, message)
    require_utf8(name, len(encode_escaped(line[:4])))
    status = _STATUSES.get(rest[0])
    if status is None:
        message = (
            f"{quote(rest[0])} is not a status; write 0 (OK), 1 (WARNING), "
            "2 (CRITICAL) or 3 (UNKNOWN). Lines that begin with _sc are checks."
        )
        column = len(encode_escaped(line[:4] + name)) + 1
        raise ParseError(Reason.SERVICE_CHECK_STATUS, column, message)
    shared = SharedFields()
    if line[3] != "|":
        shared.warnings.append(
            f"The character after _sc is {quote(line[3])} and not '|'; if this is "
            "a metric, its name must not begin with _sc."
        )
    text = ""
    for field in rest[1:]:
        if field.startswith("m:"):
            text = field[2:]
        else:
            shared.take(field)
    tags = split_tags(shared.tags, shared.origin.cardinality)
    return ServiceCheck(
        name=name,
        status=status,
        timestamp=shared.timestamp or None,
        host=shared.host or tags.host,
        message=text,
        tags=tags.tags,
        origin=read_origin(shared.origin, tags),
        unknown_fields=shared.unknown_fields,
        warnings=tuple(shared.warnings),
    )
