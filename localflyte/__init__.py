"""localflyte: Flyte 2 code on one machine, every task call in a process of its own. The front door; nothing is loaded before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localflyte._lazy import DOORS
from localflyte._lazy import lazy_exports
from localflyte._version import __version__

__all__ = (
    "AMD_GPU",
    "AppHandle",
    "AsyncFunctionTaskTemplate",
    "Backoff",
    "BaseCheckpoint",
    "Cache",
    "CachePolicy",
    "CacheRequest",
    "Checkpoint",
    "ConditionWebhook",
    "Cron",
    "Device",
    "DeviceClass",
    "Environment",
    "FixedRate",
    "GPU",
    "HABANA_GAUDI",
    "Image",
    "ImageBuild",
    "Link",
    "Neuron",
    "OnArtifact",
    "PodTemplate",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Secret",
    "SecretRequest",
    "TPU",
    "TaskEnvironment",
    "TaskTemplate",
    "Timeout",
    "TimeoutType",
    "Trigger",
    "TriggerTime",
    "TriggeredArtifact",
    "__version__",
    "ai",
    "app",
    "artifacts",
    "build",
    "build_images",
    "cli",
    "clustered",
    "config",
    "connectors",
    "ctx",
    "current_domain",
    "current_project",
    "custom_context",
    "deploy",
    "durable",
    "errors",
    "extend",
    "extras",
    "get_custom_context",
    "git",
    "group",
    "init",
    "init_from_api_key",
    "init_from_config",
    "init_in_cluster",
    "init_passthrough",
    "io",
    "latest_checkpoint",
    "load_interactive_ctx",
    "load_plugin_config",
    "logger",
    "map",
    "models",
    "new_condition",
    "notify",
    "prefetch",
    "remote",
    "report",
    "rerun",
    "run",
    "run_python_script",
    "sandbox",
    "serve",
    "storage",
    "syncify",
    "system_logger",
    "trace",
    "types",
    "version",
    "with_runcontext",
    "with_servecontext",
)

if TYPE_CHECKING:
    from localflyte import ai as ai
    from localflyte import app as app
    from localflyte import artifacts as artifacts
    from localflyte import cli as cli
    from localflyte import clustered as clustered
    from localflyte import config as config
    from localflyte import connectors as connectors
    from localflyte import durable as durable
    from localflyte import errors as errors
    from localflyte import extend as extend
    from localflyte import extras as extras
    from localflyte import git as git
    from localflyte import io as io
    from localflyte import models as models
    from localflyte import notify as notify
    from localflyte import prefetch as prefetch
    from localflyte import remote as remote
    from localflyte import report as report
    from localflyte import sandbox as sandbox
    from localflyte import storage as storage
    from localflyte import syncify as syncify
    from localflyte import types as types
    from localflyte.api.condition import ConditionWebhook as ConditionWebhook
    from localflyte.api.condition import new_condition as new_condition
    from localflyte.api.context import ctx as ctx
    from localflyte.api.context import custom_context as custom_context
    from localflyte.api.context import get_custom_context as get_custom_context
    from localflyte.api.context import group as group
    from localflyte.api.environment import Environment as Environment
    from localflyte.api.environment import TaskEnvironment as TaskEnvironment
    from localflyte.api.map import map as map
    from localflyte.api.task import AsyncFunctionTaskTemplate as AsyncFunctionTaskTemplate
    from localflyte.api.task import TaskTemplate as TaskTemplate
    from localflyte.api.trace import trace as trace
    from localflyte.building import ImageBuild as ImageBuild
    from localflyte.building import build as build
    from localflyte.building import build_images as build_images
    from localflyte.checkpoint import BaseCheckpoint as BaseCheckpoint
    from localflyte.checkpoint import Checkpoint as Checkpoint
    from localflyte.checkpoint import latest_checkpoint as latest_checkpoint
    from localflyte.cluster import AppHandle as AppHandle
    from localflyte.cluster import deploy as deploy
    from localflyte.cluster import load_interactive_ctx as load_interactive_ctx
    from localflyte.cluster import run_python_script as run_python_script
    from localflyte.cluster import serve as serve
    from localflyte.cluster import with_servecontext as with_servecontext
    from localflyte.initialize import current_domain as current_domain
    from localflyte.initialize import current_project as current_project
    from localflyte.initialize import init as init
    from localflyte.initialize import init_from_api_key as init_from_api_key
    from localflyte.initialize import init_from_config as init_from_config
    from localflyte.initialize import init_in_cluster as init_in_cluster
    from localflyte.initialize import init_passthrough as init_passthrough
    from localflyte.logs import logger as logger
    from localflyte.logs import system_logger as system_logger
    from localflyte.pluginfile import load_plugin_config as load_plugin_config
    from localflyte.running import rerun as rerun
    from localflyte.running import run as run
    from localflyte.running import with_runcontext as with_runcontext
    from localflyte.spec.cache import Cache as Cache
    from localflyte.spec.cache import CachePolicy as CachePolicy
    from localflyte.spec.cache import CacheRequest as CacheRequest
    from localflyte.spec.image import Image as Image
    from localflyte.spec.link import Link as Link
    from localflyte.spec.pod import PodTemplate as PodTemplate
    from localflyte.spec.resources import AMD_GPU as AMD_GPU
    from localflyte.spec.resources import GPU as GPU
    from localflyte.spec.resources import HABANA_GAUDI as HABANA_GAUDI
    from localflyte.spec.resources import TPU as TPU
    from localflyte.spec.resources import Device as Device
    from localflyte.spec.resources import DeviceClass as DeviceClass
    from localflyte.spec.resources import Neuron as Neuron
    from localflyte.spec.resources import Resources as Resources
    from localflyte.spec.retry import Backoff as Backoff
    from localflyte.spec.retry import RetryStrategy as RetryStrategy
    from localflyte.spec.reuse import ReusePolicy as ReusePolicy
    from localflyte.spec.secret import Secret as Secret
    from localflyte.spec.secret import SecretRequest as SecretRequest
    from localflyte.spec.timeout import Timeout as Timeout
    from localflyte.spec.timeout import TimeoutType as TimeoutType
    from localflyte.spec.trigger import Cron as Cron
    from localflyte.spec.trigger import FixedRate as FixedRate
    from localflyte.spec.trigger import OnArtifact as OnArtifact
    from localflyte.spec.trigger import Trigger as Trigger
    from localflyte.spec.trigger import TriggeredArtifact as TriggeredArtifact
    from localflyte.spec.trigger import TriggerTime as TriggerTime
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "AMD_GPU": "spec.resources",
            "AppHandle": "cluster",
            "AsyncFunctionTaskTemplate": "api.task",
            "Backoff": "spec.retry",
            "BaseCheckpoint": "checkpoint",
            "Cache": "spec.cache",
            "CachePolicy": "spec.cache",
            "CacheRequest": "spec.cache",
            "Checkpoint": "checkpoint",
            "ConditionWebhook": "api.condition",
            "Cron": "spec.trigger",
            "Device": "spec.resources",
            "DeviceClass": "spec.resources",
            "Environment": "api.environment",
            "FixedRate": "spec.trigger",
            "GPU": "spec.resources",
            "HABANA_GAUDI": "spec.resources",
            "Image": "spec.image",
            "ImageBuild": "building",
            "Link": "spec.link",
            "Neuron": "spec.resources",
            "OnArtifact": "spec.trigger",
            "PodTemplate": "spec.pod",
            "Resources": "spec.resources",
            "RetryStrategy": "spec.retry",
            "ReusePolicy": "spec.reuse",
            "Secret": "spec.secret",
            "SecretRequest": "spec.secret",
            "TPU": "spec.resources",
            "TaskEnvironment": "api.environment",
            "TaskTemplate": "api.task",
            "Timeout": "spec.timeout",
            "TimeoutType": "spec.timeout",
            "Trigger": "spec.trigger",
            "TriggerTime": "spec.trigger",
            "TriggeredArtifact": "spec.trigger",
            "build": "building",
            "build_images": "building",
            "ctx": "api.context",
            "current_domain": "initialize",
            "current_project": "initialize",
            "custom_context": "api.context",
            "deploy": "cluster",
            "get_custom_context": "api.context",
            "group": "api.context",
            "init": "initialize",
            "init_from_api_key": "initialize",
            "init_from_config": "initialize",
            "init_in_cluster": "initialize",
            "init_passthrough": "initialize",
            "latest_checkpoint": "checkpoint",
            "load_interactive_ctx": "cluster",
            "load_plugin_config": "pluginfile",
            "logger": "logs",
            "map": "api.map",
            "new_condition": "api.condition",
            "rerun": "running",
            "run": "running",
            "run_python_script": "cluster",
            "serve": "cluster",
            "system_logger": "logs",
            "trace": "api.trace",
            "with_runcontext": "running",
            "with_servecontext": "cluster",
        },
        submodules=DOORS,
    )


def version() -> str:
    """:return: the version of localflyte, as ``localflyte.__version__``"""
    return __version__
