"""A finding: one statement about one window, with its evidence and its reason."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from amends.domain.canonical import strict


class Category(StrEnum):
    """What kind of risk a finding speaks of (CONTRACT: stable names)."""

    DATA_QUALITY = "data_quality"
    LABEL_QUALITY = "label_quality"
    DATA_DRIFT = "data_drift"
    PREDICTION_DRIFT = "prediction_drift"
    LABEL_DRIFT = "label_drift"
    CALIBRATION_DRIFT = "calibration_drift"
    PERFORMANCE = "performance"
    PERFORMANCE_ESTIMATED = "performance_estimated"
    FAIRNESS = "fairness"
    PRIVACY_LEAK = "privacy_leak"
    ATTRIBUTION_SHIFT = "attribution_shift"
    SERVICE_HEALTH = "service_health"
    MONITOR_FAILURE = "monitor_failure"
    REGISTRY_TAMPER = "registry_tamper"
    USER_REPORT = "user_report"
    AUDIT_FINDING = "audit_finding"


class Verdict(StrEnum):
    """What a check says. An error is not a breach; silence is not a pass."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    BREACH = "breach"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's verdict on one window.

    ``value``, ``reference_value``, ``threshold`` and ``interval`` share the metric's unit;
    ``n`` counts the rows the value rests on. ``column`` or ``attribute`` names what it is about.
    """

    category: Category
    metric: str
    verdict: Verdict
    reason: str
    column: str | tuple[str, ...] | None = None
    attribute: str | tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    value: float | None = None
    reference_value: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None

    def document(self) -> dict[str, Any]:
        """Return the finding as strict JSON: numbers finite or null."""
        document: dict[str, Any] = strict({one.name: getattr(self, one.name) for one in fields(self)})
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Finding":
        """Rebuild a finding from :meth:`document`."""
        as_tuple: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
        }
        as_tuple["category"] = Category(document["category"])
        as_tuple["verdict"] = Verdict(document["verdict"])
        return cls(**as_tuple)

    @property
    def is_breach(self) -> bool:
        """Whether the check found its threshold crossed, with enough evidence."""
        return self.verdict is Verdict.BREACH
