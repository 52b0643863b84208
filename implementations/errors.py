"""The errors of this project: each says what was expected, what came and what to do."""

from __future__ import annotations


class VersusError(Exception):
    """Base class of every error raised on purpose by this project.

    Parameters
    ----------
    subject
        What the error is about: an argument, a file, a backend.
    expected, got
        What was asked for and what came instead.
    action
        What the reader can do about it, as an imperative.

    Examples
    --------
    >>> print(VersusError("momentum", expected="a number in [0, 1)", got="1.5", action="lower it"))
    momentum: expected a number in [0, 1), got 1.5; lower it
    """

    def __init__(self, subject: str, *, expected: str, got: str, action: str) -> None:
        super().__init__(f"{subject}: expected {expected}, got {got}; {action}")
        self.subject = subject
        self.expected = expected
        self.got = got
        self.action = action


class InvalidInput(VersusError, ValueError):
    """A name, option, shape, dtype or value that cannot be used."""


class BackendUnavailable(VersusError, ImportError):
    """A backend, or its compiled mode, that cannot be used here: something is not installed."""


class BackendConflict(VersusError):
    """Two backends that cannot live in one process (Keras chooses its runtime once)."""


class UnsupportedConvention(VersusError):
    """A convention that a backend cannot express, neither by a mapping nor by a small wrapper."""


class DeviceUnavailable(VersusError):
    """A device that this backend does not see on this machine."""


def unknown_name(kind: str, name: object, known: tuple[str, ...], action: str) -> InvalidInput:
    """Return the error for a name that is not in a list, naming the nearest one that is.

    Examples
    --------
    >>> print(unknown_name("activation", "rleu", ("relu", "tanh"), "run `versus list activations`"))
    activation: expected one of relu, tanh, got 'rleu'; did you mean 'relu'? run `versus list activations`
    """
    from difflib import get_close_matches

    near = get_close_matches(str(name), known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return InvalidInput(kind, expected=f"one of {', '.join(known)}", got=repr(name), action=hint + action)
