"""The few files by which a host is taken over: quiet on a busy machine."""

from fim.policy import Policy, package_verified
from fim.presets.catalogue import declare

__all__ = ["package_verified", "policy"]

policy = Policy("minimal")
declare(policy, {"password_database", "authentication", "ssh_access", "scheduled_jobs",
                 "services", "loaded_code"}, ("attack:",))
