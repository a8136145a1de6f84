"""Policies to extend: pci_dss, cis_rhel, minimal. Each defines `policy`."""

PRESETS = ("pci_dss", "cis_rhel", "minimal")
