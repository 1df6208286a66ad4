"""Passes over the parts, in which workers describe and measure them; the results are joined at the driver.

Tables are described in waves: the distinct values of a wave are joined with those of all waves before it, and columns
that have too many of them are left out of later waves. The driver therefore never has the values of all parts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..artefact.inputs import Inputs
from ..preprocessing import standardization, table_summary
from . import agreement, measures
from .descriptions import Columns, Description, Look, describe
from .engine import hold_value
from .measures import Measures, Measuring

if TYPE_CHECKING:
    from ..preprocessing.table_summary import TableSummary
    from ..training.sharded import Request
    from ..training.targets import Targets
    from .engine import Engine
    from .parts import Part, Reading

_FEWEST = 16  # parts of a wave
_VALUES = 4_000_000  # distinct values of text that the driver takes in a wave


class Passes:
    """Passes over the parts.

    Parameters
    ----------
    engine : Engine
        Where the parts are read.
    parts : sequence of Part
        All parts.
    request : Request
        Properties to learn.
    """

    def __init__(self, engine: Engine, parts: Sequence[Part], request: Request) -> None:
        self._engine, self._parts, self._request = engine, parts, request
        c = request.configuration
        self._encodes = c.categorical_features is not None and request.inputs is None
        encoder = None if request.inputs is None else request.inputs.encoder
        self._thorough = (
            request.bins
            or (request.statistics and c.scaling in standardization.SAMPLED)
            or (request.make_targets is not None and (self._encodes or encoder is not None))
        )
        self._measuring = Measuring(encoder, request.statistics, False)

    def _map(
        self,
        function: Callable[..., Any],
        argument: Any,
        parts: Sequence[Part] | None = None,
        further: Sequence[Any] | None = None,
    ) -> list[Any]:
        """Return the results of a task for some parts, None for all of them, in their order.

        The task is a function of the source of a part, its number, `argument`, and what `further` has for it.
        """
        parts = self._parts if parts is None else parts
        ranks = sorted({part.rank for part in parts})
        handles = dict(zip(ranks, hold_value(self._engine, argument, ranks), strict=True))
        try:
            arguments: list[tuple[Any, ...]] = [
                (part.source, part.number, handles[part.rank]) for part in parts
            ]
            if further is not None:
                arguments = [(*each, more) for each, more in zip(arguments, further, strict=True)]
            return self._engine.map(function, arguments, [part.rank for part in parts])
        finally:
            self._engine.release(list(handles.values()))

    # ---- first pass

    def described(self) -> tuple[list[Description], Inputs]:
        """Return the descriptions of all parts, without the summaries of tables, and the inputs.

        Raises
        ------
        TypeError, ValueError
            If rows cannot be used, or the parts do not have the same columns.
        """
        request = self._request
        look = Look(
            request.configuration,
            None if request.inputs is None else request.inputs.replace(seen=None),
            request.targets,
            request.make_targets is None,
            request.n_columns,
        )
        is_one_pass = not (self._encodes or self._thorough)
        if is_one_pass and request.validation_fraction is None and request.class_weight is None:
            few = -(-measures.FEW_ROWS // len(self._parts))
            look = look._replace(measuring=self._measuring_of(request.targets), n_sample=few)
        found, summary = self._describe(look)
        if summary is not None and summary.lacking:
            _, summary = self._describe(look._replace(counts=summary.lacking))
        present = [each for each in found if each.n_rows]
        if not present:
            raise ValueError("All parts are empty: they have no rows.")
        agreement.check_storage(present)
        if request.inputs is not None:
            return found, request.inputs
        columns = agreement.columns(present)[0]
        return found, self._inputs(columns, summary)

    def _describe(self, look: Look) -> tuple[list[Description], TableSummary | None]:
        """Return the descriptions of all parts, and the summary of the whole table, if it is to be encoded."""
        found: list[Description] = []
        summary: TableSummary | None = None
        for wave in self._waves(found):
            if summary is not None:
                look = look._replace(uncounted=summary.beyond)
            described: list[Description] = self._map(describe, look, wave)
            first = next((each for each in found if each.n_rows), None)
            present = [each for each in (*([] if first is None else [first]), *described) if each.n_rows]
            if self._encodes and present:
                columns = agreement.columns(present)
                summaries = [] if summary is None else [summary]
                summary = table_summary.joined(
                    [*summaries, *(part.summary for part in columns if part.summary is not None)]
                )
            found += [_without_summary(each) for each in described]
        return found, summary

    def _waves(self, found: Sequence[Description]) -> Iterator[Sequence[Part]]:
        """Yield the parts of each wave; `found` are the descriptions of the waves before it."""
        if not self._encodes:
            yield self._parts
            return
        start, size = 0, max(_FEWEST, 2 * (self._engine.n_workers or 1))
        while start < len(self._parts):
            yield self._parts[start : start + size]
            start += size
            values = max(1, max(each.n_values for each in found))
            size = max(_FEWEST, self._engine.n_workers or 1, _VALUES // values)

    def _inputs(self, columns: Columns, summary: TableSummary | None) -> Inputs:
        """Return the inputs for rows with these columns."""
        c, encoder, n_columns = self._request.configuration, None, columns.n_columns
        if summary is not None:
            encoder = c.new_encoder().fit_summary(summary)
            n_columns = encoder.n_columns_
            expected = self._request.n_columns
            if expected is not None and n_columns != expected:
                raise ValueError(f"X has {n_columns} columns; the network takes {expected}.")
        return Inputs.of(
            c, n_columns, encoder, names=columns.names, shape=columns.shape, labels=columns.labels
        )

    # ---- second pass

    def encoded(self, reading: Reading) -> None:
        """Encode y of all parts, which raises the error of a row that cannot be encoded."""
        self._map(measures.encode_part, reading)

    def measured(self, described: Sequence[Description], reading: Reading) -> list[Measures | None]:
        """Return the measures of all parts; None for those without rows."""
        if any(each.measures is not None for each in described):
            return [each.measures for each in described]
        inputs: Inputs = reading.inputs
        width = inputs.n_columns if inputs.encoder is None else inputs.n_features
        n_rows = [each.n_rows for each in described]
        if reading.n_held_out:
            n_rows = [n - held for n, held in zip(n_rows, reading.n_held_out, strict=True)]
        sizes = measures.sizes_of_samples(n_rows, width, thorough=self._thorough)
        measuring = self._measuring_of(reading.targets)._replace(encoder=inputs.encoder, reading=reading)
        return self._map(measures.measure, measuring, further=sizes)

    def _measuring_of(self, targets: Targets | None) -> Measuring:
        c = self._request.configuration
        is_scaled = targets is not None and targets.scaling is not None
        return self._measuring._replace(
            scale_targets=c.scale_targets and not c.loss.classifies and not is_scaled
        )


def _without_summary(described: Description) -> Description:
    columns = described.columns
    return described if columns is None else described._replace(columns=columns._replace(summary=None))
