"""The figures: one function draws one figure and returns the numbers behind it.

Takes tables, leaves figures for `style.save_figure`. Rules: `plot_*`.
"""
