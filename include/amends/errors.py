"""Every error Amends raises on purpose, in one tree.

::

    AmendsError
    |-- BadInput                 what a person or a file gave us is wrong (exit code 2)
    |   |-- SpecError            a model spec: unknown or missing key, bad value
    |   |-- PolicyError          a policy: contradiction, gap, unreachable row
    |   |-- DataError            rows: no such file, not Parquet, a missing column, an empty window
    |   `-- Unavailable          a service or a resource: Postgres, MLflow, a port, disk space
    |-- Refused                  a rule says no; nothing was changed (recorded, never retried)
    |   |-- Superseded           the champion moved since validation
    |   |-- NotApproved          approvals are missing, forged, stale or from the wrong people
    |   `-- NotBlessed           validation did not bless the candidate
    |-- LedgerError              the ledger is broken: a gap, a changed row, a forbidden transition
    `-- ArtefactError            a model artefact is missing, altered or will not load

A message gives the fact, the place and the way out, on one line.
"""


class AmendsError(Exception):
    """Root of every error that Amends raises on purpose."""


class BadInput(AmendsError):
    """What a person or a file gave us is wrong; nothing was written."""


class SpecError(BadInput):
    """A model spec is wrong."""


class PolicyError(BadInput):
    """A policy contradicts itself, has a gap or a row that can never fire."""


class DataError(BadInput):
    """Rows cannot be used: no file, not Parquet, a missing column, an empty window."""


class Unavailable(BadInput):
    """A service or a resource is not there: Postgres, MLflow, a port, disk space."""


class Refused(AmendsError):
    """A rule says no; nothing was changed."""


class Superseded(Refused):
    """The champion moved since the candidate was validated against it."""


class NotApproved(Refused):
    """Approvals are missing, forged, stale or from the wrong people."""


class NotBlessed(Refused):
    """Validation did not bless the candidate."""


class LedgerError(AmendsError):
    """The ledger is broken: a gap, a changed row, a forbidden transition."""


class ArtefactError(AmendsError):
    """A model artefact is missing, altered or will not load."""
