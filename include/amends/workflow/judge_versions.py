"""Which versions of a mixed window have the labels to be judged by themselves."""

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest


def judged_versions(spec: ModelSpec, policy: Policy, window: WindowDigest) -> list[str]:
    """Versions of a mixed window whose labels have arrived for enough rows; none where one version serves."""
    if len(window.versions) < 2:  # noqa: PLR2004 - one version is the window itself
        return []
    known = labelled_by_version(spec, window)
    return [name for name in sorted(window.versions) if name and _enough(policy, window, name, known)]


def judge_waiting(spec: ModelSpec, policy: Policy, window: WindowDigest, metric: str) -> list[Finding]:
    """Name the versions that serve a fair share of a mixed window and wait for their labels."""
    if len(window.versions) < 2:  # noqa: PLR2004 - as above
        return []
    known = labelled_by_version(spec, window)
    return [
        Finding(
            category=Category.PERFORMANCE, metric=metric, verdict=Verdict.INCONCLUSIVE, groups=(name,),
            reason=f"{known.get(name, 0)} of {rows} rows of version {name} have a label, too few to judge it",
            n=known.get(name, 0),
        )
        for name, rows in sorted(window.versions.items())
        if name and rows > policy.limit("versions.rare") * window.rows
        and not _enough(policy, window, name, known)
    ]  # fmt: skip


def labelled_by_version(spec: ModelSpec, window: WindowDigest) -> dict[str, int]:
    """Rows with a label, by version (regression: with a finite error)."""
    found: dict[str, int] = {}
    if spec.task == "regression":
        for key, sums in window.sums.items():
            found[key[0] or ""] = found.get(key[0] or "", 0) + int(sums[0])
        return found
    for (version, *_, label, _), n in window.table.items():
        found[version or ""] = found.get(version or "", 0) + (n if label is not None else 0)
    return found


def _enough(policy: Policy, window: WindowDigest, name: str, known: dict[str, int]) -> bool:
    labelled, share = known.get(name, 0), policy.limit("performance.min_labelled_share")
    return labelled >= policy.limit("performance.min_labelled") and labelled >= share * window.versions[name]
