"""From components to groups: many clusterings vote.

Takes components, leaves the fitted voters, each galaxy's group, vote fraction and similar galaxies,
and the controls of the vote. Rules: `choose_groups`, `fit_voters`, `check_vote`, `calibrate_votes`,
`cast_votes`, `find_neighbours`.
"""
