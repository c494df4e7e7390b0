"""What a browser calls itself, as people know it: enough to tell one's own sessions apart."""

from collections.abc import Sequence

from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

# The first mark that is there counts: later ones stand in the names of others too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_name(agent: str) -> Text:
    """Return the name of a browser and of what it runs on, by its User-Agent."""
    browser, system = _first(_BROWSERS, agent), _first(_SYSTEMS, agent)
    if not browser or not system:
        return _("Another browser")
    return _("%(browser)s on %(system)s", browser=browser, system=system)


def _first(table: Sequence[tuple[str, str]], agent: str) -> str:
    return next((name for mark, name in table if mark in agent), "")
