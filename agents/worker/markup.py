# SPDX-License-Identifier: Apache-2.0
"""XML of products, parsed so that no document can do harm."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from streams.errors import DamagedProduct

LARGEST = 32 << 20
"""Bytes of the largest document read; annotations have 1 to 2 MB."""


def parse(name: str, document: bytes) -> Element:
    """The root of a document, its elements by local name, without namespaces.

    Raises:
        DamagedProduct: too large, not well-formed, or with a document type (in which
            entities are declared that grow without bound or read other files; SAFE
            never has one).
    """
    if len(document) > LARGEST:
        raise DamagedProduct(f"{name}: more than {LARGEST} bytes")
    builder = TreeBuilder()
    # `ElementTree.XMLParser` offers no way to refuse a document type.
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda name, given: builder.start(_local(name), given)
    parser.EndElementHandler = lambda name: builder.end(_local(name))
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, _DocumentType) as error:
        raise DamagedProduct(f"{name}: not XML of a product: {error}") from error
    root = builder.close()
    assert isinstance(root, Element)
    return root


def _local(name: str) -> str:
    return name.rpartition("}")[2]


class _DocumentType(Exception):
    """A document has a document type."""


def _refuse(*_: object) -> None:
    raise _DocumentType("it has a document type")
