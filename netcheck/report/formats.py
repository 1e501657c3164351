"""Every format by its name. A renderer is pure, a report in and a text out; it is imported when asked for."""

from __future__ import annotations

from collections.abc import Mapping

from netcheck.core.model import Report
from netcheck.report.style import Style


def render(report: Report, name: str, titles: Mapping[str, str], style: Style) -> str:
    """The report in this format, ending in a newline. `titles` are the checks' claims by id; `style` matters
    to the table only. Raises ValueError for a format that there is not.
    """
    match name:
        case "table":
            from netcheck.report import table

            return table.render(report, style, titles)
        case "json":
            from netcheck.report import json

            return json.render(report)
        case "junit":
            from netcheck.report import junit

            return junit.render(report)
        case "markdown":
            from netcheck.report import markdown

            return markdown.render(report, titles)
        case "html":
            from netcheck.report import html

            return html.render(report, titles)
        case "prometheus":
            from netcheck.report import prometheus

            return prometheus.render(report)
        case "github":
            from netcheck.report import github

            return github.render(report)
    raise ValueError(f"{name}: there is no such format")
