"""What an entry of the catalogue is, and how its options are checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from implementations.errors import InvalidInput, unknown_name

OptionValue = float | bool | str | tuple[float, ...]
REQUIRED = "required"
ABSENT = "absent"
"""What a framework's default is called where it has none, and where it has no such option."""


@dataclass(frozen=True)
class Range:
    """A closed interval of x in which less is asked, because every good implementation loses digits there.

    Parameters
    ----------
    of
        What the parts that cancel measure: `1`; `x`, the size of x (of a row its largest number's); `1/x`.
        Errors count in units in the last place of it, or of f where that is larger; `f`: of f alone.
    ulp
        Largest error that passes.
    """

    low: float
    high: float
    of: Literal["f", "1", "x", "1/x"] = "1"
    ulp: float = 8.0


@dataclass(frozen=True)
class Accuracy:
    """How near to the exact result a good implementation comes.

    Errors count in units in the last place (ULP) of the exact result, for every x but those in `ranges`.

    Parameters
    ----------
    ulp
        Largest error that passes. 8 leaves room for three or four rounded operations and a library function;
        whoever fuses or rearranges them stays within it.
    ranges
        Where less is asked.
    reason
        Why, where it is not 8 everywhere.
    """

    ulp: float = 8.0
    ranges: tuple[Range, ...] = ()
    reason: str = ""


GOOD = Accuracy()


@dataclass(frozen=True)
class Option:
    """One option of an element: its default decides its type.

    Parameters
    ----------
    name
        Keras 3's argument name where Keras has the option, else torch's.
    default
        Value when the option is not given. None marks a required number.
    meaning
        What the option does, for `versus list` and the documentation.
    low, high
        Closed bounds of a number; `above` is an open lower bound, `below` an open upper one.
    choices
        The values that a text option can take.
    keras_default, torch_default, jax_default, tensorflow_default
        The frameworks' own where it is not the same, for the documentation: a value, REQUIRED or ABSENT. A
        test compares it, or that it is the same, with the signatures of what an element names as `native`.
    """

    name: str
    default: OptionValue | None
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    choices: tuple[str, ...] = ()
    keras_default: OptionValue | None = None
    torch_default: OptionValue | None = None
    jax_default: OptionValue | None = None
    tensorflow_default: OptionValue | None = None

    @property
    def own_defaults(self) -> Mapping[str, OptionValue | None]:
        """Each framework's own default; None where it is not another one."""
        return {
            "keras": self.keras_default,
            "torch": self.torch_default,
            "jax": self.jax_default,
            "tensorflow": self.tensorflow_default,
        }

    def check(self, owner: str, value: object) -> OptionValue:
        """Return the value as a plain Python bool, float, str or, for a list, tuple of floats.

        Raises
        ------
        InvalidInput
            If the type or range is wrong.
        """
        subject = f"option {self.name} of {owner}"
        action = f"see `{self.name}`: {self.meaning}"
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise InvalidInput(subject, expected="true or false", got=repr(value), action=action)
        if self.choices:
            if value in self.choices:
                return str(value)
            raise InvalidInput(
                subject, expected=f"one of {', '.join(self.choices)}", got=repr(value), action=action
            )
        if isinstance(self.default, tuple):
            if not isinstance(value, (list, tuple)) or (self.default and not value):
                raise InvalidInput(subject, expected="a list of numbers", got=repr(value), action=action)
            return tuple(self._number(subject, each, action) for each in value)
        return self._number(subject, value, action)

    def _number(self, subject: str, value: object, action: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidInput(subject, expected="a number", got=repr(value), action=action)
        number = float(value)
        if not (self.low <= number <= self.high and self.above < number < self.below):
            raise InvalidInput(subject, expected=self.range, got=repr(value), action=action)
        return number

    @property
    def range(self) -> str:
        """The permitted numbers in words, such as `a number in (0, 1]`."""
        left = f"({self.above:g}" if self.above >= self.low else f"[{self.low:g}"
        right = f"{self.below:g})" if self.below <= self.high else f"{self.high:g}]"
        return f"a number in {left}, {right}"


@dataclass(frozen=True)
class Element:
    """One activation, loss, optimizer, schedule or initializer: what its name means everywhere.

    Parameters
    ----------
    name, kind
        `relu`, `activation`.
    formula
        Plain text, with the shapes where they matter.
    reference
        Paper or framework file that defines it.
    options
        Options with defaults. Defaults are Keras 3's unless the notes say otherwise.
    conventions
        Presets for which frameworks mean different things by one name:
        `{"keras": {"epsilon_mode": "hat"}, "torch": {"epsilon_mode": "plain"}}`.
    native
        The framework's own function or class; absent where it is composed from operations.
    kinks
        Points at which the derivative jumps.
    exact
        f(x), or a loss of one prediction p and target t, as SymPy reads it: what results are judged by.
        At a kink the branch that holds says what the derivative is. Absent where a result depends on a row.
        Options are known by their names, each choice of a text as true or false, the numbers of a list as
        `class_weight_0`, `class_weight_1`.
    exact_derivative
        Where it is not the derivative of `exact`, which it calls `derivative`.
    value, derivative
        What is asked of implementations.
    notes
        Conventions worth knowing, such as the derivative at a kink.
    """

    name: str
    kind: str
    formula: str
    reference: str
    options: tuple[Option, ...] = ()
    conventions: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict)
    native: Mapping[str, str] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()
    exact: str = ""
    exact_derivative: str = ""
    value: Accuracy = GOOD
    derivative: Accuracy = GOOD
    notes: str = ""

    @property
    def arguments(self) -> tuple[Option, ...]:
        """The options, after what else a framework's call takes."""
        return self.options

    def own_default(self, framework: str, option: Option) -> OptionValue:
        """Return what a framework takes where an option is not given, REQUIRED or ABSENT.

        A convention's preset is what the framework does, whether an argument could change it or not.

        Examples
        --------
        >>> from implementations.catalog import optimizer
        >>> rmsprop = optimizer("rmsprop")
        >>> {option.name: rmsprop.own_default("torch", option) for option in rmsprop.arguments[:3]}
        {'learning_rate': 0.01, 'rho': 0.99, 'centered': False}
        """
        if framework not in self.native:
            return ABSENT
        default = option.own_defaults[framework]
        if default is None:
            default = self.conventions.get(framework, {}).get(option.name, option.default)
        return REQUIRED if default is None else default

    def resolve(self, given: Mapping[str, Any], default_convention: str = "keras") -> dict[str, Any]:
        """Return every option with its value: defaults, then the convention's preset, then what was given.

        Raises
        ------
        InvalidInput
            For an unknown option, a missing required one, or a value out of range.

        Examples
        --------
        >>> from implementations.catalog import activation
        >>> activation("leaky_relu").resolve({})
        {'negative_slope': 0.2}
        """
        given = dict(given)
        owner = f"{self.kind} {self.name}"
        convention = given.pop("convention", None)
        known = tuple(option.name for option in self.options)
        for name in given:
            if name not in known:
                shown = (*known, "convention") if self.conventions else known
                raise unknown_name(
                    f"option of {owner}", name, shown or ("no options",), "remove or correct it"
                )
        if convention is not None and convention not in self.conventions:
            raise InvalidInput(
                f"convention of {owner}",
                expected=f"one of {', '.join(self.conventions)}"
                if self.conventions
                else "none: it has one meaning",
                got=repr(convention),
                action="correct or remove it",
            )
        preset = self.conventions.get(convention or default_convention, {})
        values: dict[str, Any] = {}
        for option in self.options:
            value = given.get(option.name, preset.get(option.name, option.default))
            if value is None:
                raise InvalidInput(
                    f"option {option.name} of {owner}",
                    expected=option.range,
                    got="nothing",
                    action="give it a value",
                )
            values[option.name] = option.check(owner, value)
        return values


E = TypeVar("E", bound=Element)


def table(*elements: E) -> Mapping[str, E]:
    """Return the elements by name, in the given order, immutable."""
    return MappingProxyType({element.name: element for element in elements})
