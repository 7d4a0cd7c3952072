# SPDX-License-Identifier: Apache-2.0
"""Pages of long lists: so many after a given one, in a stable order."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query, Request, Response

Limit = Annotated[int, Query(ge=1, le=1000, description="Largest number of entries.")]
After = Annotated[str, Query(description="The page begins after this entry.")]


def following(
    request: Request,
    response: Response,
    rows: Sequence[dict[str, Any]],
    key: str,
    limit: int,
    total: int,
) -> str | None:
    """`after` of the next page; None when this one is not full.

    The same as a `Link` header, and the length of the whole list as `X-Total-Count`.
    """
    response.headers["X-Total-Count"] = str(total)
    if len(rows) < limit:
        return None
    after = str(rows[-1][key])
    url = request.url.include_query_params(after=after, limit=limit)
    response.headers["Link"] = f'<{url}>; rel="next"'
    return after
