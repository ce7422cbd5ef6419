"""The course and its chapters as linked data (JSON-LD, the words of schema.org).

Addresses are in it only when the site's address is known: an ``@id`` is absolute or absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .chapters import Chapter
from .citation import Citation

LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/"
COURSE_PAGE = "book/intro.html"


@dataclass(frozen=True)
class Place:
    """Where the site is: its address with a slash at the end, or empty when it is not known."""

    address: str

    def identity(self, page: str) -> dict[str, str]:
        """``@id`` and ``url`` of a page; nothing without an address."""
        url = f"{self.address}{page}"
        return {"@id": url, "url": url} if self.address else {}


def duration(seconds: float) -> str:
    """Seconds as ISO 8601 says it, in whole minutes from one minute on: ``PT40S``, ``PT1H5M``."""
    if seconds < 60:
        return f"PT{max(round(seconds), 1)}S"
    hours, minutes = divmod(round(seconds / 60), 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")


def chapter_page(chapter: Chapter) -> str:
    """A chapter's page from the site's root."""
    return f"notebooks/{chapter.stem}.html"


def _common(citation: Citation, description: str) -> dict[str, Any]:
    authors = [{"@type": "Organization", "name": name} for name in citation.authors]
    return {
        "@context": "https://schema.org",
        "description": description,
        "inLanguage": "en",
        "license": LICENCE,
        "author": authors,
        "datePublished": citation.released,
        "version": citation.version,
        "isAccessibleForFree": True,
        "educationalLevel": "intermediate",
    }


def course(
    citation: Citation, chapters: Sequence[Chapter], description: str, place: Place
) -> dict[str, Any]:
    """The course with the chapters that exist."""
    parts = [
        {
            "@type": "LearningResource",
            **place.identity(chapter_page(chapter)),
            "name": chapter.title,
            "description": chapter.summary,
            "position": chapter.number,
        }
        for chapter in chapters
        if chapter.notebook
    ]
    common = _common(citation, description)
    return {
        **common,
        "@type": "Course",
        **place.identity(COURSE_PAGE),
        "name": citation.title,
        "provider": common["author"][0],
        "hasPart": parts,
    }


def resource(
    citation: Citation,
    chapter: Chapter,
    name: str,
    description: str,
    teaches: Sequence[str],
    published: Mapping[str, Any],
    place: Place,
) -> dict[str, Any]:
    """One chapter; ``timeRequired`` is the measured time of the published run."""
    tier = published.get("tier", "")
    seconds = published.get("timings", {}).get(tier, {}).get("wall_s")
    facts = {
        "teaches": list(teaches),
        "timeRequired": duration(seconds) if seconds else "",
        "dateModified": str(published.get("date", ""))[:10],
        "competencyRequired": chapter.needs,
    }
    return {
        **_common(citation, description),
        "@type": "LearningResource",
        **place.identity(chapter_page(chapter)),
        "name": name,
        "learningResourceType": "executable notebook",
        "position": chapter.number,
        "isPartOf": {"@type": "Course", **place.identity(COURSE_PAGE), "name": citation.title},
        **{key: value for key, value in facts.items() if value},
    }


def script(data: Mapping[str, Any]) -> str:
    """The data as a script element; nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'
