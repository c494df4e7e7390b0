"""A day at a veterinary and a dental practice, played against a real gateway over real sockets; a self-test too.

It starts `dicom-gateway serve` in a process of its own and stands outside of it, as a PMS and as devices do: the
API, the webhooks and DICOM are all that it uses.
"""
