"""What every answer of `amends check` has to keep, whatever it was asked."""

import json
from typing import Any, NoReturn

VERDICTS = {"pass", "breach", "inconclusive", "no_data", "error"}


def strict(out: str) -> dict[str, Any]:
    """Parse the document, as strict as JSON is, and hold each verdict to its evidence.

    A pass or a breach has a finite value (small cells of a leak are not shown); an incident is there exactly
    when something breached or a check could not run.
    """

    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} is no JSON")

    document: dict[str, Any] = json.loads(out, parse_constant=refuse)
    asks = False
    for finding in document["findings"]:
        verdict, reason = finding["verdict"], finding["reason"]
        assert verdict in VERDICTS
        assert reason
        if finding["category"] != "fairness" and " version " not in reason:  # these may be called nan
            assert not {"nan", "inf", "-inf", "None"} & set(reason.replace(",", " ").split()), reason
        if verdict in {"pass", "breach"} and finding["category"] != "privacy_leak":
            assert finding["value"] is not None, f"judged without a value: {finding}"
        asks = asks or verdict in {"breach", "error"}
    assert (document["incident"] is not None) == asks
    return document


def one_line(err: str) -> None:
    """A refusal is one line: the fact and, after it, the way out."""
    assert err.count("\n") == err.endswith("\n")
    assert len(err) < 600
    assert "Traceback" not in err
    assert "internal error" not in err
    said = err.strip().rstrip(".`").split(". ")
    assert len(said) > 1 or ";" in err, f"no way out: {err}"
