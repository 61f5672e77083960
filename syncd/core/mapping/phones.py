"""Cleans the phone columns of a page: splits and normalises numbers, drops duplicates and joins them with ``;``.

Frame expressions handle numbers as most sources write them. Other values are read one by one
(:mod:`syncd.core.mapping.phone_text`), each distinct value once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from syncd.core.mapping.phone_digits import BESIDE, PLACEHOLDER, Found
from syncd.core.mapping.phone_plan import NANP, known_region, nanp_placeholders
from syncd.core.mapping.phone_text import NOTES, numbers_in
from syncd.core.mapping.phone_words import EXTENSION_WORDS, LIST_WORDS
from syncd.core.settings.rules import PhoneRules

SEPARATOR = ";"

LEFT_OUT = "left out"
"""Stands at the end of the problem of a number that is not sent."""

_PLAIN = r"^[ (]*(?:\+?1[ .()-]*)?[2-9][0-9]{2}[ .()-]*[0-9]{3}[ .()-]*[0-9]{4}[ .()-]*$"
"""Ten digits of the North American plan, with or without its 1, in the usual punctuation."""
_WORDS_BEFORE = r"(?:(?:(?:[a-z]+[.,:]?|[0-9]{1,2}[a-z]{0,2}) +)*(?:[a-z]+[.,:]?|[0-9]{1,2}[a-z]{1,2}) +)?"
_WORDS_AFTER = r"(?: +(?:[a-z]+[.,]?|[0-9]{1,2}[a-z]{0,2}))*"
_AMONG_WORDS = (
    rf"^({_WORDS_BEFORE})((?:\+1[ .-]?)?\(?[2-9][0-9]{{2}}\)?[ .-]?[0-9]{{3}}[ .-]?[0-9]{{4}})({_WORDS_AFTER})$"
)
"""One number of the plan among words; what is written otherwise is read one by one."""
_EXTENSION_OR_LIST = rf"(?:^|[^a-z])(?:{EXTENSION_WORDS}|{'|'.join(sorted(LIST_WORDS))})(?:[^a-z]|$)"
_PUNCTUATION = dict.fromkeys(" ()-.+", "")
_UNKNOWN = "the row's region is not known"

# Columns are numbered, since their own names are labels for people and two of them may be equal.


def clean(
    raw: pl.DataFrame, rules: PhoneRules, *, regions: pl.Series | None = None, first: bool = False
) -> pl.DataFrame:
    """Clean one contact field's raw columns: one row out for each row in.

    ``raw``: String columns, in the order of the wanted numbers; problems are reported by the columns' names.
    ``regions``: the text of the region column, if there is one. ``first``: only the first column that holds a number
    counts, instead of all.

    Return the columns ``digits`` (String: ``"2125551234;2125559999"``, "" for none), ``problem`` (String: the reason,
    such as ``"mobile: too short"``, never the number; null without a problem) and ``note`` (String: what else to report
    of the text, such as digits beside a number; null for nothing). ``rules.invalid`` decides on impossible numbers;
    with ``reject`` the digits are as with ``keep``, and the problem makes the row invalid; a note never does.
    """
    region, unknown = _regions(rules, regions)
    plain = _plain(raw, region)
    columns = [_column(*pair, rules, region) for pair in zip(raw.get_columns(), plain.get_columns(), strict=True)]
    page = _numbered(column.digits for column in columns)
    result = page.select(digits=pl.coalesce(page.columns).fill_null("") if first else _all(len(columns)))
    if not first:
        result = _without_repeats(result, [column.digits for column in columns if column.problem is not None])
    problem = _problems(page, [column.problem for column in columns], first=first)
    if unknown is not None:
        problem = _joined([problem, _of_unknown_regions(raw, unknown)])
    note = _problems(page, [column.note for column in columns], first=first)
    return result.with_columns(problem.alias("problem"), note.alias("note"))


def canonical(value: pl.Expr) -> pl.Expr:
    """Return a joined value in canonical form: its numbers sorted, each once."""
    # Most values are one number or two: without a split into lists they cost much less.
    pair = value.str.splitn(SEPARATOR, 2)
    left, right = pair.struct[0], pair.struct[1]
    many = pl.when(right.str.contains(SEPARATOR, literal=True)).then(value)
    listed = many.str.split(SEPARATOR).list.unique().list.sort().list.join(SEPARATOR)
    return (
        pl.when(right.is_null() | (left < right) & many.is_null())
        .then(value)
        .when(many.is_not_null())
        .then(listed)
        .when(left == right)
        .then(left)
        .otherwise(right + SEPARATOR + left)
    )


def national(value: pl.Expr) -> pl.Expr:
    """Return a joined value whose numbers of the North American plan have no leading 1."""
    return value.str.replace_all(r"(^|;)1(\d{10})\b", "${1}${2}")


def is_unread(problem: pl.Expr) -> pl.Expr:
    """Return whether a value without a number holds a text that may mean one; a placeholder means none."""
    return problem.is_not_null() & ~problem.str.contains(rf"^[^;]*: {PLACEHOLDER}, {LEFT_OUT}$")


def _regions(rules: PhoneRules, regions: pl.Series | None) -> tuple[str | pl.Series, pl.Series | None]:
    """Return the region of all rows, or of each row, and the rows that name a region that does not exist."""
    fallback = known_region(rules.region) or "US"
    if regions is None:
        return fallback, None
    names = regions.fill_null("")
    known = {name: known_region(name) for name in names.unique()}
    unknown = {name for name, code in known.items() if name.strip() and code is None}
    codes = names.replace_strict({name: code or fallback for name, code in known.items()}, return_dtype=pl.String)
    return codes, names.is_in(list(unknown)) if unknown else None


class _Column(NamedTuple):
    """One column's joined digits (null for none); its problems and notes if a value was read one by one."""

    digits: pl.Series
    problem: pl.Series | None = None
    note: pl.Series | None = None


def _column(raw: pl.Series, plain: pl.Series, rules: PhoneRules, region: str | pl.Series) -> _Column:
    label, raw = raw.name, raw.alias("raw")
    # The values that the plain form does not fit: few as a rule.
    odd = (plain.is_null() & (raw != "")).arg_true()
    if not odd.len():
        return _Column(plain)
    values = pl.DataFrame([raw.gather(odd), _at(region, odd)])
    quick = _among_words(values.unique(), label)
    slow = _read(quick.filter(pl.col("digits").is_null()).select("raw", "region"), rules, label)
    read = pl.concat([quick.drop_nulls("digits"), slow])
    read = values.join(read, on=["raw", "region"], how="left", maintain_order="left")
    none = _nulls(raw.len())
    return _Column(
        plain.scatter(odd, read["digits"]),
        none.scatter(odd, read["problem"]),
        _nulls(raw.len()).scatter(odd, read["note"]),
    )


def _numbered(columns: Iterable[pl.Series]) -> pl.DataFrame:
    return pl.DataFrame([series.alias(f"d{n}") for n, series in enumerate(columns)])


def _nulls(height: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, height)


def _plain(raw: pl.DataFrame, region: str | pl.Series) -> pl.DataFrame:
    """Return the ten digits of values that :data:`_PLAIN` fits, in rows of the plan's regions; else null."""
    page = _numbered(raw.get_columns())
    if isinstance(region, str) and region not in NANP:
        return page.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in page.columns)
    fits = {name: pl.col(name).str.contains(_PLAIN) for name in page.columns}
    if isinstance(region, pl.Series):
        page = page.with_columns(region.is_in(sorted(NANP)).alias("near"))
        fits = {name: fit & pl.col("near") for name, fit in fits.items()}
    digits = page.select(
        pl.when(fit).then(pl.col(name).str.replace_many(_PUNCTUATION).str.strip_prefix("1")).alias(name)
        for name, fit in fits.items()
    )
    return digits.with_columns(pl.when(~pl.all().is_in(nanp_placeholders())).then(pl.all()))


def _at(region: str | pl.Series, rows: pl.Series) -> pl.Series:
    if isinstance(region, pl.Series):
        return region.gather(rows).alias("region")
    return pl.Series("region", [region]).new_from_index(0, rows.len())


def _among_words(values: pl.DataFrame, label: str) -> pl.DataFrame:
    """Return the distinct ``values`` with digits and note; the digits are null if :data:`_AMONG_WORDS` does not fit."""
    lower = pl.col("raw").str.to_lowercase()
    parts = values.with_columns(
        lower.str.extract(_AMONG_WORDS, group).alias(name)
        for group, name in enumerate(("before", "number", "after"), 1)
    )
    digits = pl.col("number").str.replace_many(_PUNCTUATION)
    digits = pl.when(digits.str.len_chars() == 11).then(digits.str.strip_prefix("1")).otherwise(digits)
    number = pl.any_horizontal(pl.col("before", "after").str.contains("[0-9]"))
    clear = ~pl.col("after").str.contains(_EXTENSION_OR_LIST) & ~digits.is_in(nanp_placeholders())
    return parts.select(
        "raw",
        "region",
        digits=pl.when(clear & pl.col("region").is_in(sorted(NANP))).then(digits),
        problem=pl.lit(None, dtype=pl.String),
        note=pl.when(number).then(pl.lit(f"{label}: {BESIDE}")),
    )


def _read(values: pl.DataFrame, rules: PhoneRules, label: str) -> pl.DataFrame:
    """Read the distinct ``values`` (``raw``, ``region``) one by one; return them with digits, problem and note."""
    rows = [_row(numbers_in(text, region), rules, label) for text, region in values.iter_rows()]
    made = pl.DataFrame(rows, schema=dict.fromkeys(("digits", "problem", "note"), pl.String), orient="row")
    return values.hstack(made)


def _row(found: Sequence[Found], rules: PhoneRules, label: str) -> tuple[str | None, str | None, str | None]:
    """Return the joined digits of one value, its problems and its notes."""
    sent, kept, left_out, notes = [], [], [], []
    for digits, problem in found:
        if problem in NOTES:
            notes.append(problem)
        elif problem is None or (digits and rules.invalid != "drop"):
            sent.append(digits)
            kept += [problem] if problem else []
        else:
            left_out.append(problem)
    wrong = [", ".join(dict.fromkeys(kept)), ", ".join([*dict.fromkeys(left_out), LEFT_OUT]) if left_out else ""]
    wrong = [f"{label}: {each}" for each in wrong if each]
    note = f"{label}: {', '.join(dict.fromkeys(notes))}" if notes else None
    return SEPARATOR.join(sent) or None, "; ".join(wrong) or None, note


def _all(count: int) -> pl.Expr:
    """Return the columns joined, without values that an earlier column holds too."""
    parts = [pl.col("d0")]
    for n in range(1, count):
        seen = pl.any_horizontal([pl.col(f"d{n}") == pl.col(f"d{m}") for m in range(n)])
        parts.append(pl.when(seen).then(None).otherwise(pl.col(f"d{n}")))
    return pl.concat_str(parts, separator=SEPARATOR, ignore_nulls=True)


def _without_repeats(result: pl.DataFrame, odd: Sequence[pl.Series]) -> pl.DataFrame:
    """Return ``result`` without numbers that a row repeats; ``odd``: the columns that may hold several numbers."""
    several = [series.str.contains(SEPARATOR, literal=True).fill_null(value=False) for series in odd]
    if not any(mask.any() for mask in several):
        return result
    rows = _numbered(several).select(pl.any_horizontal(pl.all()))
    # Whole values were compared before: "A;B" beside "B" still repeats B.
    at = rows.to_series().arg_true()
    joined = result["digits"].gather(at).str.split(SEPARATOR).list.unique(maintain_order=True).list.join(SEPARATOR)
    return pl.DataFrame([result["digits"].scatter(at, joined)])


def _problems(page: pl.DataFrame, problems: Sequence[pl.Series | None], *, first: bool) -> pl.Series:
    """Return each row's problems; with ``first``, only of the columns up to the one that was taken."""
    kept = []
    for n, problem in enumerate(problems):
        if problem is None:
            continue
        # A column behind the first one with a number was not asked, so its problem does not matter.
        reached = pl.all_horizontal(
            [pl.col(f"d{m}").is_null() for m in range(n if first else 0)] or [pl.lit(value=True)]
        )
        kept.append(page.with_columns(problem.alias("problem")).select(pl.when(reached).then("problem")).to_series())
    return _joined(kept) if kept else _nulls(page.height)


def _joined(texts: Sequence[pl.Series]) -> pl.Series:
    joined = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True)
    return _numbered(texts).select(pl.when(joined != "").then(joined)).to_series()


def _of_unknown_regions(raw: pl.DataFrame, unknown: pl.Series) -> pl.Series:
    """Return the problem of rows with a number and a region that does not exist."""
    # Without a number the region does not matter.
    filled = pl.any_horizontal(pl.all().fill_null("") != "")
    problem = pl.when(filled & unknown).then(pl.lit(f"{raw.columns[0]}: {_UNKNOWN}"))
    return _numbered(raw.get_columns()).select(problem).to_series()
