"""Logging: one line an event to standard error, `key=value` for people or JSON for machines; control characters are
escaped by both. No patient's name or id above DEBUG."""

import logging
import sys

import structlog


def set_up(role: str, as_json: bool = False, level: int = logging.INFO) -> None:
    """Set up structlog, each line with the role, and quieten libraries that log addresses or contents."""
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "role", "event"])
    )
    structlog.configure(
        processors=[
            lambda _, __, line: {"role": role, **line},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for name in ("httpx", "httpcore", "pydicom", "PIL"):
        logging.getLogger(name).setLevel(logging.ERROR)
