"""The machines behind the sandbox's VMs: containers with an address, an init, sshd and an engine of
their own."""

from sandbox.vms.containers import VmContainers

__all__ = ["VmContainers"]
