"""What the candidate gives away: who was in its training rows, or what it should not know of a person."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec
from amends.domain.validation import STRESS
from amends.measures.arrow import Counts, Floats, as_floats, as_moments
from amends.measures.digesting import digest_batches
from amends.measures.membership import Membership, membership, row_loss, small_groups
from amends.measures.proxies import Measure, separation
from amends.measures.robustness import answers
from amends.workflow.judge_leaks import SMALL_CELL, judge_leaks
from amends.workflow.stress_bench import Bench, Loaded, harm, interval_of, told

LEAST = 100
"""Rows on either side under which an attack by loss says nothing."""
PAIR = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Learnt:
    """Rows from the span that a version was trained on: a sample, and how many there are by group."""

    rows: pa.Table
    groups: Mapping[str, int]


def judge_privacy(bench: Bench, learnt: Learnt | None, champions: Learnt | None) -> Iterator[Finding]:
    """Judge membership, then what inputs hold and what the scores tell.

    :param learnt: the candidate's training rows; None where it was not fitted to labels, or they are unknown.
    :param champions: the champion's, where they are known.
    """
    if learnt is None:
        yield told(
            "membership_auc", Category.PRIVACY_LEAK, Verdict.NO_DATA,
            "the candidate was not fitted to labelled rows, or which ones is not on record",
        )  # fmt: skip
    else:
        yield from _membership(bench, learnt, champions)
        yield _small(learnt)
    yield from _personal(bench)
    for attribute in bench.spec.columns.sensitive:
        yield _tells(bench, attribute)


def _membership(bench: Bench, learnt: Learnt, champions: Learnt | None) -> Iterator[Finding]:
    mine = attacked(bench.spec, bench.candidate, bench.champion, learnt.rows, bench.sample)
    limit = bench.policy.limit("gate.membership_auc")
    if mine is None:
        yield _too_few("membership_auc", limit)
        return
    theirs = None
    if champions is not None:
        theirs = attacked(bench.spec, bench.champion, bench.candidate, champions.rows, bench.sample)
    excuse = _excuse(bench, mine, theirs)
    yield _attack(bench, mine, theirs, excuse)
    for attribute in bench.spec.columns.sensitive:
        yield _by_group(bench, learnt, attribute, limit, excuse)


def _excuse(bench: Bench, mine: Membership, theirs: Membership | None) -> str:
    """Why a candidate that gives training rows away is no worse than the champion; empty where it is.

    By how much the champion gives away its own training rows, where these are on record; else by recipe:
    what was fitted alike to other rows remembers them alike.
    """
    if theirs is None:
        alike = bench.candidate.recipe is not None and bench.candidate.recipe == bench.champion.recipe
        return "the champion was fitted alike, to rows that are not on record" if alike else ""
    error = float(np.hypot(mine.told.error, theirs.told.error))
    rise = Measure(mine.told.value - theirs.told.value, error)
    if interval_of(rise)[0] > bench.policy.limit("gate.membership_rise"):
        return ""
    limit = bench.policy.limit("gate.membership_auc")
    told_too = f"the champion's loss tells its own with an AUC of {theirs.told.value:.3f}"
    return told_too if theirs.told.value > limit else ""


def _attack(bench: Bench, found: Membership, theirs: Membership | None, excuse: str) -> Finding:
    limit = bench.policy.limit("gate.membership_auc")
    reason = (
        f"the loss tells training rows from rows held out with an AUC of {found.told.value:.3f}, "
        f"{found.beyond.value:.3f} beyond what the champion's loss tells; overfitting gap {found.gap:+.3f}, "
        f"{found.excess:+.3f} beyond the champion's"
    )
    plain = harm(
        "membership_auc", Category.PRIVACY_LEAK, found.told, limit, reason, n=sum(found.rows),
        reference=theirs.told.value if theirs else None,
    )  # fmt: skip
    return _only_beyond(bench, plain, found, excuse)


def _only_beyond(bench: Bench, finding: Finding, found: Membership, excuse: str) -> Finding:
    """A breach only where the loss tells more than that training rows are easier, and more than before.

    More than easier: by rank, half as far beyond a coin as the limit allows, and by size.
    """
    limit, size = (bench.policy.limit(f"gate.membership_{name}") for name in ("auc", "gap"))
    by_rank = interval_of(found.beyond)[0] > 1 / 2 + (limit - 1 / 2) / 2
    doubt = excuse if by_rank and found.excess > size else (
        "to the champion the training rows are easier, too, which may explain it"
    )  # fmt: skip
    if not finding.is_breach or not doubt:
        return finding
    return replace(finding, verdict=Verdict.INCONCLUSIVE, reason=f"{finding.reason}; {doubt}")


def _by_group(bench: Bench, learnt: Learnt, attribute: str, limit: float, excuse: str) -> Finding:
    """The group whose training rows are told best; of groups with fewer than 100 rows nothing is said."""
    sides = [
        {
            str(name): table.filter(pc.equal(table.column(attribute), name))
            for name in _names(table, attribute)
        }
        for table in (learnt.rows, bench.sample)
    ]
    both = sorted(set(sides[0]) & set(sides[1]))
    attacks = {
        name: attacked(bench.spec, bench.candidate, bench.champion, sides[0][name], sides[1][name])
        for name in both
    }
    known = {name: one for name, one in attacks.items() if one is not None}
    if not known:
        return replace(_too_few("membership_auc", limit), attribute=attribute)
    worst = max(known, key=lambda name: known[name].told.value)
    found = known[worst]
    finding = harm(
        "membership_auc", Category.PRIVACY_LEAK, found.told, limit,
        f"of {len(known)} groups the loss tells training rows best in {worst}: AUC {found.told.value:.3f}; "
        f"{len(both) - len(known)} groups have too few rows to say", n=sum(found.rows),
        comparisons=len(known), attribute=attribute, groups=(worst,),
    )  # fmt: skip
    return _only_beyond(bench, finding, found, excuse)


def _names(table: pa.Table, attribute: str) -> list[object]:
    return [one for one in pc.unique(table.column(attribute)).to_pylist() if one is not None]


def attacked(
    spec: ModelSpec, version: Loaded, other: Loaded, learnt: pa.Table, held_out: pa.Table
) -> Membership | None:
    """Attack a version by its loss; None where too few rows are scored by both versions.

    Training rows that are not older than those held out are left out: they may be the same ones.
    """
    at = spec.columns.timestamp
    moments = as_moments(learnt.column(at), at)
    learnt = learnt.filter(pc.less(moments, pc.min(as_moments(held_out.column(at), at))))
    if min(learnt.num_rows, held_out.num_rows) < LEAST:
        return None
    losses = [_losses(spec, version, other, table) for table in (learnt, held_out)]
    if min(len(own) for own, _ in losses) < LEAST:
        return None
    return membership(losses[0], losses[1])


def _losses(spec: ModelSpec, version: Loaded, other: Loaded, rows: pa.Table) -> tuple[Floats, Floats]:
    frame, (label, _) = rows.to_pandas(), as_floats(rows.column(spec.columns.label))
    mine, theirs = answers(version.score, frame), answers(other.score, frame)
    kept = np.isfinite(mine) & np.isfinite(theirs) & np.isin(label, (0.0, 1.0))
    known = label[kept].astype(np.int64)
    return row_loss(mine[kept], known), row_loss(theirs[kept], known)


def _too_few(metric: str, limit: float) -> Finding:
    return told(
        metric, Category.PRIVACY_LEAK, Verdict.INCONCLUSIVE, threshold=limit,
        reason=f"fewer than {LEAST} rows in training or held out: an attack by loss says nothing",
    )  # fmt: skip


def _small(learnt: Learnt) -> Finding:
    """Groups of people so few that a version may know each of them."""
    few = small_groups(learnt.groups, SMALL_CELL)
    reason = f"no group of training rows has fewer than {SMALL_CELL} rows"
    if few:
        reason = (
            f"{few} groups by all sensitive attributes have fewer than {SMALL_CELL} training rows; whether "
            "the version knows them one by one cannot be told, and which they are is not shown"
        )
    return told(
        "membership_small_groups", Category.PRIVACY_LEAK, Verdict.INCONCLUSIVE if few else Verdict.PASS,
        reason, value=float(few), threshold=0.0, n=sum(learnt.groups.values()),
    )  # fmt: skip


def _personal(bench: Bench) -> Iterator[Finding]:
    """Search every level that the candidate is given for personal data, as texts are searched."""
    inputs = tuple(name for name in bench.levels if name in bench.sample.column_names)
    if not inputs:
        return
    columns = replace(bench.spec.columns, numeric=(), categorical=(), text=inputs)
    searched = replace(bench.spec, columns=columns)
    window = digest_batches(searched, bench.sample.to_batches())
    found = [one for one in judge_leaks(searched, bench.policy, window, window) if one.column in inputs]
    held = [one for one in found if one.verdict is not Verdict.PASS]
    for finding in held:
        yield replace(finding, metric=f"{STRESS}input_{finding.metric}")
    if not held:
        yield told(
            "input_personal_data_share", Category.PRIVACY_LEAK, Verdict.PASS, n=bench.sample.num_rows,
            column=inputs, value=0.0, threshold=bench.policy.limit("privacy.share"),
            reason=f"no pattern of personal data beyond its limit in {len(inputs)} inputs of levels",
        )  # fmt: skip


def _tells(bench: Bench, attribute: str) -> Finding:
    """How near the scores come to being a copy of a sensitive attribute: the group that they tell best."""
    limit, least = bench.policy.limit("gate.score_tells_group"), bench.policy.limit("fairness.min_group")
    kept = np.isfinite(bench.scores[1])
    groups = np.array([str(one) for one in bench.sample.column(attribute).to_pylist()])[kept]
    names, sizes = np.unique(groups, return_counts=True)
    large = [str(name) for name, size in zip(names, sizes, strict=True) if size >= least]
    if len(large) < 1 or len(names) < PAIR:
        return told(
            "score_tells_group", Category.PRIVACY_LEAK, Verdict.NO_DATA, threshold=limit, attribute=attribute,
            reason=f"fewer than two groups have {least:g} rows", n=int(kept.sum()),
        )  # fmt: skip
    seen = {name: _apart(bench.scores[1][kept], (groups == name).astype(np.int64)) for name in large}
    best = max(seen, key=lambda name: seen[name].value)
    return harm(
        "score_tells_group", Category.PRIVACY_LEAK, seen[best], limit,
        f"the scores tell {best} from others with an AUC of {seen[best].value:.3f}; from {limit:g} on they "
        f"are a copy of {attribute}", n=int(kept.sum()), comparisons=len(seen), attribute=attribute,
        groups=(best,),
    )  # fmt: skip


def _apart(score: Floats, member: Counts) -> Measure:
    found = separation(score, member)
    return Measure(max(found.value, 1 - found.value), found.error)
