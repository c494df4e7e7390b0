"""The command line: `dicom-gateway`. Commands parse, call and print; no logic lives here."""

from dicom_gateway.cli.root import main

__all__ = ["main"]
