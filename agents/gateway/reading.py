# SPDX-License-Identifier: Apache-2.0
"""What the routes need of the read model and of the object store."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request


class ReadModel(Protocol):
    """Named queries over the projected tables."""

    async def fetch(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """Rows of a named query."""
        ...


class Documents(Protocol):
    """Small JSON objects of the object store. They never change."""

    async def read(self, uri: str) -> dict[str, Any]:
        """The document under a URI."""
        ...


def _model(request: Request) -> ReadModel:
    model: ReadModel = request.app.state.model
    return model


def _documents(request: Request) -> Documents:
    documents: Documents = request.app.state.documents
    return documents


Model = Annotated[ReadModel, Depends(_model)]
Store = Annotated[Documents, Depends(_documents)]
