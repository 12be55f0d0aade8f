"""The API that the routing bench routes: 200 METHOD+pattern pairs in 18 shapes, 36 of them static.

It is made up, and built as large public APIs are: some resources with a few things below each, and
one, here `projects`, with very many. `:` is a parameter; parameters are named by their place, `p1`,
`p2`, as some routers want one name at one place.
"""

from collections.abc import Callable

# Methods by their first letter, A for PATCH.
API = """
GP /people/all
G  /people/search
GA /session/me
G  /session/scopes
PD /session/tokens
GP /session/emails
GP /session/keys
GPD /session/avatar
G  /search/people
G  /search/projects
G  /search/tickets
GA /settings/profile
GA /settings/mail
GU /settings/plan/seats
G  /settings/plan/invoices
GP /hooks/all
GP /teams/all
G  /teams/templates/all
G  /meta/limits
G  /meta/version
GU /meta/banner/text
GP /imports/jobs/all

GAD /people/:
G  /people/:/projects
G  /people/:/teams
G  /people/:/stars
G  /people/:/events
GP /people/:/keys
G  /people/:/events/public
GD /people/:/keys/:
G  /people/:/events/teams/:
GUD /people/:/follows/:
GUD /people/:/blocks/:
GAD /session/keys/:
GUD /session/stars/:/:
GAD /teams/:
GP /teams/:/hooks
G  /teams/:/members
G  /teams/:/projects
G  /teams/:/events
G  /teams/:/invitations
GUD /teams/:/members/:
GAD /teams/:/hooks/:
P  /teams/:/hooks/:/tests
GUD /teams/:/projects/:/:
GAD /hooks/:
G  /hooks/:/calls
G  /hooks/:/calls/:
GA /imports/:
GD /imports/jobs/:
G  /imports/jobs/:/log
G  /uploads/:/:
GAD /snippets/:
GP /snippets/:/comments
GP /snippets/:/forks
GUD /snippets/:/star
GAD /snippets/:/comments/:

GAD /projects/:/:
GP /projects/:/:/branches
GP /projects/:/:/tags
GP /projects/:/:/commits
GP /projects/:/:/comments
GP /projects/:/:/tickets
GP /projects/:/:/labels
GP /projects/:/:/goals
GP /projects/:/:/merges
GP /projects/:/:/releases
GP /projects/:/:/keys
GP /projects/:/:/hooks
GP /projects/:/:/forks
G  /projects/:/:/members
G  /projects/:/:/stars
G  /projects/:/:/events
G  /projects/:/:/languages
G  /projects/:/:/archive
GUD /projects/:/:/pages
GD /projects/:/:/branches/:
G  /projects/:/:/tags/:
G  /projects/:/:/commits/:
GAD /projects/:/:/comments/:
GA /projects/:/:/tickets/:
GAD /projects/:/:/labels/:
GAD /projects/:/:/goals/:
GA /projects/:/:/merges/:
GAD /projects/:/:/releases/:
GD /projects/:/:/keys/:
GAD /projects/:/:/hooks/:
GUD /projects/:/:/members/:
GP /projects/:/:/deployments
GP /projects/:/:/invitations
GAD /projects/:/:/invitations/:
G  /projects/:/:/deployments/:
GP /projects/:/:/deployments/:/states
G  /projects/:/:/contents
GUD /projects/:/:/topics/:
G  /projects/:/:/stats/weekly
G  /projects/:/:/stats/people
GP /projects/:/:/git/blobs
GP /projects/:/:/git/trees
GP /projects/:/:/tickets/:/comments
GP /projects/:/:/tickets/:/labels
GP /projects/:/:/merges/:/files
G  /projects/:/:/merges/:/reviews
G  /projects/:/:/commits/:/checks
P  /projects/:/:/hooks/:/tests
GP /projects/:/:/releases/:/assets
G  /projects/:/:/git/blobs/:
G  /projects/:/:/git/trees/:
"""
METHODS = {"G": "GET", "P": "POST", "U": "PUT", "D": "DELETE", "A": "PATCH"}

Pair = tuple[str, tuple[str | None, ...]]


def pairs() -> list[Pair]:
    """Return the method and the segments of each route, None for a parameter."""
    made: list[Pair] = []
    for line in filter(None, API.splitlines()):
        letters, text = line.split()
        segments = tuple(None if part == ":" else part for part in text[1:].split("/"))
        made += [(METHODS[letter], segments) for letter in letters]
    return made


def pattern(segments: tuple[str | None, ...], write: Callable[[str], str]) -> str:
    """Write a pattern in the syntax of a router."""
    return "".join(
        f"/{write(f'p{at}') if text is None else text}" for at, text in enumerate(segments, 1)
    )


def path(segments: tuple[str | None, ...]) -> str:
    """Return a path that matches: parameters of a usual length."""
    return "".join(
        f"/{f'item-{at}04' if text is None else text}" for at, text in enumerate(segments)
    )


def missing(segments: tuple[str | None, ...]) -> str:
    """Return a path that no route has: its last static text is another one, or else its first."""
    places = [at for at, text in enumerate(segments) if text is not None]
    for place in (places[-1], places[0]):
        texts = [f"item-{at}04" if text is None else text for at, text in enumerate(segments)]
        texts[place] += "-x"
        if not any(_fits(other, texts) for _, other in pairs()):
            break
    return "/" + "/".join(texts)


def _fits(segments: tuple[str | None, ...], texts: list[str]) -> bool:
    return len(segments) == len(texts) and all(
        meant in (None, text) for meant, text in zip(segments, texts, strict=True)
    )
