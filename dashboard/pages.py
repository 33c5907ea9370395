"""The pages, in the order of the navigation: a new page is one folder here and one line below."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page by the name of its folder."""

    name: str
    title: str
    icon: str

    @property
    def script(self) -> str:
        """The page's file, relative to the router's."""
        return f"{self.name}/page.py"

    @property
    def address(self) -> str:
        """Where it is served; the first page stands at the root."""
        return "/" if self is PAGES[0] else f"/{self.name}"


PAGES = (
    Page("explain", "Explain", ":material/image_search:"),
    Page("compare", "Compare", ":material/compare:"),
    Page("curves", "Curves", ":material/show_chart:"),
    Page("leaderboard", "Leaderboard", ":material/leaderboard:"),
    Page("methods", "Methods", ":material/school:"),
)
