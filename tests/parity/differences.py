"""Differences: where localflyte does on purpose what the SDK's local mode does not, each with its reason."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("DIFFERENCES", "Difference")


class Difference(NamedTuple):
    """What a case gives under the SDK, what it gives here, and why that is right."""

    theirs: str
    ours: str
    why: str


_CROSSES = "there the error of an output leaves the run as itself; on a cluster, and here, it crosses like every error of a task"

DIFFERENCES: dict[tuple[str, str], Difference] = {
    ("caching", "override_behaviour"): Difference(
        "2", "1", "the SDK's local mode takes 'override' for a refresh; on a cluster it reads hits, with the version that was given"
    ),
    ("caching", "overwritten_for_a_run"): Difference("1", "2", "overwrite_cache is ignored there; on a cluster it runs everything again"),
    ("calling", "given_twice"): Difference(
        "\"returned '1 2 c'\"", "'ValueError'", "there the keyword is dropped in silence; Python itself would refuse the call"
    ),
    ("calling", "none_as_default_of_an_int"): Difference(
        "'TypeTransformerFailedError'",
        "'TypeError'",
        "there a refused default is another class than a refused argument; here both are TypeError",
    ),
    ("calling", "unknown_keyword"): Difference(
        "\"returned '1 2 c'\"",
        "'ValueError'",
        "there a misspelt keyword is dropped in silence, and the default used; Python itself would refuse the call",
    ),
    ("containers", "dataclass_with_enum_from_dict"): Difference(
        "raised TypeError",
        "Tree(kind=Kind.ELM, leaves=[Leaf(name='a', size=1.0), Leaf(name='added', size=2.0)], by_name={}, note=None, "
        "age=datetime.timedelta(days=365))",
        "a dict is taken for a dataclass there too, but not where a field is an enum; here it is, by the member's name",
    ),
    ("files", "folder_listed"): Difference(
        "['a.txt', 'b.txt', 'c.txt']",
        "['a.txt', 'b.txt']",
        "list_files is documented to list the folder itself; there it goes one level down",
    ),
    ("mapping", "plain_function"): Difference(
        "'RuntimeUserError AttributeError user'",
        "'RuntimeUserError TypeError user'",
        "what is no task is refused as such, not by an attribute it lacks",
    ),
    ("nesting", "processes"): Difference("1", "3", "every call has a process of its own: what localflyte is for"),
    ("refusals", "output_none_for_int"): Difference(
        "'RuntimeDataValidationError DataValidationError user'", "'RuntimeUserError DataValidationError user'", _CROSSES
    ),
    ("refusals", "output_of_another_type"): Difference(
        "'RuntimeDataValidationError DataValidationError user'", "'RuntimeUserError DataValidationError user'", _CROSSES
    ),
    ("refusals", "output_too_many"): Difference("'AssertionError'", "'RuntimeUserError AssertionError user'", _CROSSES),
    ("refusals", "output_without_annotation"): Difference(
        "'RuntimeDataValidationError DataValidationError user'", "'RuntimeUserError DataValidationError user'", _CROSSES
    ),
    ("retries", "after_a_wrong_output"): Difference(
        "['RuntimeDataValidationError DataValidationError user', 1]",
        "['RuntimeUserError DataValidationError user', 1]",
        _CROSSES,
    ),
    ("tracing", "sync_trace_in_an_async_task"): Difference(
        "'RuntimeUserError AssertionError user'",
        "'returned 6'",
        "there a blocking call would stop the one loop that all tasks share; here a task has its own",
    ),
}
