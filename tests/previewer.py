"""A VapourSynth environment policy as previewers have: each reload of a script is a new environment with a new core.

Import it in a process of its own, before anything else uses VapourSynth.
"""

from typing import Any

import vapoursynth as vs


class Policy(vs.EnvironmentPolicy):  # type: ignore[misc]
    """Keeps the environment in use in a plain attribute, for a process of one thread of Python."""

    api: Any
    current: Any = None

    def on_policy_registered(self, api: Any) -> None:
        """Keep the interface by which environments are made."""
        self.api = api

    def on_policy_cleared(self) -> None:
        """Forget the environment."""
        self.current = None

    def get_current_environment(self) -> Any:
        """Return the environment in use."""
        return self.current

    def set_environment(self, environment: Any) -> Any:
        """Use an environment, and return the one before."""
        old, self.current = self.current, environment
        return old


policy = Policy()
vs.register_policy(policy)
