"""Progress callbacks: `Progress` of a stage by counts, and `ShareProgress` of one step inside a stage."""

from collections.abc import Callable

Progress = Callable[[str, int, int], object]
"""Takes the name of the stage, how much of it is done, and how much there is: 0 if that is unknown."""

ShareProgress = Callable[[float], object]
"""Takes the share that is done, 0 to 1. Inner steps report shares; `share_of` maps them to a stage of a `Progress`."""


def share_of(progress: Progress | None, stage: str) -> ShareProgress:
    """Return a callback that takes the share of a stage that is done, 0 to 1, and reports it in thousandths.

    Args:
        progress: The callback that it reports to; None for none.
        stage: Name of the stage.
    """

    def report(share: float) -> None:
        if progress is not None:
            progress(stage, round(1000 * share), 1000)

    return report


def count_of(progress: Progress | None, stage: str) -> Callable[[int, int], object] | None:
    """Return a callback that takes how much of a stage is done and how much there is; None if there is no `progress`.

    Args:
        progress: The callback that it reports to; None for none.
        stage: Name of the stage.
    """
    return None if progress is None else lambda done, total: progress(stage, done, total)
