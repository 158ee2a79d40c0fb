"""The named places at which a worker can be struck: before and after every write of the commit, the send path and the
take-over."""

from typing import Final, Literal

Point = Literal[
    "before begin", "after begin",
    "before journal append", "inside journal append", "after journal append",
    "before moved append", "after moved append",
    "before dead letters append", "after dead letters append",
    "before changelog append", "inside changelog append", "after changelog append",
    "before commit", "after commit",
    "before store write", "after store write",
    "before call", "inside call", "after call",
    "before bulk call", "inside bulk call", "after bulk call", "inside answer append", "after answer append",
    "before fence", "after fence", "inside recovery", "after recovery", "inside rebuild", "after rebuild",
]  # fmt: skip
POINTS: Final[tuple[Point, ...]] = Point.__args__  # type: ignore[attr-defined]
SUDDEN: Final = frozenset(("before store write", "after store write"))
"""Inside one call of the disk: a worker can be killed there, but not freeze for others to run."""
REBUILDING: Final = frozenset(("inside rebuild", "after rebuild"))
