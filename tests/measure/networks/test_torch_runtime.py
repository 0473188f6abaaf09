"""Torch is imported with a passive wait policy, which leaves no trace."""

import os
import sys

import pytest

from vs_align.measure.networks.torch_runtime import passive_waiting


def test_only_while_torch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with passive_waiting():
        assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert "OMP_WAIT_POLICY" not in os.environ
    with pytest.raises(ImportError), passive_waiting():
        raise ImportError
    assert "OMP_WAIT_POLICY" not in os.environ


def test_what_the_user_has_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    with passive_waiting():
        assert os.environ["OMP_WAIT_POLICY"] == "active"
    assert os.environ["OMP_WAIT_POLICY"] == "active"


def test_too_late_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", object())
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with passive_waiting():
        assert "OMP_WAIT_POLICY" not in os.environ
