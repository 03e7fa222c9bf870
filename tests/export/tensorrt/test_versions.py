"""Releases of TensorRT: supported, refused, and which adapter takes them."""

from __future__ import annotations

import pytest

from export.tensorrt.adapters.choice import adapter_for
from export.tensorrt.versions import FAULTS, SUPPORTED, check_version, parse_version
from runtime.errors import BuildError


@pytest.mark.parametrize(
    ("text", "version"),
    [("10.3.0.30", (10, 3, 0, 30)), ("8.6.1.post1", (8, 6, 1)), ("11.4.0a", (11, 4, 0)), ("x", ())],
)
def test_versions_are_read(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("version", "generation"),
    [
        ("8.6.1", "8.6"),
        ("9.3", "8.6"),
        ("10.0.1", "10.0"),
        ("10.16.1.11", "10.0"),
        ("11.4", "11.0"),
    ],
)
def test_the_newest_adapter_that_is_not_newer_is_taken(version: str, generation: str) -> None:
    assert adapter_for(version).generation == generation


@pytest.mark.parametrize("version", ["8.6.0", "8.6.3", "10.0.1", "10.16.2.10", "11.0", "11.99"])
def test_supported_releases_pass(version: str) -> None:
    assert check_version(version, "9.0") == []


@pytest.mark.parametrize("version", ["8.5.3", "7.1", "9.0.0", "9.3.0", "12.0.0", "", "dev"])
def test_all_others_are_refused_unless_allowed(version: str) -> None:
    with pytest.raises(BuildError, match="--allow-untested"):
        check_version(version, "9.0")
    assert len(check_version(version, "9.0", allow_untested=True)) == 1


def test_a_fault_concerns_its_gpu_alone() -> None:
    with pytest.raises(BuildError, match="isaac-ros-cli/issues/22"):
        check_version("10.13.3.9", "8.7")
    assert check_version("10.13.3.9", "9.0") == []
    assert check_version("10.14.0", "8.7") == []


def test_every_fault_has_a_source_and_the_bounds_do_not_overlap() -> None:
    assert all(fault.source.startswith("https://") and fault.why for fault in FAULTS)
    edges = [edge for pair in SUPPORTED for edge in pair]
    assert edges == sorted(edges)
