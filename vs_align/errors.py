"""Errors. Each is a `vs.Error`, which scripts and previewers expect, and the builtin that fits its cause."""

try:
    from vapoursynth import Error as _Base
except ModuleNotFoundError:
    # a Timeline or a Placement can be read and changed where VapourSynth is not installed
    _Base = Exception


class AlignError(_Base):
    """Base of every error that vs_align raises on purpose."""


class ArgumentError(AlignError, ValueError):
    """An argument breaks a rule. The message names the function, the argument, the rule and the value."""

    def __init__(self, function: str, argument: str, rule: str, given: object = None) -> None:
        """Build the message `vs_align.<function>: <argument> <rule>, got <given>.`."""
        suffix = "" if given is None else f", got {given}"
        super().__init__(f"vs_align.{function}: {argument} {rule}{suffix}.")
        self.function, self.argument = function, argument


class MissingDependencyError(AlignError, RuntimeError):
    """A plugin, package or program that this call needs is not installed. The message says how to get it."""


class MediaError(AlignError, OSError):
    """A file cannot be read as video, is damaged, or cannot be written."""
