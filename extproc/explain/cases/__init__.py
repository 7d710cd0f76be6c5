"""An operator's own cases: requests, and what a policy has to do with them."""
