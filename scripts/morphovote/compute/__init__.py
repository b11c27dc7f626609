"""Tools for every stage: intervals, neighbours, samples, devices, processes, memory.

Takes arrays, leaves arrays; nothing here is specific to galaxies. Every rule may use it.
"""
