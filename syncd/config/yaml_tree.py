"""Reads a YAML file into a tree in which every value knows its line. No other module knows YAML.

Scalars are read as in YAML 1.2: ``yes``, ``no``, ``on``, ``off``, dates and ``12:30`` are text, and a key is always
text. A number that two readers of YAML could read differently (``007``) is refused. Size, depth and the number of
values with aliases expanded are bounded, so that no file can exhaust the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from syncd.config.tree import Item, Key, KeyPath, Node

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_NODES = 100_000
"""Bounds of one file: its bytes, its levels, and its values with every alias expanded."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,99}")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
_AMBIGUOUS = re.compile(r"[-+]?0[0-9_]+(\.[0-9]*)?|[-+]?0[xob][0-9a-fA-F_]+")
_UNSAFE = re.compile("[\0\ud800-\udfff]")
# The C parser is much faster; PyYAML lacks it where libyaml was missing when it was built.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYaml(Exception):
    """The file is no usable YAML. ``line`` is 1-based; ``sentence`` says what is wrong there."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Flaw:
    """A mistake after which the rest of the file can still be read."""

    line: int
    path: KeyPath
    sentence: str


class _Name(NamedTuple):
    text: str
    line: int
    merges: bool


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read; ``key`` waits for its value, ``merged`` holds the mappings of ``<<``."""

    node: Node
    path: KeyPath
    key: _Name | None = None
    merged: list[Node] = field(default_factory=list)

    @property
    def needs_key(self) -> bool:
        return self.node.kind == "mapping" and self.key is None


def read_tree(path: Path) -> tuple[Node, list[Flaw]]:
    """Return the tree of the document in ``path``, a mapping, and its flaws.

    Raises:
        NotYaml: the file cannot be read, is not one YAML mapping in UTF-8, or exceeds a bound.

    """
    text = _text(path)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.reader.ReaderError as error:
        raise NotYaml(1, "holds a control character, which YAML does not allow") from error
    except yaml.MarkedYAMLError as error:
        raise _explained(error) from None
    if builder.root is None or (builder.root.kind == "scalar" and builder.root.value is None):
        raise NotYaml(1, "is empty: it must hold keys and values")
    if builder.root.kind != "mapping":
        raise NotYaml(builder.root.line, "must hold keys and values (key: value), not a list or a single text")
    return builder.root, builder.flaws


def read_plain(path: Path) -> Any:
    """Return the values of a YAML file that belongs to the program itself, as dicts, lists and scalars."""
    tree, _ = read_tree(path)
    return tree.plain()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotYaml(1, "does not exist") from None
    except (OSError, ValueError) as error:
        raise NotYaml(1, f"cannot be read: {getattr(error, 'strerror', None) or 'not a usable name'}") from None
    if len(raw) > MAX_BYTES:
        raise NotYaml(1, f"is larger than {MAX_BYTES:,} bytes: this is no configuration")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise NotYaml(line, "is not in UTF-8: save the file in this encoding") from None
    # The parser refuses control characters too, but the C parser does not say in which line.
    for number, line_text in enumerate(text.split("\n"), 1):
        if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", line_text):
            raise NotYaml(number, "holds a control character, which YAML does not allow")
    return text


class _Builder:
    """Builds the tree from the parser's events."""

    # From events, not by yaml.compose: that one recurses, and a file of brackets would end the process.

    def __init__(self) -> None:
        self.root: Node | None = None
        self.flaws: list[Flaw] = []
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                raise NotYaml(line, "a second document begins (---): one file holds one")
            case yaml.AliasEvent():
                self._place(self._aliased(event, line), line)
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.MappingStartEvent():
                self._begin(Node(line, "mapping", flow=bool(event.flow_style)), event)
            case yaml.SequenceStartEvent():
                self._begin(Node(line, "list"), event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()

    def _aliased(self, event: yaml.AliasEvent, line: int) -> Node:
        node = self._anchors.get(str(event.anchor))
        if node is None:
            raise NotYaml(line, f"the alias *{event.anchor} has no anchor above it; quote a text that begins with '*'")
        if node.open:
            raise NotYaml(line, f"the alias *{event.anchor} stands inside its own anchor")
        return node

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._check_tag(event.tag, line)
        text = str(event.value)
        plain = bool(event.implicit[0]) and not event.style
        frame = self._frames[-1] if self._frames else None
        if frame and frame.needs_key:
            self._key(frame, text, line, plain=plain)
            return
        value = _resolved(text) if plain else text
        node = Node(line, "scalar", value=value, null=value is None and bool(text))
        path = self._here()
        if _UNSAFE.search(text):
            self.flaws.append(Flaw(line, path, "holds a NUL or half a character: remove it"))
        # 010 is 8 in YAML 1.1 and 10 in YAML 1.2: as an account number it would lose its zero in both.
        if plain and _AMBIGUOUS.fullmatch(text):
            sentence = f'is written {text}, which YAML may read as another number: put it in quotes ("{text}")'
            self.flaws.append(Flaw(line, path, f"{sentence} if it is text, or write it without leading zeros"))
        if event.anchor:
            self._anchors[event.anchor] = node
        self._place(node, line)

    def _key(self, frame: _Frame, text: str, line: int, *, plain: bool) -> None:
        # Not a flaw but the end: without the key there is no place for the value that follows.
        if plain and text in {"", "~"}:
            raise NotYaml(line, "a value stands without a key: write key: value")
        if _UNSAFE.search(text):
            raise NotYaml(line, "a key holds a NUL or half a character: remove it")
        merges = plain and text == "<<"
        # YAML readers keep the last of two equal keys and say nothing: one of two sources would be lost.
        if not merges and text in frame.node.items:
            sentence = f"stands twice, in lines {frame.node.items[text].line} and {line}: remove one of them"
            self.flaws.append(Flaw(line, (*frame.path, text), sentence))
        frame.key = _Name(text, line, merges)

    def _begin(self, node: Node, event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event.tag, node.line)
        if self._frames and self._frames[-1].needs_key:
            raise NotYaml(node.line, "a key must be a text, not a list or a mapping; quote a text that begins so")
        if len(self._frames) >= MAX_DEPTH:
            raise NotYaml(node.line, f"nests deeper than {MAX_DEPTH} levels")
        node.open = True
        if event.anchor:
            self._anchors[event.anchor] = node
        self._frames.append(_Frame(node, self._here()))

    def _end(self) -> None:
        frame = self._frames.pop()
        # Merged keys come last and only fill gaps, wherever the `<<` stands.
        for source in frame.merged:
            for key, item in source.items.items():
                frame.node.items.setdefault(key, item)
        frame.node.open = False
        self._place(frame.node, frame.node.line)

    def _place(self, node: Node, line: int) -> None:
        if not self._frames:
            self.root = node
            return
        frame = self._frames[-1]
        if frame.node.kind == "list":
            frame.node.items[len(frame.node.items)] = Item(line, node)
        elif frame.key is None:
            raise NotYaml(line, "a key must be a text, not an alias")
        else:
            name, frame.key = frame.key, None
            if name.merges:
                frame.merged += _merged(node, line)
            else:
                frame.node.items.setdefault(name.text, Item(name.line, node))
        self._grow(frame.node, node)

    def _grow(self, node: Node, child: Node) -> None:
        # An alias shares its node, so a small file can stand for billions of values: count them expanded.
        node.size += child.size
        node.height = max(node.height, child.height + 1)
        if node.size > MAX_NODES:
            sentence = f"holds more than {MAX_NODES:,} values, aliases expanded: this is no configuration"
            raise NotYaml(node.line, sentence)
        if node.height > MAX_DEPTH:
            raise NotYaml(node.line, f"nests deeper than {MAX_DEPTH} levels, aliases expanded")

    def _here(self) -> KeyPath:
        """Return the path of the next value."""
        if not self._frames:
            return ()
        frame = self._frames[-1]
        key: Key = frame.key.text if frame.key else len(frame.node.items)
        return (*frame.path, key)

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag not in {None, "!", "tag:yaml.org,2002:str"}:
            raise NotYaml(line, "holds a YAML tag (!...), which is not used here; quote a text that begins with '!'")


def _merged(node: Node, line: int) -> list[Node]:
    sources = [item.node for item in node.items.values()] if node.kind == "list" else [node]
    if any(source.kind != "mapping" for source in sources):
        raise NotYaml(line, "'<<' merges mappings only: write <<: *NAME of a mapping")
    return sources


def _resolved(text: str) -> str | float | bool | None:
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


_EXPLAINED = (
    ("mapping values are not allowed", "a ': ' stands where no key can be: quote the text, or mind the indentation"),
    ("while parsing a quoted scalar", "a backslash in double quotes means something else: use single quotes"),
    ("while scanning a quoted scalar", "a quote is opened here and never closed"),
    ("while parsing a flow sequence", "a '[' is opened here and not closed, or a comma is missing"),
    ("while parsing a flow mapping", "a '{' is opened here and not closed; a template or a ${NAME} is put in quotes"),
    ("while scanning an alias", "a text that begins with '*' must be in quotes"),
    ("while scanning an anchor", "a text that begins with '&' must be in quotes"),
    ("while scanning a directive", "a text that begins with '%' must be in quotes"),
    ("while scanning a block scalar", "a text that begins with '|' or '>' must be in quotes"),
    ("while scanning a simple key", "a key needs ': ' after it"),
    ("while parsing a block", "does not fit the lines above: mind the indentation; quote a text that begins with '{'"),
    ("did not find expected", "does not fit the lines above: mind the indentation"),
)


def _explained(error: yaml.MarkedYAMLError) -> NotYaml:
    """Return the parser's error as a plain sentence, at the line that a person must look at."""
    message = f"{error.context or ''}; {error.problem or ''}"
    # A quote or bracket that is never closed is noticed at the end of the file: show the line where it was opened.
    opened = "scalar" in message or "flow" in message
    mark = (error.context_mark if opened else None) or error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    if "cannot start any token" in message:
        return NotYaml(line, "a tab indents, or a text begins with '@', '`' or '%': indent with spaces, quote the text")
    for part, sentence in _EXPLAINED:
        if part in message:
            return NotYaml(line, f"is not YAML: {sentence}")
    return NotYaml(line, f"is not YAML: {error.problem or error.context}")
