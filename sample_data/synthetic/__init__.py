"""Synthetic radiographs, ultrasound and cone beam CT: anatomy drawn as solids, rays through them, a detector.

Everything is computed; no real image went into it. Lengths are millimetres, y grows downwards.
"""
