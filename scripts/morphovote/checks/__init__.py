"""What the result is worth.

Takes the finished stages, leaves tables of how stable, how complete and how distinct the groups and
classes are; and names what is wrong in the published steps. Rules: `check_stability`,
`inject_galaxies`, `plot_separation`, `plot_confounders`.
"""
