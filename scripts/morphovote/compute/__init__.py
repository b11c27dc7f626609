"""What every stage computes with: intervals, neighbours, samples, devices, processes, memory.

Takes arrays, leaves arrays; knows nothing of galaxies. Every rule may use it.
"""
