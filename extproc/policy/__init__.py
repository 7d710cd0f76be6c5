"""The operator's file: its models, and loading it with errors that name the line and the mend."""

from extproc.policy.address import Address
from extproc.policy.backends import Backend, BackendModel
from extproc.policy.conditions import Condition, ConditionError
from extproc.policy.credentials import Bearer, Credential, Header, Source
from extproc.policy.loading import Loaded, load, load_with_notes, loads, loads_with_notes
from extproc.policy.model import Policy
from extproc.policy.pipelines import Block, Match, Pipeline
from extproc.policy.problems import PolicyError, Problem, UnusableError
from extproc.policy.processors import Allow, Pattern, Pii, Processor, Secrets, SizeLimit
from extproc.policy.secrets import SecretsError, key_of, read_rules, read_secrets, rules_of, stand_ins
from extproc.policy.settings import Health, Limits, Steering
from extproc.policy.tls import Tls
from extproc.policy.virtual import Target, VirtualModel

__all__ = [
    "Address",
    "Allow",
    "Backend",
    "BackendModel",
    "Bearer",
    "Block",
    "Condition",
    "ConditionError",
    "Credential",
    "Header",
    "Health",
    "Limits",
    "Loaded",
    "Match",
    "Pattern",
    "Pii",
    "Pipeline",
    "Policy",
    "PolicyError",
    "Problem",
    "Processor",
    "Secrets",
    "SecretsError",
    "SizeLimit",
    "Source",
    "Steering",
    "Target",
    "Tls",
    "UnusableError",
    "VirtualModel",
    "key_of",
    "load",
    "load_with_notes",
    "loads",
    "loads_with_notes",
    "read_rules",
    "read_secrets",
    "rules_of",
    "stand_ins",
]
