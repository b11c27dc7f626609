"""Checks of the result.

Takes the finished stages, leaves tables of how stable, complete and distinct the groups and classes
are; and lists the faults of the published steps. Rules: `check_stability`,
`inject_galaxies`, `plot_separation`, `plot_confounders`.
"""
