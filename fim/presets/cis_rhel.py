"""What the CIS benchmarks of RHEL 7 to 9 and of Debian set, kept as it was set."""

from fim.policy import Policy, package_verified
from fim.presets.catalogue import ROWS, declare

__all__ = ["package_verified", "policy"]

policy = Policy("cis_rhel")
declare(policy, {row.name for row in ROWS if any(tag.startswith("cis:") for tag in row.tags)},
        ("cis:", "attack:"))
