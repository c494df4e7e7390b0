"""Real peers against the running gateway, and the DICOM conformance statement (PS3.2).

`python -m conformance` starts the gateway and lets DCMTK, dcmjs-dimse and Orthanc be its devices; nothing here speaks
DICOM by the library that the gateway is built on. `python -m conformance.statement` renews the statement's tables.
"""
