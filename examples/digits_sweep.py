"""Which settings read handwritten digits best? A cross-validated sweep over scikit-learn's bundled digits.

    pip install 'localflyte[examples]'
    localflyte run examples/digits_sweep.py main
    localflyte run examples/digits_sweep.py main --folds 10    # every model again, on other folds

One task fits one model on one fold, in a process of its own. `env_vars` are set before anything is imported, which is
when numpy reads them: every fit keeps to one thread, and as many run side by side as there are cores.
Each fit is cached: add a candidate to `GRID` and only its folds are computed.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import fmean
from statistics import stdev
from typing import Any

import flyte
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

env = flyte.TaskEnvironment(
    name="digits",
    resources=flyte.Resources(cpu=1, memory="500Mi"),
    env_vars={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
)

MODELS: dict[str, Any] = {"svc": SVC, "forest": partial(RandomForestClassifier, random_state=0), "neighbours": KNeighborsClassifier}
GRID: dict[str, dict[str, list[Any]]] = {
    "svc": {"C": [1.0, 10.0], "gamma": [0.0005, 0.001, 0.002]},
    "forest": {"n_estimators": [50, 150], "max_depth": [8, 16]},
    "neighbours": {"n_neighbors": [1, 3, 5], "weights": ["uniform", "distance"]},
}


@dataclass
class Candidate:
    """One model with its settings."""

    model: str
    settings: dict[str, int | float | str]

    def __str__(self) -> str:
        return f"{self.model}({', '.join(f'{name}={value}' for name, value in self.settings.items())})"


@dataclass
class Score:
    """How well one candidate did over all folds."""

    candidate: str
    mean: float
    spread: float


@env.task(cache="auto")
def fit(candidate: Candidate, fold: int, folds: int) -> float:
    """Fit one candidate on all folds but one, and return its accuracy on that one."""
    images, digits = load_digits(return_X_y=True)
    known, unseen = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(images, digits))[fold]
    model = MODELS[candidate.model](**candidate.settings).fit(images[known], digits[known])
    return float(model.score(images[unseen], digits[unseen]))


@env.task
async def score(candidate: Candidate, folds: int) -> Score:
    """Cross-validate one candidate: one nested call a fold, all at once."""
    accuracies = await asyncio.gather(*(fit.aio(candidate, fold, folds) for fold in range(folds)))
    return Score(candidate=str(candidate), mean=fmean(accuracies), spread=stdev(accuracies))


@env.task
async def main(folds: int = 5) -> str:
    """Score every candidate of the grid and rank them."""
    candidates = [
        Candidate(model=model, settings=dict(zip(grid, values, strict=True)))
        for model, grid in GRID.items()
        for values in product(*grid.values())
    ]
    scores = await asyncio.gather(*(score(candidate, folds) for candidate in candidates))
    ranked = sorted(scores, key=lambda row: -row.mean)
    lines = [f"{len(candidates)} candidates, {folds} folds, {len(candidates) * folds} fits", ""]
    lines += [f"{row.mean:>8.2%} ± {row.spread:.2%}  {row.candidate}" for row in ranked]
    return "\n".join([*lines, "", f"Best: {ranked[0].candidate}"])


if __name__ == "__main__":
    flyte.init_from_config()
    print(flyte.run(main).outputs()[0])
