"""The operator's file: its models, and loading it with errors that name the line and the mend."""

from extproc.policy.address import Address
from extproc.policy.backends import Backend, BackendModel
from extproc.policy.conditions import Condition, ConditionError
from extproc.policy.credentials import Bearer, Credential, Header, Source
from extproc.policy.loading import Draft, LoadedPolicy, drafted, loads
from extproc.policy.mcp import Mcp, McpList, McpPins, McpServer
from extproc.policy.model import Policy
from extproc.policy.names import OWN_ROUTES
from extproc.policy.parts import Parts, PlacedStep, parts_of
from extproc.policy.pipelines import Block, Match, Pipeline
from extproc.policy.problems import PolicyError, Problem, Unusable, UnusableError
from extproc.policy.processors import Allow, Pattern, Pii, Processor, Secrets, SizeLimit
from extproc.policy.residency import ResidencyRule
from extproc.policy.retries import Retry
from extproc.policy.secrets import (
    key_of,
    missing_authorities,
    pins_of,
    read_parts,
    read_rule_files,
    read_secrets,
    rules_of,
    stand_ins,
)
from extproc.policy.settings import Health, Limits
from extproc.policy.steering import Steering
from extproc.policy.strategy import FEATURES, Balance, Canary
from extproc.policy.tls import Tls
from extproc.policy.virtual import RoutingRule, Target, VirtualModel

__all__ = [
    "FEATURES",
    "OWN_ROUTES",
    "Address",
    "Allow",
    "Backend",
    "BackendModel",
    "Balance",
    "Bearer",
    "Block",
    "Canary",
    "Condition",
    "ConditionError",
    "Credential",
    "Draft",
    "Header",
    "Health",
    "Limits",
    "LoadedPolicy",
    "Match",
    "Mcp",
    "McpList",
    "McpPins",
    "McpServer",
    "Parts",
    "Pattern",
    "Pii",
    "Pipeline",
    "PlacedStep",
    "Policy",
    "PolicyError",
    "Problem",
    "Processor",
    "ResidencyRule",
    "Retry",
    "RoutingRule",
    "Secrets",
    "SizeLimit",
    "Source",
    "Steering",
    "Target",
    "Tls",
    "Unusable",
    "UnusableError",
    "VirtualModel",
    "drafted",
    "key_of",
    "loads",
    "missing_authorities",
    "parts_of",
    "pins_of",
    "read_parts",
    "read_rule_files",
    "read_secrets",
    "rules_of",
    "stand_ins",
]
