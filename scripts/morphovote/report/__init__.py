"""Figures, report, summary and naming page.

Takes the catalogue and the tables of the checks, leaves PNG, CSV, HTML and JSON. Rules: `plot_*`,
`write_summary`, `build_naming`, `build_report`.
"""
