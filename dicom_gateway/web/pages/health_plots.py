"""The figures of the last days as plots, in the reader's language."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from babel.dates import format_skeleton
from babel.numbers import format_decimal

from dicom_gateway.storage.figures import DeviceFailures, Figures
from dicom_gateway.web.pages.frame import Visit
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.language import ngettext
from dicom_gateway.web.pages.plots import SECONDS, Plot, Series, Shape, in_words

MOST_DEVICES: Final = 12
_UNITS: Final = (
    (86_400, _("%(value)s d")),
    (3600, _("%(value)s h")),
    (60, _("%(value)s min")),
    (0, _("%(value)s s")),
)


def plots_of(visit: Visit, figures: Figures) -> list[Plot]:
    """Return the plots of a page."""
    words = _Words(visit)
    return [_order_to_image(words, figures), _hours(words, figures), _days(words, figures), _failures(words, figures)]


class _Words:
    """Numbers and days as a reader writes them."""

    def __init__(self, visit: Visit) -> None:
        self.say = visit.say
        self._locale = visit.reader.locale

    def number(self, value: float) -> str:
        return str(format_decimal(round(value, 1), locale=self._locale))

    def seconds(self, value: float) -> str:
        size, text = next((size, text) for size, text in _UNITS if value >= size)
        return self.say(_(text.message, value=self.number(value / max(1, size))))

    def day(self, day: date) -> str:
        return str(format_skeleton("Md", day, locale=self._locale))


def _order_to_image(words: _Words, figures: Figures) -> Plot:
    days = figures.order_to_image
    extent = in_words(one.median for one in days)
    if extent is None:
        description = _("There were no orders with images in these days.")
    else:
        least, most = map(words.seconds, extent)
        description = (
            _("On the days with images, half of the orders took less than %(time)s.", time=most)
            if least == most
            else _(
                "On the days with images, half of the orders took less than %(least)s to %(most)s.",
                least=least,
                most=most,
            )
        )
    return Plot(
        name="order-to-image",
        title=words.say(_("From order to first image, by day")),
        description=words.say(description),
        labels=[words.day(one.day) for one in days],
        series=[
            Series(words.say(_("half of the orders were faster than this")), [one.median for one in days], Shape.ROUND),
            Series(words.say(_("9 of 10 orders were faster than this")), [one.ninetieth for one in days], Shape.SQUARE),
        ],
        shown=words.seconds,
        steps=SECONDS,
    )


def _hours(words: _Words, figures: Figures) -> Plot:
    total = sum(one.today for one in figures.hours)
    usual = sum(one.before for one in figures.hours)
    return Plot(
        name="hours",
        title=words.say(_("Images by hour of the day")),
        description=words.say(
            _(
                "%(today)s images came today; the seven days before had %(usual)s a day on average.",
                today=words.number(total),
                usual=words.number(usual),
            )
        ),
        labels=[str(one.hour) for one in figures.hours],
        series=[
            Series(words.say(_("today")), [one.today for one in figures.hours], Shape.BAR),
            Series(
                words.say(_("average of the seven days before")), [one.before for one in figures.hours], Shape.ROUND
            ),
        ],
        shown=words.number,
    )


def _days(words: _Words, figures: Figures) -> Plot:
    counts = [count for _day, count in figures.images_by_day]
    return Plot(
        name="days",
        title=words.say(_("Images by day")),
        description=words.say(
            ngettext(
                "%(total)s image came in these days.",
                "%(total)s images came in these days.",
                sum(counts),
                total=words.number(sum(counts)),
            )
        ),
        labels=[words.day(day) for day, _count in figures.images_by_day],
        series=[Series(words.say(_("images")), counts, Shape.BAR)],
        shown=words.number,
    )


def _failures(words: _Words, figures: Figures) -> Plot:
    worst = _worst(figures.failures)
    total = sum(map(_total, figures.failures))
    return Plot(
        name="failures",
        title=words.say(_("What went wrong in seven days, by device")),
        description=words.say(ngettext("%(num)s failure in all.", "%(num)s failures in all.", total)),
        labels=[one.ae_title or words.say(_("unknown")) for one in worst],
        series=[
            Series(words.say(_("calls refused")), [one.refused_calls for one in worst], Shape.BAR),
            Series(words.say(_("images refused")), [one.refused_objects for one in worst], Shape.HATCHED),
            Series(words.say(_("studies that lacked images")), [one.incomplete for one in worst], Shape.OUTLINED),
        ],
        shown=words.number,
    )


def _worst(failures: Sequence[DeviceFailures]) -> list[DeviceFailures]:
    return sorted(failures, key=lambda one: (-_total(one), one.ae_title))[:MOST_DEVICES]


def _total(one: DeviceFailures) -> int:
    return one.refused_calls + one.refused_objects + one.incomplete
