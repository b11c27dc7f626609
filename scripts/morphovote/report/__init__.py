"""Figures, report, summary, and the pages for naming groups and looking at galaxies.

Takes the catalogue and the tables of the checks, leaves PNG, CSV, HTML and JSON. Rules: `plot_*`,
`write_summary`, `build_naming`, `build_explore`, `build_report`.
"""
