"""flyte.prefetch: models that are fetched into a cluster's storage. Declared here, done by a cluster."""

from __future__ import annotations

from localflyte.cluster import ClusterFunction
from localflyte.cluster import ClusterRecord

__all__ = (
    "HuggingFaceModelInfo",
    "ShardConfig",
    "StoredModelInfo",
    "VLLMShardArgs",
    "hf_model",
)

INSTEAD = "Models are fetched into a cluster's storage with the flyte SDK; a task can download one by itself."


class HuggingFaceModelInfo(ClusterRecord):
    """A model of the Hugging Face hub."""

    instead = INSTEAD


class ShardConfig(ClusterRecord):
    """How a model is split for serving."""

    instead = INSTEAD


class StoredModelInfo(ClusterRecord):
    """A model that was fetched."""

    instead = INSTEAD


class VLLMShardArgs(ClusterRecord):
    """How vLLM splits a model."""

    instead = INSTEAD


hf_model = ClusterFunction("flyte.prefetch.hf_model", INSTEAD)
