"""From components to groups: many clusterings vote.

Takes components and small pictures, leaves the fitted voters, each galaxy's group, vote fraction,
similar galaxies and strangeness, and the controls of the vote. Rules: `choose_groups`,
`fit_voters`, `check_vote`, `calibrate_votes`, `cast_votes`, `fit_strangeness`, `find_neighbours`.
"""
