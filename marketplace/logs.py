"""How a log record becomes a line: for people on a terminal, as JSON in production."""

from __future__ import annotations

import re
from typing import Literal

import structlog


class Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders records of structlog and of the standard library alike."""

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,
        *,
        json: bool = False,
    ) -> None:
        shared: list[structlog.types.Processor] = [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            _without_addresses,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ]
        renderer: structlog.types.Processor
        if json:
            shared.append(structlog.processors.format_exc_info)
            renderer = structlog.processors.JSONRenderer()
        else:
            # Plain: the pretty one prints local variables, and with them secrets.
            plain = structlog.dev.plain_traceback
            renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
        super().__init__(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            fmt=fmt,
            datefmt=datefmt,
            style=style,
            validate=validate,
        )


_LINK = re.compile(r"(/v1/downloads/)[^\s'\"?]+")


def _without_addresses(_logger: object, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Django adds the request, with what stands in its address: a query, or a link that opens a file, is not logged."""
    request = event.get("request")
    if request is not None and hasattr(request, "method") and hasattr(request, "path"):
        event["request"] = f"{request.method} {request.path}"
    return {key: _LINK.sub(r"\1...", value) if isinstance(value, str) else value for key, value in event.items()}


def configure() -> None:
    """Send structlog through the standard library, so that one formatter writes every line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
