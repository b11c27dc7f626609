"""From survey files to cutouts.

Takes images, noise maps, PSF and catalogue, or ready-made cutouts; leaves the list of sources and
shards of cutouts. Rules: `download_file`, `detect_sources`, `match_physical`, `list_sources`,
`make_cutouts`.
"""
