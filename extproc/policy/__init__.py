"""The operator's file: its models, and loading it with errors that name the line and the mend."""

from extproc.policy.address import Address
from extproc.policy.backends import Backend, BackendModel
from extproc.policy.credentials import Bearer, Credential, Header, Source
from extproc.policy.loading import load, loads
from extproc.policy.model import Policy
from extproc.policy.problems import PolicyError, Problem
from extproc.policy.settings import Health, Limits, Steering
from extproc.policy.tls import Tls
from extproc.policy.virtual import Target, VirtualModel

__all__ = [
    "Address",
    "Backend",
    "BackendModel",
    "Bearer",
    "Credential",
    "Header",
    "Health",
    "Limits",
    "Policy",
    "PolicyError",
    "Problem",
    "Source",
    "Steering",
    "Target",
    "Tls",
    "VirtualModel",
    "load",
    "loads",
]
