"""What can be set of a training. Values come from job/*.yaml and the command line, and are stored with a run.

Imports cli, stores, foreign and errors.
"""

from ner_dist.config.checks import ConfigError
from ner_dist.config.command_line import DEFAULT_JOB, parse
from ner_dist.config.knobs import (
    RESUMABLE,
    Config,
    Data,
    Loss,
    Model,
    Optimizer,
    OptimizerName,
    TrackerName,
    Train,
    flat,
)
from ner_dist.config.like import like_model, like_sentence
from ner_dist.config.paths import job_file
from ner_dist.config.stored import from_dict, from_record, read_stored, sealed_yaml, to_yaml

__all__ = [
    "DEFAULT_JOB",
    "RESUMABLE",
    "Config",
    "ConfigError",
    "Data",
    "Loss",
    "Model",
    "Optimizer",
    "OptimizerName",
    "TrackerName",
    "Train",
    "flat",
    "from_dict",
    "from_record",
    "job_file",
    "like_model",
    "like_sentence",
    "parse",
    "read_stored",
    "sealed_yaml",
    "to_yaml",
]
