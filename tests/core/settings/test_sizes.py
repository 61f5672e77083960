"""Sizes of data in a configuration."""

import pytest

from syncd.core.settings.sizes import parse_size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("64MB", 64_000_000),
        ("64 mb", 64_000_000),
        ("64 MiB", 67_108_864),
        ("512KB", 512_000),
        ("1.5G", 1_500_000_000),
        ("1000", 1000),
        ("10 b", 10),
        (1000, 1000),
        (2.5e6, 2_500_000),
    ],
)
def test_a_size_is_a_number_with_a_unit_or_of_bytes(written: str | float, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "MB", "64 meters", "64MB/s", "-1", "1e6", "64,000", True, "٦٤MB"])
def test_other_texts_are_no_sizes(written: str) -> None:
    with pytest.raises(ValueError, match="is not a size: write 64MB"):
        parse_size(written)


@pytest.mark.parametrize("written", ["0", "0.5", "5GB"])
def test_a_size_is_between_a_byte_and_four_gibibytes(written: str) -> None:
    with pytest.raises(ValueError, match="not a usable size"):
        parse_size(written)
